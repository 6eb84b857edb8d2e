"""What the simulator holds: projects, their records, their log."""
