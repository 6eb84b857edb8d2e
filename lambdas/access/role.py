"""What people may do. Pure."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a person may do; each role may do what the ones below it may."""

    ADMIN = "admin"
    WRITE = "write"
    READ = "read"
    STUDY = "study"

    def covers(self, needed: Role) -> bool:
        """Tell whether this role may do what ``needed`` may."""
        order = [Role.STUDY, Role.READ, Role.WRITE, Role.ADMIN]
        return order.index(self) >= order.index(needed)
