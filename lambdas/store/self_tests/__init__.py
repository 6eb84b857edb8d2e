"""Test participants: where each is, and what its way says."""
