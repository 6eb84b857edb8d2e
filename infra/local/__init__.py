"""The local stack: everything on one machine, for the demo, for development and for end-to-end tests."""
