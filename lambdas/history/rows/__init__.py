"""From facts to the rows of the tables. Pure."""
