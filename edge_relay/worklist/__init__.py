"""C-FIND: from the bytes a scanner asks with to the bytes of every answer, over the rows of cache.db."""
