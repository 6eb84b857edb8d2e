"""What the relay's threads report is counted, bounded, and free of whatever strangers call themselves."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_relay.clock.boot import Moment
from edge_relay.health.judgement import cache_age
from edge_relay.health.report import (
    BUCKETS,
    MOST_REFUSALS,
    OTHER_SERVICE,
    UNKNOWN,
    Health,
)
from edge_relay.health.report_file import last_pull, read_report, write_report

START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
KNOWN = {"PRISMA1", "VIDA"}


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def goes_on(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now


def some_health(clock: Clock | None = None) -> Health:
    return Health(clock or Clock(), KNOWN.__contains__)


def test_the_last_echo_query_and_mpps_of_a_scanner_are_kept() -> None:
    clock = Clock()
    health = some_health(clock)
    echoed = clock.goes_on(1)
    health.answered("PRISMA1", "C-ECHO", 0, 0.001)
    asked = clock.goes_on(1)
    health.answered("PRISMA1", "C-FIND", 0, 0.001, 12)
    reported = clock.goes_on(1)
    health.answered("PRISMA1", "N-CREATE", 0x0110, 0.001)
    clock.goes_on(1)
    health.answered("PRISMA1", "N-GET", 0, 0.001)
    scanner = health.report("").scanners["PRISMA1"]
    assert scanner.echo is not None
    assert scanner.echo.at == echoed
    assert scanner.query is not None
    assert (scanner.query.at, scanner.query.answers) == (asked, 12)
    assert scanner.mpps is not None
    assert (scanner.mpps.at, scanner.mpps.service, scanner.mpps.status) == (reported, "N-CREATE", 0x0110)
    assert (scanner.requests, scanner.answers) == (4, 12)


def test_a_configured_scanner_is_shown_before_it_is_heard_of() -> None:
    report = some_health().report("", titles=["VIDA"])
    assert report.scanners["VIDA"].echo is None


@given(st.lists(st.text(max_size=20), max_size=60))
def test_titles_that_nobody_configured_share_one_record(titles: list[str]) -> None:
    health = some_health()
    for title in titles:
        health.association_opened(title)
        health.answered(title, "C-FIND", 0, 0.001)
    counted = health.traffic().scanners
    assert set(counted) <= {*KNOWN, UNKNOWN}
    assert sum(scanner.requests for scanner in counted.values()) == len(titles)


def test_even_if_everybody_may_call_the_records_are_bounded() -> None:
    health = Health(Clock())
    for number in range(3000):
        health.answered(f"AE{number}", "C-ECHO", 0, 0.001)
    scanners = health.traffic().scanners
    assert len(scanners) <= 1025
    assert scanners[UNKNOWN].requests > 1900


def test_of_refused_callers_only_the_last_are_kept_and_all_are_counted() -> None:
    clock = Clock()
    health = some_health(clock)
    for number in range(4 * MOST_REFUSALS):
        health.association_refused(f"AE{number}", "10.0.0.1", "not known")
    health.association_refused("AE199", "10.0.0.1", "not known")
    refused = health.report("").refused
    assert len(refused) == MOST_REFUSALS
    assert (refused[-1].ae_title, refused[-1].count) == ("AE199", 2)
    assert health.traffic().refused == 4 * MOST_REFUSALS + 1


@given(st.text(), st.text(), st.text())
def test_what_a_stranger_says_is_made_printable_and_short(title: str, address: str, why: str) -> None:
    health = some_health()
    health.association_refused(title, address, why)
    (caller,) = health.report("").refused
    assert len(caller.ae_title) <= 16
    assert all(
        text.isprintable() and len(text) <= 120 for text in (caller.ae_title, caller.address, caller.why)
    )


def test_associations_are_counted_while_open_and_in_all() -> None:
    health = some_health()
    for _ in range(3):
        health.association_opened("PRISMA1")
    health.association_closed("PRISMA1")
    health.association_closed("VIDA")
    scanners = health.report("").scanners
    assert (scanners["PRISMA1"].associations_open, scanners["PRISMA1"].associations) == (2, 3)
    assert scanners["VIDA"].associations_open == 0


@given(st.lists(st.floats(0, 100), max_size=50))
def test_every_duration_falls_into_one_bucket(durations: list[float]) -> None:
    health = some_health()
    for seconds in durations:
        health.answered("PRISMA1", "C-FIND", 0, seconds)
    counts, total = health.traffic().durations["C-FIND"]
    assert sum(counts) == len(durations)
    assert counts[-1] == sum(seconds > BUCKETS[-1] for seconds in durations)
    assert counts[0] == sum(seconds <= BUCKETS[0] for seconds in durations)
    assert total == pytest.approx(sum(durations))  # Python 3.12 adds floats more exactly than "+="


def test_a_service_nobody_has_heard_of_has_no_record_of_its_own() -> None:
    health = some_health()
    health.answered("PRISMA1", "C-STORE", 0x0211, 0.001)
    assert health.traffic().requests == {("PRISMA1", OTHER_SERVICE, 0x0211): 1}


def test_a_failure_is_dated_by_its_first_pass_and_ends_with_the_first_success() -> None:
    clock = Clock()
    health = some_health(clock)
    began = clock.goes_on(1)
    health.failed("pull", "no route", forbidden=False)
    clock.goes_on(60)
    health.failed("pull", "no answer", forbidden=True)
    failing = health.report("").pull
    assert (failing.failing_since, failing.failure, failing.forbidden) == (began, "no answer", True)
    health.succeeded("pull")
    assert (health.report("").pull.failure, health.report("").pull.succeeded_at) == ("", clock.now)


def test_a_failure_is_one_printable_sentence_of_bounded_length() -> None:
    health = some_health()
    health.failed("push", "the cloud says:\n\x1b[2J" + "x" * 5000, forbidden=False)
    assert health.report("").push.failure.isprintable()
    assert len(health.report("").push.failure) <= 300


def test_what_is_not_tried_in_passes_is_noted_as_it_stands() -> None:
    health = some_health()
    health.note("journal", "journal.db: could not be written: the disk is full")
    assert "full" in health.report("").journal.failure
    health.note("journal", "")
    assert health.report("").journal.failure == ""


def test_a_report_survives_its_file(tmp_path: Path) -> None:
    health = some_health()
    health.answered("PRISMA1", "C-FIND", 0, 0.001, 3)
    health.association_refused("AERA", "10.0.0.9", "not known")
    health.self_query_answered(0.01)
    health.certificate_ends(START + timedelta(days=90))
    report = health.report("0.0.0.0:11112", ae_title="MWL_RELAY", site="oslo", version="1.2", titles=["VIDA"])
    write_report(tmp_path / "health.json", report)
    assert read_report(tmp_path / "health.json") == report
    (tmp_path / "health.json").write_text("{}")
    assert read_report(tmp_path / "health.json") is None
    assert read_report(tmp_path / "none.json") is None


def test_threads_lose_no_count() -> None:
    health = some_health()

    def work() -> None:
        for _ in range(2000):
            health.association_opened("PRISMA1")
            health.answered("PRISMA1", "C-FIND", 0, 0.001, 1)
            health.association_closed("PRISMA1")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    scanner = health.report("").scanners["PRISMA1"]
    assert (scanner.requests, scanner.answers, scanner.associations_open) == (8000, 8000, 0)


class Machine:
    """Two clocks: one that can be set, and one that cannot."""

    def __init__(self) -> None:
        self.wall, self.elapsed = datetime(2026, 11, 22, 9, 0, tzinfo=UTC), 500.0

    def pass_by(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.elapsed += seconds

    def health(self, before: Moment | None = None) -> Health:
        return Health(lambda: self.wall, elapsed=lambda: self.elapsed, pulled_before=before)


@pytest.mark.parametrize("jump", [timedelta(days=365), timedelta(days=-365), timedelta(seconds=-40)])
def test_no_jump_of_the_wall_clock_changes_how_long_ago_anything_was(jump: timedelta) -> None:
    machine = Machine()
    health = machine.health()
    health.succeeded("pull")
    health.failed("push", "down", forbidden=False)
    health.answered("MR1", "C-FIND", 0, 0.1, 2)
    health.association_refused("X", "10.0.0.1", "unknown")
    machine.pass_by(100)
    machine.wall += jump
    report, now = health.report(""), machine.wall
    ages = [
        report.pull.succeeded_at,
        report.push.failing_since,
        report.started_at,
        report.refused[0].last_at,
        report.scanners["MR1"].query.at if report.scanners["MR1"].query else None,
    ]
    assert [(now - each).total_seconds() if each else None for each in ages] == [100] * 5
    assert cache_age(report, now) == health.pull_age() == 100


def test_after_a_restart_the_worklist_is_as_old_as_it_was_before(tmp_path: Path) -> None:
    machine = Machine()
    first = machine.health()
    first.succeeded("pull")
    machine.pass_by(600)
    write_report(tmp_path / "health.json", first.report(""))
    machine.pass_by(86_400)
    second = machine.health(last_pull(tmp_path / "health.json"))
    assert second.pull_age() == 87_000
    assert cache_age(second.report(""), machine.wall) == 87_000
    second.failed("pull", "down", forbidden=False)
    machine.pass_by(10)
    assert cache_age(second.report(""), machine.wall) == 87_010
    second.succeeded("pull")
    assert cache_age(second.report(""), machine.wall) == 0


def test_after_a_boot_at_a_wrong_time_and_its_correction_the_age_is_right() -> None:
    machine = Machine()
    pulled = Moment(boot="another", seconds=9e5, at=machine.wall)
    machine.elapsed = 20.0
    machine.wall += timedelta(days=365)
    health = machine.health(pulled)
    assert health.pull_age() == 365 * 86_400
    machine.wall += timedelta(hours=2) - timedelta(days=365)
    assert health.pull_age() == 7200
    machine.wall -= timedelta(days=3000)
    assert health.pull_age() == 20.0


def test_what_an_earlier_run_wrote_may_be_anything(tmp_path: Path) -> None:
    assert last_pull(tmp_path / "health.json") is None
    (tmp_path / "health.json").write_text("{}")
    assert last_pull(tmp_path / "health.json") is None
    write_report(tmp_path / "health.json", Machine().health().report(""))
    assert last_pull(tmp_path / "health.json") is None
