"""The pages: who may see them, what they read, what they do."""
