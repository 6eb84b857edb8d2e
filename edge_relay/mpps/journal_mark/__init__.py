"""journal.mark, beside journal.db: how far the journal had come, so that what it lost can be told."""
