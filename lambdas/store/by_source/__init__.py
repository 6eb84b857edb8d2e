"""Items by the source and the record they came from."""
