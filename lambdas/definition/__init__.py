"""A source definition: its parts, how it is read from a file, and whether it fits its project."""
