"""What time it is: by the cloud's clock, and by one that nobody can set."""
