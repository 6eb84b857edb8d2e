"""The commands of ``mwl-relay``, apart from those that set up and run it."""
