"""The structure of the source: its rooms and their imports. `make structure` prints it, tests hold it."""
