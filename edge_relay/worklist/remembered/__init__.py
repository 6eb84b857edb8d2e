"""What was read or written before and is the same now: a console asks for the same list again. Pure."""
