"""Faults put into the running system, and what came of it counted: ``make faults``."""
