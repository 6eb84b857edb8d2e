"""The HTTP API, for people and for relays."""
