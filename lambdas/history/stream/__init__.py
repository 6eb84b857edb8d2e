"""From the tables' streams to files in a bucket."""
