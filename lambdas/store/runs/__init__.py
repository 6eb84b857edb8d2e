"""What is remembered of each source's syncs, spread over shards so that no partition carries them all."""
