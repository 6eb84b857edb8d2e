"""What becomes known, one thing at a time, and without names. Pure."""
