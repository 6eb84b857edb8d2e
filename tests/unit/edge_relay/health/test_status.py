"""What needs attention is said in words, and whether a relay is running is found out, not assumed."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edge_relay.exchange.heartbeat import health_for_cloud
from edge_relay.health import status
from edge_relay.health.loop_health import LoopHealth
from edge_relay.health.report import (
    Exchange,
    HealthReport,
    RefusedCaller,
    ScannerHealth,
)
from edge_relay.health.report_file import write_report
from edge_relay.mpps.event_times import Stamp
from edge_relay.mpps.journal import Journal
from edge_relay.operations import status_table
from edge_relay.worklist.cache import Cache
from shared.feed import FeedPage
from tests.unit.edge_relay.mpps.test_journal import create

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


NOTHING_PLANNED = FeedPage(
    epoch="e", snapshot=True, items=(), tombstones=(), cursor="c", next="c", more=False
)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    with closing(Cache(tmp_path / "cache.db")) as cache:
        cache.begin_snapshot()
        cache.apply_page(NOTHING_PLANNED, "t")
    Journal(tmp_path / "journal.db").close()
    return tmp_path


def a_report(**changes: Any) -> HealthReport:
    facts: dict[str, Any] = {
        "pid": os.getpid(),
        "started_at": NOW - timedelta(hours=1),
        "written_at": NOW,
        "address": "0.0.0.0:11112",
        "ae_title": "MWL_RELAY",
        "pull": LoopHealth(succeeded_at=NOW - timedelta(seconds=3)),
    }
    return HealthReport(**{**facts, **changes})


def failing(minutes: float, sentence: str = "no route", *, forbidden: bool = False) -> LoopHealth:
    since = NOW - timedelta(minutes=minutes)
    return LoopHealth(succeeded_at=since, failing_since=since, failure=sentence, forbidden=forbidden)


def test_exams_withheld_for_a_character_set_are_counted_by_scanner(state: Path) -> None:
    found = status.look(
        state, NOW, a_report(withheld={"MR1": 1, "MR2": 12}, scanners={"MR1": ScannerHealth()})
    )
    said = "\n".join(found.problems)
    assert "1 exam is withheld from scanner MR1: its character set" in said
    assert "12 exams are withheld from scanner MR2" in said
    rows = next(each for each in status_table.sections(found) if each.title == "Scanners")
    assert dict(zip(rows.columns, rows.rows[0], strict=True))["withheld"] == "1"
    assert health_for_cloud(found, a_report()).problems == found.problems


def problems(state: Path, **changes: Any) -> str:
    return "\n".join(status.look(state, NOW, a_report(**changes)).problems)


def test_a_relay_that_is_well_has_no_problems(state: Path) -> None:
    found = status.look(state, NOW, a_report())
    assert (found.problems, found.running, found.cache_age_seconds, found.items) == ((), True, 3.0, 0)


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ("pull", "worklist may be out of date"),
        ("push", "stored here and sent later"),
        ("heartbeat", "heartbeat cannot be sent"),
        ("journal", "MPPS reports cannot be stored"),
        ("certificate", "new TLS certificate"),
        ("self_query", "does not answer its own query"),
        ("status_page", "status page does not work"),
        ("disk", "folder cannot be written"),
        ("clock", "clock is wrong"),
        ("settings", "not all taken up"),
    ],
)
def test_a_part_that_fails_is_a_problem_in_words(state: Path, part: str, says: str) -> None:
    assert says in problems(state, **{part: failing(10)})
    assert "no route" in problems(state, **{part: failing(10)})


def test_one_lost_packet_is_no_problem_but_a_journal_that_fails_is_at_once(state: Path) -> None:
    assert problems(state, pull=failing(0.5), push=failing(0.5), heartbeat=failing(0.5)) == ""
    assert "MPPS" in problems(state, journal=failing(0))
    assert "refuses this relay" in problems(state, pull=failing(0, forbidden=True))


@pytest.mark.parametrize(("days", "says"), [(-1, "ended on"), (5, "ends on"), (60, "")])
def test_a_certificate_about_to_end_is_a_problem(state: Path, days: int, says: str) -> None:
    found = problems(state, certificate_not_after=NOW + timedelta(days=days))
    assert (says in found) if says else not found


def test_a_watchdog_that_no_longer_asks_is_a_problem(state: Path) -> None:
    asked = LoopHealth(succeeded_at=NOW - timedelta(minutes=20))
    assert "has not tested itself" in problems(state, self_query=asked)


def test_a_worklist_never_pulled_ages_from_the_start(state: Path) -> None:
    assert status.look(state, NOW, a_report(pull=LoopHealth())).cache_age_seconds == 3600


def test_files_that_cannot_be_read_are_problems(tmp_path: Path) -> None:
    (tmp_path / "cache.db").write_bytes(b"no database at all, but long enough to be looked at" * 20)
    found = status.look(tmp_path, NOW, a_report())
    assert "the cache cannot be read" in found.problems
    assert "the journal cannot be read" in found.problems


def test_a_relay_that_was_given_no_worklist_for_45_seconds_says_that_queries_are_refused(state: Path) -> None:
    for file in state.glob("cache.db*"):
        file.unlink()
    Cache(state / "cache.db").close()  # as after a damage: made anew, and not yet filled
    [problem] = status.look(state, NOW, a_report()).problems
    assert problem.startswith("there is no worklist: scanners get an error for their queries")
    assert status.look(state, NOW, a_report(started_at=NOW - timedelta(seconds=44))).problems == ()


def test_without_a_relay_status_says_so(tmp_path: Path) -> None:
    found = status.look(tmp_path, NOW)
    assert (found.running, found.cache_age_seconds) == (False, None)
    assert "has not run" in found.problems[0]


def test_where_a_relay_has_run_and_its_report_is_gone_nobody_says_that_none_has(state: Path) -> None:
    [problem] = status.look(state, NOW).problems  # as after a power cut
    assert problem.startswith("the relay is not running, and its last report is gone")


def test_a_relay_whose_process_is_gone_is_not_running(state: Path) -> None:
    gone = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    write_report(state / "health.json", a_report(pid=int(gone.stdout)))
    found = status.look(state, datetime.now(UTC))
    assert not found.running
    assert "is not running" in found.problems[0]


def test_ages_are_right_although_the_relay_follows_another_clock(state: Path) -> None:
    # The report's times are by the cloud's clock, years from this machine's.
    write_report(state / "health.json", a_report())
    found = status.look(state, datetime.now(UTC) + timedelta(seconds=10))
    assert found.running
    assert found.problems == ()
    assert found.cache_age_seconds == pytest.approx(13, abs=5)


@pytest.mark.parametrize(("seconds", "told"), [(55, False), (65, True), (600, True)])
def test_a_report_that_is_not_renewed_within_a_minute_is_a_sign_of_no_life(
    state: Path, seconds: int, told: bool
) -> None:
    report = a_report(pull_seconds=15.0)
    later = report.written_at + timedelta(seconds=seconds)
    found = status.look(state, later, report)
    assert any("not updated its status" in problem for problem in found.problems) is told


def test_the_tables_name_scanners_refused_callers_and_problems(state: Path) -> None:
    asked = Exchange(at=NOW - timedelta(seconds=40), service="C-FIND", status=0, answers=12)
    refused = RefusedCaller(ae_title="AERA", address="10.0.0.9", why="not known", last_at=NOW, count=3)
    report = a_report(
        scanners={"PRISMA1": ScannerHealth(query=asked), "MWL_RELAY": ScannerHealth()},
        refused=(refused,),
        journal=failing(1, "the disk is full"),
        certificate_not_after=NOW + timedelta(days=90),
    )
    rows = [row for section in status_table.sections(status.look(state, NOW, report)) for row in section.rows]
    text = "\n".join("\t".join(row) for row in rows)
    assert "scanner PRISMA1\tnever\t40 s ago, 12 items\tnever" in text
    assert "refused AERA from 10.0.0.9\tnot known\t3 x\t0 s ago" in text
    assert "MPPS journal\tcannot be written: the disk is full" in text
    assert "scanner MWL_RELAY" not in text


def test_the_cloud_is_told_what_the_status_says(state: Path) -> None:
    asked = Exchange(at=NOW, service="C-FIND", status=0, answers=12)
    report = a_report(
        version="1.2",
        scanners={
            "PRISMA1": ScannerHealth(query=asked, requests=4, answers=30),
            "MWL_RELAY": ScannerHealth(),
        },
        push=failing(9),
    )
    summary = health_for_cloud(status.look(state, NOW, report), report)
    (scanner,) = summary.scanners
    assert (scanner.ae_title, scanner.last_answers, scanner.requests, scanner.answers) == (
        "PRISMA1",
        12,
        4,
        30,
    )
    assert summary.push.failure == "no route"
    assert len(summary.problems) == 1


def test_a_worklist_without_a_relay_still_has_an_age(state: Path) -> None:
    write_report(state / "health.json", a_report(pid=2**22 + 1))
    found = status.look(state, datetime.now(UTC))
    assert not found.running
    assert found.cache_age_seconds is not None
    assert found.cache_age_seconds >= 3


@pytest.mark.parametrize("minutes", [3, 200])
def test_an_event_that_waits_is_a_problem_whatever_the_push_believes(state: Path, minutes: float) -> None:
    journal = Journal(state / "journal.db")
    journal.append(create(1).model_copy(update={"received_at": NOW - timedelta(minutes=minutes)}))
    journal.close()
    found = status.look(state, NOW, a_report(push=LoopHealth(succeeded_at=NOW)))
    assert found.outbox_age_seconds == minutes * 60
    assert "an MPPS event has been waiting" in found.problems[0]


def test_an_event_from_before_the_time_was_known_waits_by_the_machines_uptime(state: Path) -> None:
    stamp = Stamp(datetime(1970, 1, 1, tzinfo=UTC), "boot", 1000.0, known=False)
    journal = Journal(state / "journal.db", stamp=lambda: stamp)
    journal.append(create(1))
    journal.close()
    assert status.look(state, NOW, a_report(uptime=1007.0)).outbox_age_seconds == 7
    assert status.look(state, NOW, a_report(uptime=1007.0)).problems == ()


def test_events_missing_from_the_journal_are_a_problem(state: Path) -> None:
    journal = Journal(state / "journal.db")
    journal.append(create(1))
    journal.close()
    (state / "journal.db").unlink()
    Journal(state / "journal.db").close()
    found = status.look(state, NOW, a_report())
    assert found.missing == 1
    assert "missing from the journal" in found.problems[0]


def test_numbers_of_a_file_that_cannot_be_read_are_not_known_and_not_none(state: Path) -> None:
    (state / "journal.db").write_bytes(b"no database" * 1000)
    found = status.look(state, NOW, a_report())
    assert (found.outbox, found.held, found.parked, found.missing) == (None, None, None, None)
    assert (found.items, found.unreadable) == (0, 0)
    assert "the journal cannot be read" in found.problems
    (state / "cache.db").unlink()
    assert status.look(state, NOW, a_report()).unreadable is None


def test_a_heartbeat_tells_of_a_journal_that_cannot_be_read(state: Path) -> None:
    (state / "journal.db").unlink()
    sent = health_for_cloud(status.look(state, NOW, a_report()), a_report())
    assert (sent.outbox, sent.parked) == (0, 0)
    assert "the journal cannot be read" in sent.problems
