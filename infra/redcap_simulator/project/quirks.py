"""How this server behaves where REDCaps differ, or where nobody has measured yet."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import tzinfo
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Quirks:
    """One server's habits. The defaults are those of a recent version in UTC."""

    version: str = "15.5.0"
    #: Dates of `dateRangeBegin/End` and of the log are told in this zone, and no endpoint says which it is.
    zone: tzinfo = field(default_factory=lambda: ZoneInfo("UTC"))
    #: Whether a change in the very second of a bound belongs to the range.
    date_range_includes_bounds: bool = True
    #: Whether a record moved to another group counts as modified.
    dag_move_modifies: bool = True
    #: Whether the log of a renamed record has the lines from before, which still say its old name.
    log_follows_renames: bool = False
    #: Whether an export of nothing but the record id also lists the rows of repeating instruments.
    id_only_lists_repeats: bool = False
    #: A form never opened exports "" (newer) instead of "0" even when nobody asks for it.
    blank_unopened_forms: bool = False
    #: Requests a minute from one address before REDCap bans it; None never bans.
    rate_limit: int | None = None
