"""The history for analysis: what there is, how it is derived, and how it leaves DynamoDB."""
