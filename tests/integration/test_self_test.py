"""The test participant over real sockets: API, feed, relay, DICOM and back, on both acceptors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_relay.client import scu
from edge_relay.relay import Relay
from lambdas.store.self_tests.outcome import Outcome
from lambdas.store.worklist import ItemQuery
from shared.steps.self_test import Hop, is_test_patient
from tests.rigs.real_site import RealSite, a_real_site
from tests.rigs.relay import RELAY_AET, SCANNER, eventually, scanner


@dataclass
class Round:
    """A site whose relay has been tested once, and is still running."""

    site: RealSite
    relay: Relay
    outcome: Outcome

    @property
    def rows(self) -> list[str]:
        """The keys of all rows of the worklist's table."""
        found = self.site.rig.dynamodb.scan(TableName="WorklistTable")["Items"]
        return [f"{row['pk']['S']} {row['sk']['S']}" for row in found]


@pytest.fixture(scope="module", params=["asyncio", "pynetdicom"])
def tested(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Round]:
    settings = {"acceptor": request.param, "pull_interval_seconds": 0.2}
    with a_real_site() as site, site.relay(tmp_path_factory.mktemp("relay"), **settings) as relay:
        eventually(relay.cache.count)
        yield Round(site, relay, site.test(relay))


pytestmark = pytest.mark.slow


def test_every_hop_is_reached_in_order(tested: Round) -> None:
    outcome = tested.outcome
    assert [(each.hop, each.state, each.said) for each in outcome.hops] == [(hop, "green", "") for hop in Hop]
    assert outcome.state == "green"


def test_every_hop_has_its_time(tested: Round) -> None:
    relays_own = [
        each.seconds for each in tested.outcome.hops if each.hop in (Hop.FOUND, Hop.BEGUN, Hop.ENDED)
    ]
    assert None not in relays_own
    assert relays_own == sorted(relays_own, key=lambda seconds: seconds or 0)


def test_a_scanner_was_never_shown_it(tested: Round) -> None:
    assert set(tested.site.shown) == {"real"}


def test_a_scanner_that_asks_for_its_id_is_shown_nothing(tested: Round) -> None:
    assert (
        scu.find(
            scanner(tested.relay),
            scu.worklist_query(patient_id=tested.site.found(tested.relay).item.patient_id),
        )
        == []
    )


def test_the_relay_holds_it_no_more(tested: Round) -> None:
    eventually(lambda: not tested.relay.cache.self_tests())
    page = tested.site.services.worklist.changes_after("north", None, 100)
    assert page.self_tests == ()
    assert tested.relay.cache.count() == 1


def test_no_list_of_people_has_it(tested: Round) -> None:
    worklist = tested.site.services.worklist
    everything = worklist.list_items(ItemQuery(site="north"), limit=100).items
    today = f"{datetime.now(UTC):%Y%m%d}"
    found = [each.item.patient_id for each in (*everything, *worklist.of_days("north", today, today))]
    assert not any(map(is_test_patient, found))
    assert "real" in found


def test_no_procedure_step_and_no_write_back_is_left(tested: Round) -> None:
    assert tested.site.services.steps.due_write_backs(10) == []
    assert tested.site.rig.received(tested.site.rig.write_back_queue_url) == []
    assert [key for key in tested.rows if key.startswith("MPPS#")] == []


def test_nothing_waits_at_the_relay(tested: Round) -> None:
    eventually(lambda: not tested.relay.journal.open_events())
    assert tested.relay.report().self_test.failure == ""


def test_who_asked_for_it_is_in_the_audit_trail(tested: Round) -> None:
    day = f"{datetime.now(UTC):%Y%m%d}"
    entries = [each.entry for each in tested.site.services.audit.of_day(day)]
    asked = [
        each for each in entries if any(s.kind == "relay" and s.action == "asked-for" for s in each.subjects)
    ]
    assert [each.actor.name for each in asked] == ["ingrid"]


def test_a_relay_that_does_not_show_it_fails_at_that_hop(tested: Round, tmp_path: Path) -> None:
    scanners = [{"ae_title": SCANNER}, {"ae_title": RELAY_AET}]  # a scanner bears the relay's own name
    with tested.site.relay(tmp_path, scanners=scanners, pull_interval_seconds=0.2) as relay:
        eventually(relay.cache.count)
        outcome = tested.site.test(relay)
        eventually(lambda: not relay.cache.self_tests())
    states = {each.hop: each.state for each in outcome.hops}
    assert (states[Hop.FETCHED], states[Hop.FOUND], states[Hop.BEGUN]) == ("green", "red", "off")
    said = next(each.said for each in outcome.hops if each.hop is Hop.FOUND)
    assert said.startswith("The query found 0 exams, not this one. The relay has the test participant")
