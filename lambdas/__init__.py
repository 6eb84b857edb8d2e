"""The cloud side: Lambda entry points and what they call."""
