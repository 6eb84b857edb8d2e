"""Performed procedure steps: events, the state machine, what is read from their data sets. Pure."""
