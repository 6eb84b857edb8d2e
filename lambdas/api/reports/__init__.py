"""Planned and done: what was booked, what became of it, and every figure's definition."""
