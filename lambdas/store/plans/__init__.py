"""Since when an item is on the list as it is planned, and when that was asked for."""
