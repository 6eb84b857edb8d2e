"""A source definition held against its project's data dictionary: what is not so, what cannot work. Pure."""
