"""Which sites a person may see: all, or those of the account. *Pure*."""

from __future__ import annotations

from typing import NamedTuple

from shared.errors import Forbidden, NotFound


class Reach(NamedTuple):
    """The sites within a person's reach; none named: all."""

    sites: frozenset[str] = frozenset()

    def admits(self, site: str) -> bool:
        """Tell whether a site is within reach."""
        return not self.sites or site in self.sites

    def check(self, site: str, what: str = "worklist item") -> None:
        """Raise `NotFound` for what is at another site: that it exists is nobody else's business."""
        if not self.admits(site):
            raise NotFound(f"no such {what}", where="id")

    def check_choice(self, site: str) -> None:
        """Raise `Forbidden` if somebody names a site that is out of reach; none named is no choice."""
        if site and not self.admits(site):
            raise Forbidden("your account is not for this site", where="site", hint="ask an admin")
