"""The relay's files: their names, how a private file is written, how a SQLite file is opened."""
