"""Projects and people to fill the simulator with."""
