"""The relay as a Debian package."""
