"""What the cloud and the edge relay mean by the same word: models, wire forms, rules. No I/O, no clock."""
