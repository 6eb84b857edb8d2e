"""The fuse: how many items may vanish at once before a person has to look. Pure.

REDCap may answer with half a project and say that all is well. A sync that believed it would take a clinic's
worklist away; so where more has vanished than a day's work explains, it withdraws none of it. Everything else
goes on: new and changed scans are on the list as ever.
"""

from __future__ import annotations

from typing import Final

ALWAYS_WITHDRAWN: Final = 5
"""So many items may always go at once, however few the source has."""


def may_vanish(total: int, share: float) -> int:
    """Return how many items may be withdrawn at once without asking a person.

    :param total: items of the source that a sync may withdraw at all.
    :param share: the definition's ``max_withdrawn_share``, from 0 to 1.
    """
    return max(ALWAYS_WITHDRAWN, int(share * total))


def blows(vanished: int, total: int, share: float) -> bool:
    """Tell whether so many have vanished that a person has to look; the parameters are `may_vanish`'s."""
    return vanished > may_vanish(total, share)


def in_words(source_id: str, vanished: int, total: int) -> str:
    """Return what happened, and the command that confirms it."""
    return (
        f"REDCap has no row any more for {vanished} of {total} items; none of them was withdrawn, all else "
        f"goes on. If that is right, confirm it: mwl-cloud sources sync {source_id} --confirm-withdrawals "
        "(how many may always go is the definition's max_withdrawn_share)"
    )
