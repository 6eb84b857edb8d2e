"""What needs somebody at a site, and what does not yet or any more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from lambdas.notices.condition import Kind
from lambdas.notices.site_facts import SiteFacts, conditions, passed
from lambdas.sources.state import SyncReport, Withheld
from lambdas.sources.stored import StoredSource
from lambdas.sources.unshown_rows import HeldRow, RejectedRow
from lambdas.store.accounts.relays import Relay
from lambdas.store.linking.doubted_exams import DoubtedExam
from lambdas.store.linking.unended_exams import UnendedExam
from lambdas.store.self_tests.outcome import SelfTest
from lambdas.store.unfinished_write_backs import ParkedWriteBack
from tests.rigs.site_state import NOW, a_heartbeat, a_relay, a_source

FAILED = SyncReport(outcome="failed", finished_at=NOW, error="REDCap answered 500")


def rejected(day: str, record: str = "900100", site: str = "north") -> dict[str, Any]:
    row = RejectedRow(record=record, field="t", reason="no", day=day, site=site)
    return {"rejected": (row,), "rejected_count": 1}


def facts(*sources: StoredSource, relays: Sequence[Relay] = (), **changes: Any) -> SiteFacts:
    fields = {"site": "north", "now": NOW, "zone": ZoneInfo("Europe/Oslo"), **changes}
    return SiteFacts(sources=sources, relays=relays, **fields)


def found(given: SiteFacts) -> list[tuple[Kind, str, bool]]:
    return [(each.kind, each.about, each.urgent) for each in conditions(given).values()]


def test_a_site_that_is_well_needs_nobody() -> None:
    well = facts(a_source(), relays=[a_relay()], heartbeats={"r1": a_heartbeat()})
    assert conditions(well) == {}


@pytest.mark.parametrize(
    ("day", "told", "urgent"),
    [
        ("20261122", True, True),
        ("20261124", True, False),
        ("", True, False),
        ("20261201", False, False),
        ("20261121", False, False),
    ],
)
def test_a_scan_of_today_or_soon_that_is_missing_needs_somebody(day: str, told: bool, urgent: bool) -> None:
    expected = [(Kind.MISSING, "study", urgent)] if told else []
    assert found(facts(a_source(**rejected(day)))) == expected


def test_a_held_one_does_too_and_each_has_its_own_key() -> None:
    held = HeldRow(record="2", field="consent", reason="must be yes", day="20261122", site="north")
    both = a_source(**rejected("20261122"), held=(held,), held_count=1)
    assert len(conditions(facts(both))) == 2


def test_one_of_another_site_is_none_of_its_business() -> None:
    assert found(facts(a_source(**rejected("20261122", site="south")))) == []


def test_a_missing_scan_whose_day_has_passed_is_known_as_such() -> None:
    (key,) = conditions(facts(a_source(**rejected("20261122"))))
    tomorrow = facts(a_source(**rejected("20261122")), now=NOW + timedelta(days=1))
    assert passed(tomorrow) == {key}
    assert passed(facts(a_source(**rejected("20261122")))) == frozenset()


def test_no_key_tells_a_record() -> None:
    (key,) = conditions(facts(a_source(**rejected("20261122", record="900100"))))
    assert "900100" not in key


@pytest.mark.parametrize(("seconds", "told"), [(20, False), (590, False), (610, True)])
def test_a_relay_needs_somebody_after_ten_minutes_of_silence(seconds: float, told: bool) -> None:
    given = facts(relays=[a_relay()], heartbeats={"r1": a_heartbeat(seconds)})
    assert found(given) == ([(Kind.RELAY, "cellar", False)] if told else [])


@pytest.mark.parametrize(
    "relay", [a_relay(revoked_at=NOW), a_relay(site="south"), a_relay(relay_id="new")], ids=str
)
def test_a_relay_that_is_revoked_or_elsewhere_or_not_set_up_yet_does_not(relay: Relay) -> None:
    assert found(facts(relays=[relay], heartbeats={"r1": a_heartbeat(9999)})) == []


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ({"report": FAILED, "failures": 2}, False),
        ({"report": FAILED, "failures": 3}, True),
        ({"banned_until": NOW.timestamp() + 60}, True),
        ({"withheld": Withheld(count=9, total=10)}, True),
    ],
    ids=["twice", "three times", "banned", "withdrawals wait"],
)
def test_a_source_needs_somebody_that_keeps_failing_or_waits_for_a_person(
    state: dict[str, Any], told: bool
) -> None:
    assert found(facts(a_source(**state))) == ([(Kind.SOURCE, "study", False)] if told else [])


def test_a_ban_after_failures_is_the_same_trouble() -> None:
    failing = conditions(facts(a_source(report=FAILED, failures=4)))
    banned = conditions(facts(a_source(report=FAILED, failures=5, banned_until=NOW.timestamp() + 60)))
    assert failing.keys() == banned.keys()


def test_a_result_that_redcap_refuses_needs_somebody_of_its_site() -> None:
    def parked(site: str) -> ParkedWriteBack:
        return ParkedWriteBack("2.25.1", site, (), "no such field", 3, NOW)

    assert found(facts(parked=[parked("north"), parked("south")])) == [(Kind.WRITE_BACK, "", False)]


@pytest.mark.parametrize(
    ("site", "revoked", "told"), [("north", False, True), ("south", False, False), ("north", True, False)]
)
def test_a_test_participant_that_did_not_come_through_needs_somebody_of_its_site(
    site: str, revoked: bool, told: bool
) -> None:
    relay = a_relay(site=site, revoked_at=NOW if revoked else None)
    test = SelfTest(
        test_id="t", relay_id="r1", site=site, begun_at=NOW - timedelta(hours=1), by="system", over=True
    )
    given = facts(relays=[relay], self_tests={"r1": test})
    assert found(given) == ([(Kind.SELF_TEST, "cellar", False)] if told else [])


def a_doubted_exam(day: str = "20261121", site: str = "north") -> DoubtedExam:
    return DoubtedExam(site, "item-1", day, "MR1", "PACS")


@pytest.mark.parametrize(
    ("exam", "told"),
    [
        (a_doubted_exam("20261121"), True),
        (a_doubted_exam("20261115"), True),
        (a_doubted_exam("20261114"), False),
        (a_doubted_exam(site="south"), False),
    ],
    ids=["yesterday", "7 days ago", "8 days ago", "elsewhere"],
)
def test_images_under_another_patient_id_need_somebody_for_a_week(exam: DoubtedExam, told: bool) -> None:
    assert found(facts(doubted=[exam])) == ([(Kind.DOUBTED, "MR1", False)] if told else [])


def test_images_that_nobody_settled_in_a_week_are_known_as_such_and_by_no_id() -> None:
    (key,) = conditions(facts(doubted=[a_doubted_exam("20261115")]))
    a_day_later = facts(doubted=[a_doubted_exam("20261115")], now=NOW + timedelta(days=1))
    assert key not in conditions(a_day_later)
    assert key in passed(a_day_later)
    assert "item-1" not in key


def an_exam(day: str = "20261121", site: str = "north", uid: str = "2.25.1") -> UnendedExam:
    return UnendedExam(site, uid, "item-1", day, "MR1")


@pytest.mark.parametrize(
    ("exam", "told"),
    [
        (an_exam("20261121"), True),
        (an_exam("20261123"), True),
        (an_exam("20261115"), True),
        (an_exam("20261114"), False),
        (an_exam(site="south"), False),
    ],
    ids=["yesterday", "a scanner's clock is ahead", "7 days ago", "8 days ago", "elsewhere"],
)
def test_an_exam_that_no_scanner_ended_needs_somebody_for_a_week(exam: UnendedExam, told: bool) -> None:
    assert found(facts(unended=[exam])) == ([(Kind.UNENDED, "MR1", False)] if told else [])


def test_an_exam_that_nobody_settled_in_a_week_is_known_as_such_and_by_no_uid() -> None:
    (key,) = conditions(facts(unended=[an_exam("20261115")]))
    a_day_later = facts(unended=[an_exam("20261115")], now=NOW + timedelta(days=1))
    assert key not in conditions(a_day_later)
    assert passed(a_day_later) == {key}
    assert "2.25.1" not in key
    assert passed(facts(unended=[])) == frozenset()


def test_each_exam_of_a_scanner_has_its_own_key() -> None:
    assert len(conditions(facts(unended=[an_exam(), an_exam(uid="2.25.2")]))) == 2
