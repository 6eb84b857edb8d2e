"""Which items a performed step is of, when a person says so."""
