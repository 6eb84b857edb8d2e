"""Faults of what is believed of a REDCap server: its clock, its rate, and what it calls a scan."""

from __future__ import annotations

from typing import Final

from tests.mutants.fault import area

_SERVER: Final = area(
    "redcap-server",
    [
        "tests/unit/lambdas/sources/test_server_clock.py",
        "tests/unit/lambdas/redcap/test_pace.py",
        "tests/unit/lambdas/redcap/test_record_log.py",
        "tests/unit/lambdas/mapping/test_same_scan.py",
        "tests/unit/lambdas/write_backs/test_message.py",
        "tests/unit/lambdas/sync/scans",
    ],
    (
        "return min(stated, utc + EARLIEST)",
        "return stated",
        "an edit at a server in another zone is not seen for hours",
    ),
    (
        "return minutes + -minutes % _QUARTER",
        "return minutes + -minutes % _QUARTER + _QUARTER",
        "REDCap's clock is taken to be ahead of what it is, and edits are not seen",
    ),
    (
        "return max(due, now) + count * 60.0 / (self.a_minute - self.burst)",
        "return max(due, now) + 60.0 / (self.a_minute - self.burst)",
        "requests that are reserved together count as one, and REDCap bans us",
    ),
    (
        "return frozenset(names) - {record}",
        "return frozenset(names)",
        "a record is taken for one that had its own name before",
    ),
    (
        "return same_person and _slot(before) == _slot(now)",
        "return same_person",
        "a participant's next scan takes the place of one that has begun",
    ),
    (
        "same_person = one.identifier()[1:] == other.identifier()[1:] and not one.differs_from(other)",
        "same_person = True",
        "somebody else's scan takes the place of one that has begun",
    ),
    (
        "return before if outcome is None or before.startswith(SINCE) else SINCE + since",
        "return before if outcome is None else SINCE + since",
        "every row is written again with every sync",
    ),
    (
        "for records in batches(sorted(of_record), ASKED_AGAIN):",
        "for records in batches(sorted(of_record), 10 * ASKED_AGAIN):",
        "a run that is ended has done nothing, however often it is tried",
    ),
)

AREAS: Final = (_SERVER,)
