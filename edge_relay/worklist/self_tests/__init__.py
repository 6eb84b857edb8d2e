"""The test participant at the relay, apart from the worklist."""
