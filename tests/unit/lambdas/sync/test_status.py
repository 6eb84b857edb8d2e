"""How a source is doing: the first word that holds counts, and who must be left alone is not asked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from lambdas.sources.state import SourceState, SyncReport, Withheld
from lambdas.sources.stored import StoredSource
from lambdas.sources.unshown_rows import HeldRow, RejectedRow
from lambdas.sync.status import SourceStatus, may_be_asked, reason_of, status_of
from tests.rigs.redcap import classic_definition

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()
OK = SyncReport(outcome="ok", finished_at=datetime(2026, 11, 23, 11, tzinfo=UTC))
WAITING = Withheld.of([f"{number:032}" for number in range(6)], total=7)
FAILED = OK.model_copy(update={"outcome": "failed", "error": "REDCap is down"})
LONG_READ = OK.model_copy(update={"unfinished": True})
TODAY = (HeldRow(record="1", field="safe", reason="not screened", day="20261123"),)
NEXT_MONTH = (RejectedRow(record="1", field="mri_time", reason="is no time", day="20261223"),)


def stored(problem: str = "", definition: dict[str, Any] | None = None, **state: Any) -> StoredSource:
    made = None if problem else classic_definition(**(definition or {}))
    return StoredSource("classic", made, problem, SourceState(**state), leased_until=0.0)


@pytest.mark.parametrize(
    ("source", "status"),
    [
        (stored("cannot be read"), SourceStatus.UNREADABLE),
        (stored(definition={"enabled": False}, banned_until=NOW + 1), SourceStatus.DISABLED),
        (stored(banned_until=NOW + 1, report=FAILED), SourceStatus.BANNED),
        (stored(banned_until=NOW, report=OK), SourceStatus.OK),
        (stored(), SourceStatus.NEVER),
        (stored(report=FAILED), SourceStatus.FAILED),
        (stored(report=FAILED, held=TODAY, held_count=1), SourceStatus.FAILED),
        (stored(report=OK, held=TODAY, held_count=1), SourceStatus.MISSING),
        (stored(report=LONG_READ, held=TODAY, held_count=1), SourceStatus.MISSING),
        (stored(report=OK, rejected=NEXT_MONTH, rejected_count=1), SourceStatus.OK),
        (stored(report=LONG_READ), SourceStatus.READING),
        (stored(report=OK), SourceStatus.OK),
        (stored(report=OK, withheld=WAITING), SourceStatus.UNCONFIRMED),
        (stored(report=FAILED, withheld=WAITING), SourceStatus.FAILED),
    ],
)
def test_the_first_word_that_holds_counts(source: StoredSource, status: SourceStatus) -> None:
    assert status_of(source, NOW) is status


def test_a_person_looks_at_what_does_not_right_itself() -> None:
    worrying = {status for status in SourceStatus if status.needs_attention}
    assert worrying == {
        SourceStatus.UNREADABLE,
        SourceStatus.BANNED,
        SourceStatus.FAILED,
        SourceStatus.UNCONFIRMED,
        SourceStatus.UNSEEN,
        SourceStatus.MISSING,
    }


def test_the_reason_counts_the_scans_that_are_missing() -> None:
    said = reason_of(stored(report=OK, held=TODAY, held_count=1), NOW)
    assert said.startswith("1 scan is not on the list, of today or the next 48 hours")
    assert reason_of(stored(report=OK, rejected=NEXT_MONTH, rejected_count=1), NOW) == ""


def test_the_reason_says_why_and_until_when() -> None:
    assert reason_of(stored("cannot be read"), NOW) == "cannot be read"
    assert reason_of(stored(report=FAILED), NOW) == "REDCap is down"
    paused = stored(report=FAILED, paused_until=NOW + 60, banned_until=NOW + 3600)
    assert reason_of(paused, NOW) == "REDCap is down; left alone until 13:00:00 UTC"
    assert reason_of(stored(report=OK, paused_until=NOW + 60), NOW) == "left alone until 12:01:00 UTC"
    assert reason_of(stored(report=OK, paused_until=NOW), NOW) == ""


def test_the_reason_names_all_that_waits() -> None:
    late = RejectedRow(record="1", field="mri_time", reason="is no time")
    source = stored(report=OK, withheld=WAITING, rejected=(late,), rejected_count=1)
    assert "sync classic --confirm-withdrawals" in reason_of(source, NOW)
    assert "1 scan is not on the list" in reason_of(source, NOW)


@pytest.mark.parametrize(
    ("source", "may"),
    [
        (stored(), True),
        (stored("cannot be read"), False),
        (stored(definition={"enabled": False}), False),
        (stored(paused_until=NOW + 1), False),
        (stored(banned_until=NOW + 1), False),
        (stored(paused_until=NOW, banned_until=NOW), True),
        (stored(definition={"operating_window": {"opens": "06:00", "closes": "08:00"}}), True),  # 07:00 there
        (stored(definition={"operating_window": {"opens": "08:00", "closes": "20:00"}}), False),
    ],
)
def test_a_source_is_asked_only_when_it_may_be(source: StoredSource, may: bool) -> None:
    assert may_be_asked(source, NOW) is may
