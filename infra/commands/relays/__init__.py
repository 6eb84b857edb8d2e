"""``mwl-cloud relays``: what needs a module of its own."""
