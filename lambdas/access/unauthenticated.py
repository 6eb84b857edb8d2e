"""The error of who does not prove who it is. Apart from the tokens, which load cryptography."""

from __future__ import annotations

from shared.errors import Forbidden


class Unauthenticated(Forbidden):
    """No token, or one that is wrong, old, or signed with another key: log in (again)."""
