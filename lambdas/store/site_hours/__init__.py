"""When something is expected at a site, so that its relays know how often to ask."""
