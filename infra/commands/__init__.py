"""The commands of ``mwl-cloud``, apart from the local stack, users and relays."""
