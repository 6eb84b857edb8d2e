"""Text that both sides check in the same way: site names, time zones, what can be stored. Pure."""
