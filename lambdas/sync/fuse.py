"""The fuse: how many items may vanish at once before a person has to look. Pure.

REDCap may answer with half a project and say that all is well. A sync that believed it would take a clinic's
worklist away; so it stops where more has vanished than a day's work explains.
"""

from __future__ import annotations

from typing import Final

ALWAYS_WITHDRAWN: Final = 5
"""So many items may always go at once, however few the source has."""


def may_vanish(total: int, share: float, most: int | None = None) -> int:
    """Return how many items may be withdrawn at once without asking a person.

    :param total: items of the source that a sync may withdraw at all.
    :param share: the definition's ``max_withdrawn_share``, from 0 to 1.
    :param most: a limit besides, of what there is room to remember.
    """
    allowed = max(ALWAYS_WITHDRAWN, int(share * total))
    return allowed if most is None else min(allowed, most)


def blows(vanished: int, total: int, share: float, most: int | None = None) -> bool:
    """Tell whether so many have vanished that a person has to look; the parameters are `may_vanish`'s."""
    return vanished > may_vanish(total, share, most)
