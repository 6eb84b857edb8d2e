"""Tables of journal.db that hold more than events and steps, each with what is done to it."""
