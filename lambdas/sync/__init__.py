"""One sync of one source: the lease, the run, the pass over rows, and what it did."""
