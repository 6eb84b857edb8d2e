"""Routes for what leaves us by itself: notices, and calendars for other programs."""
