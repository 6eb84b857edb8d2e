"""A source definition held against its project's data dictionary: what it says that is not so, or cannot work. Pure."""
