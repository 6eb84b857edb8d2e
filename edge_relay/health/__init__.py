"""The relay's health: what is counted, and what counts as a problem."""
