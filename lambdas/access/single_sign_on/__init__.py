"""Signing on with an OpenID provider: whom it vouches for, and what that person may do here."""
