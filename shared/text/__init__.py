"""Text that is checked alike on both sides: site names, time zones, what can be stored. Pure."""
