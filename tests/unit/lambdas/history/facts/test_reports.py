from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.history.facts.pseudonyms import Pseudonyms
from lambdas.history.facts.reports import heartbeat_fact, sync_facts
from lambdas.sources.state import SourceState, SyncReport
from lambdas.sources.unshown_rows import HeldRow, RejectedRow
from shared.identifiers import RowKey
from shared.relay_health import LoopState, RelayHealth, ScannerActivity

AT = datetime(2026, 11, 22, 9, tzinfo=UTC)
NAMES = Pseudonyms(b"k" * 32)


def health(run: str = "a", requests: int = 0, answers: int = 0, **more: Any) -> RelayHealth:
    scanner = ScannerActivity(ae_title="MR1", requests=requests, answers=answers, **more)
    return RelayHealth(version="1", at=AT, run=run, scanners=(scanner,))


def growth(now: RelayHealth, before: RelayHealth | None) -> tuple[int, int, tuple[str, ...]]:
    [told] = heartbeat_fact("r", "north", AT, now, before).scanners
    return told.requests, told.answers, told.moved


def test_growth_is_since_the_heartbeat_before() -> None:
    assert growth(health("a", 9, 20), health("a", 4, 15)) == (5, 5, ())


def test_a_restarted_relay_counts_from_nothing() -> None:
    assert growth(health("b", 3, 2), health("a", 4, 15)) == (3, 2, ())


def test_nothing_has_grown_if_the_heartbeat_before_is_not_known() -> None:
    assert growth(health("a", 9, 20, last_query_at=AT), None) == (0, 0, ())


def test_a_kind_of_request_is_told_when_a_new_one_came() -> None:
    before = health("a", last_echo_at=AT, last_query_at=AT)
    now = health("a", last_echo_at=AT, last_query_at=AT + timedelta(seconds=5), last_mpps_at=AT)
    assert growth(now, before)[2] == ("find", "mpps")


def test_a_failing_loop_does_not_work() -> None:
    told = health().model_copy(update={"pull": LoopState(failure="HTTP 503"), "push": LoopState()})
    fact = heartbeat_fact("r", "north", AT, told, None)
    assert (fact.pull_works, fact.push_works) == (False, True)


def test_a_report_names_unshown_rows_by_the_keys_of_their_exams() -> None:
    state = SourceState(
        rejected=(RejectedRow(record="1", field="f", reason="r"),),
        held=(HeldRow(record="2", event="e", field="f", reason="r"),),
        rejected_count=7,
    )
    report = SyncReport(outcome="failed", finished_at=AT, written=3)
    facts = list(sync_facts("s", frozenset({"b", "a"}), report, state, NAMES))
    assert [(fact.site, fact.first) for fact in facts] == [("a", True), ("b", False)]
    items = RowKey("s", "1").item_id(), RowKey("s", "2", "e").item_id()
    assert set(facts[0].unshown) == {NAMES.exam(item) for item in items}
    assert (facts[0].outcome, facts[0].figures["written"], facts[0].figures["rejected"]) == ("failed", 3, 7)
