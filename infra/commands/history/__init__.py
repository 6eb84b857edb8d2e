"""``mwl-cloud history``: all that ever happened, as files for analysis."""
