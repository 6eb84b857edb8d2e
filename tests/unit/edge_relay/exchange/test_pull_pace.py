"""How often the relay asks: as the cloud says, within what the settings admit, and more when scanners ask."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_relay.exchange.pull_pace import ACTIVE_SECONDS, PullPace


@dataclass(frozen=True)
class Limits:
    pull_interval_seconds: float = 5
    slowest_pull_seconds: float = 60
    max_worklist_age_hours: float = 0


class Moment:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def pace(asked: float, limits: Limits | None = None, moment: Moment | None = None) -> PullPace:
    return PullPace(limits or Limits(), lambda: asked, moment or Moment())


@pytest.mark.parametrize(("asked", "pause"), [(0, 5), (3, 5), (30, 30), (60, 60), (86_400, 60)])
def test_the_cloud_is_followed_within_the_settings(asked: float, pause: float) -> None:
    assert pace(asked).next_pause() == pause


def test_slowest_at_or_below_the_interval_keeps_the_pace_whatever_the_cloud_says() -> None:
    assert pace(60, Limits(slowest_pull_seconds=1)).next_pause() == 5


def test_the_relay_asks_well_before_its_worklist_counts_as_old() -> None:
    limits = Limits(slowest_pull_seconds=3600, max_worklist_age_hours=0.1)
    assert pace(3600, limits).next_pause() == 90


@given(
    asked=st.floats(0, 1e9),
    fastest=st.floats(0.01, 86_400),
    slowest=st.floats(0.01, 86_400),
    hours=st.floats(0, 8760),
)
def test_no_pause_is_out_of_bounds(asked: float, fastest: float, slowest: float, hours: float) -> None:
    pause = pace(asked, Limits(fastest, slowest, hours)).next_pause()
    assert fastest <= pause <= max(fastest, slowest)
    if hours:
        assert pause <= max(fastest, hours * 3600)


def test_a_scanner_that_asks_makes_the_relay_ask_often_for_a_while() -> None:
    moment = Moment()
    slow = pace(60, moment=moment)
    slow.next_pause()
    assert slow.scanner_asks()  # it is time to ask at once
    assert slow.next_pause() == 5
    assert not slow.scanner_asks()
    moment.seconds += ACTIVE_SECONDS
    assert slow.next_pause() == 60


def test_what_it_says_of_itself_is_the_pause_that_is_under_way() -> None:
    slow = pace(60)
    assert slow.seconds == 5
    slow.next_pause()
    assert slow.seconds == 60
    slow.scanner_asks()
    assert slow.seconds == 5
