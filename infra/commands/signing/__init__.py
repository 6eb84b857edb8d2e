"""Commands for the keys that sign people's access tokens."""
