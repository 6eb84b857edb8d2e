"""Why is somebody on the list, or not? One sentence, then every station of the way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from lambdas.api.pages.views.site import SiteState
from lambdas.api.pages.views.timeline import Answer, answer
from lambdas.store.ownership import StoredItem
from lambdas.store.plans.timing import Timing
from lambdas.store.unfinished_write_backs import PerformedStep
from lambdas.sync.scanner_view import ScannerView
from shared.worklist_item import Status
from tests.rigs.site_state import NOW, a_heartbeat, a_relay, a_site, performed, stored


def view(**changes: Any) -> ScannerView:
    fields = {"relay_id": "r1", "relay": "cellar", "site": "north", "ae_title": "MR1", "assumed": True}
    return ScannerView.model_validate({**fields, "count": 1, "items": ("x",), **changes})


NOT_SHOWN: dict[str, Any] = {"count": 0, "items": ()}


def told(
    item: StoredItem,
    *steps: PerformedStep,
    views: tuple[ScannerView, ...] = (view(),),
    state: SiteState | None = None,
) -> Answer:
    return answer(state or a_site(), item, steps, views, "Zoë Núñez")


def way(found: Answer) -> dict[str, tuple[str, str]]:
    return {station.label: (station.reached, station.said) for station in found.stations}


def test_somebody_on_the_list() -> None:
    found = told(stored())
    assert found.on_list
    assert found.sentence == "Zoë Núñez is booked for today at 09:30 on MR1, and is on the list of MR1."
    assert way(found) == {
        "Saved in REDCap": ("yes", "study, record 001"),
        "Read by mwl-relay": ("yes", "REDCap was last read at 09:59"),
        "The relay has it": ("yes", "cellar took the list at 09:59"),
        "Shown to the scanner": ("yes", "MR1 asked at 09:59"),
        "Started": ("no", "not yet"),
        "Ended": ("no", "not yet"),
        "REDCap told": ("no", "nothing to tell yet"),
    }


@pytest.mark.parametrize(("exactly", "said"), [(True, "at 08:30"), (False, "not before 08:30")])
def test_the_way_says_when_it_was_saved_and_since_when_it_is_on_the_list(exactly: bool, said: str) -> None:
    timing = Timing(
        listed_at=NOW - timedelta(minutes=89), saved_at=NOW - timedelta(minutes=90), saved_exactly=exactly
    )
    found = way(told(stored().model_copy(update={"timing": timing})))
    assert found["Saved in REDCap"] == ("yes", f"study, record 001, {said}")
    read = "on the list as planned since 08:31; REDCap was last read at 09:59"
    assert found["Read by mwl-relay"] == ("yes", read)


def test_another_day_is_named() -> None:
    assert "for 24 December 2026 at 09:30" in told(stored(scheduled_start_date="20261224")).sentence


def test_an_exam_that_is_over_says_why_scanners_do_not_show_it() -> None:
    hidden = (view(**NOT_SHOWN),)
    done = told(stored(status=Status.COMPLETED), performed(started="09:31", ended="09:50"), views=hidden)
    assert done.sentence.endswith("Scanners do not show it, because the exam is done 09:31-09:50.")
    assert "cancelled" in told(stored(status=Status.CANCELLED), views=hidden).sentence
    assert "did not come" in told(stored(status=Status.NO_SHOW), views=hidden).sentence
    assert "was stopped" in told(stored(status=Status.DISCONTINUED), views=hidden).sentence


def test_letters_that_the_scanner_lacks_are_the_reason() -> None:
    found = told(stored(), views=(view(**NOT_SHOWN, withheld=("x",)),))
    assert "its character set lacks letters" in found.sentence
    assert way(found)["Shown to the scanner"] == ("problem", "by no scanner")


def test_no_scanner_yet_and_no_scanner_that_shows_that_day() -> None:
    assert "No scanner of this site has asked" in told(stored(), views=()).sentence
    assert "No scanner shows it on that day" in told(stored(), views=(view(**NOT_SHOWN),)).sentence


def test_a_silent_relay_is_a_problem_on_the_way() -> None:
    state = a_site(relays=((a_relay(), a_heartbeat(3600)),))
    assert way(told(stored(), state=state))["The relay has it"] == ("problem", "cellar is silent since 09:00")
    nobody = way(told(stored(), state=a_site(relays=())))
    assert nobody["The relay has it"] == ("problem", "no relay serves this site yet")
    new = way(told(stored(), state=a_site(relays=((a_relay(), None),))))
    assert new["The relay has it"] == ("problem", "cellar has taken no list yet")


def test_a_scan_that_runs_has_not_ended() -> None:
    found = way(told(stored(status=Status.IN_PROGRESS), performed(started="09:31", ended="09:40")))
    assert found["Started"] == ("yes", "at 09:31 on MR1")
    assert found["Ended"] == ("no", "not yet")


def test_what_redcap_says_is_shown() -> None:
    done = stored(status=Status.COMPLETED)
    scan: dict[str, Any] = {"started": "09:31", "ended": "09:50"}
    assert way(told(done, performed(**scan)))["REDCap told"] == ("yes", "in REDCap")
    refused = way(told(done, performed(**scan, write_back="parked", note="the record is locked")))
    assert refused["REDCap told"] == ("problem", "REDCap refuses it: see Write-backs: the record is locked")
    waiting = way(told(done, performed(**scan, write_back="due")))
    assert waiting["REDCap told"] == ("no", "REDCap is being told")


def test_an_exam_made_by_hand_never_came_from_redcap() -> None:
    found = way(told(stored(source="")))
    assert found["Booked"] == ("yes", "by hand, not in REDCap")
    assert found["REDCap told"] == ("no", "not from REDCap")
