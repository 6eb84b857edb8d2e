"""What a scan's row in REDCap says of the worklist. Pure.

    on the list                     On the worklist since 2026-11-27 09:12
    not on the list                 Not on the worklist: mri_time: an hour alone is no sure time: ...
    on the list, but not as it is   On the worklist with earlier values: mri_time: ...
    no scan (any more)              nothing
    a scanner has reported on it    what was there: from then on, `[write_back]` tells

Times are not told again with every sync: a row that says "since" goes on saying it.
"""

from __future__ import annotations

import re
from typing import Final

from lambdas.mapping.record import Scan
from lambdas.sources.unshown_rows import RowReport
from lambdas.store.ownership import SCANNED, StoredItem

SINCE: Final = "On the worklist since "
EARLIER: Final = "On the worklist with earlier values: "
NOT_ON: Final = "Not on the worklist: "
REMOVED: Final = "a person removed it"

_TARGET: Final = re.compile(r"^[a-z_]+: ")


def message_of(
    outcome: Scan | RowReport | None,
    stored: StoredItem | None,
    held: RowReport | None,
    before: str,
    since: str,
) -> str:
    """Return what a row shall say.

    :param outcome: the scan the row is, why it is not on the list, or None if it is no scan.
    :param stored: its item, if there ever was one.
    :param held: why the last sync held it back for somebody else's sake, if it did.
    :param before: what the row says now.
    :param since: local date and time as of which the item is known to be on the list.
    """
    if stored is not None and stored.status_owner in SCANNED:
        return before
    if stored is not None and not stored.gone:
        return _of_shown(outcome, before, since)
    if outcome is None:
        return ""
    if why := outcome if isinstance(outcome, RowReport) else held:
        return NOT_ON + _reason(why)
    removed = stored is not None and stored.status_owner == "person"
    return NOT_ON + REMOVED if removed else before  # the sync is still to bring it, and says then


def _of_shown(outcome: Scan | RowReport | None, before: str, since: str) -> str:
    if isinstance(outcome, RowReport):
        return EARLIER + _reason(outcome)
    # The sync is still to take it off, or the row says so already.
    return before if outcome is None or before.startswith(SINCE) else SINCE + since


def _reason(row: RowReport) -> str:
    """Return the REDCap field and the reason, without our own name for the field."""
    return f"{row.field}: {_TARGET.sub('', row.reason, count=1)}"
