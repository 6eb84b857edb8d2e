"""One rate a REDCap server, whoever asks it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from lambdas.redcap.pace import BURST, HINTS, REQUESTS_A_MINUTE
from lambdas.redcap.refusals import Banned
from lambdas.store.servers.request_rates import AT_ONCE, FIRST_AT_ONCE, RequestRates, server_of
from shared.errors import Unavailable
from tests.rigs.cloud import CloudRig, cloud

URL, OTHER = "https://redcap.example.org/api/", "https://elsewhere.example.org/api/"
EACH = 60.0 / (REQUESTS_A_MINUTE - BURST)


@pytest.fixture(scope="module")
def tables() -> Iterator[CloudRig]:
    with cloud() as running:
        yield running


class Moment:
    """A clock that goes on when somebody waits."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(tables: CloudRig) -> Moment:
    rows = tables.tables.rate
    for row in list(rows.query("RATES")):
        row.delete()
    return Moment()


@pytest.fixture
def rates(tables: CloudRig, clock: Moment) -> RequestRates:
    return RequestRates(tables.tables, now=clock, sleep=clock.sleep)


def test_all_who_ask_a_server_share_its_rate(rates: RequestRates, clock: Moment) -> None:
    began = clock.now
    paces = [rates.pace(URL, longest_wait=60) for _ in range(4)]
    for number in range(BURST + 60):
        paces[number % 4].wait()
    assert clock.now - began == pytest.approx(60 * EACH, abs=4 * AT_ONCE * EACH)


def test_another_server_has_a_rate_of_its_own(rates: RequestRates, clock: Moment) -> None:
    began = clock.now
    here, there = rates.pace(URL, longest_wait=60), rates.pace(OTHER, longest_wait=60)
    for _ in range(BURST - AT_ONCE):
        here.wait()
        there.wait()
    assert clock.now == began


def test_the_address_of_a_server_is_its_own_whatever_the_path() -> None:
    assert server_of("https://Redcap.example.org/redcap/api/") == server_of(URL)
    assert server_of("https://redcap.example.org:8443/api/") != server_of(URL)


def test_who_would_wait_too_long_is_told_and_sends_nothing(rates: RequestRates) -> None:
    rates.rest(server_of(URL), 300, banned=False)
    with pytest.raises(Unavailable, match="left alone"):
        rates.pace(URL, longest_wait=60).wait()


def test_when_a_server_wants_to_be_left_alone_everybody_leaves_it_alone(
    rates: RequestRates, clock: Moment
) -> None:
    one, other = rates.pace(URL, longest_wait=60), rates.pace(URL, longest_wait=60)
    one.wait()
    one.rest(30)
    began = clock.now
    other.wait()
    assert clock.now - began == pytest.approx(30)
    assert not rates.admits_hint(URL) or clock.now >= began + 30


def test_a_ban_holds_for_everybody_until_it_is_over(rates: RequestRates, clock: Moment) -> None:
    rates.pace(URL, longest_wait=60).rest(3600, banned=True)
    with pytest.raises(Banned):
        rates.pace(URL, longest_wait=60).wait()
    assert not rates.admits_hint(URL)
    rates.pace(OTHER, longest_wait=60).wait()
    clock.now += 3601
    rates.pace(URL, longest_wait=60).wait()


@pytest.mark.slow
def test_a_clock_a_day_ahead_holds_nobody_else_up(
    tables: CloudRig, rates: RequestRates, clock: Moment
) -> None:
    wrong = RequestRates(tables.tables, now=lambda: clock.now + 86_400, sleep=clock.sleep)
    for _ in range(BURST):
        wrong.pace(URL, longest_wait=60).wait()
    wrong.admits_hint(URL)
    wrong.rest(server_of(URL), 3600, banned=True)
    began = clock.now
    rates.pace(URL, longest_wait=60).wait()
    assert clock.now == began
    assert rates.admits_hint(URL)


@pytest.mark.slow
def test_who_is_refused_a_turn_takes_none_from_others(rates: RequestRates, clock: Moment) -> None:
    for _ in range(BURST // FIRST_AT_ONCE):  # each reserves so many
        rates.pace(URL, longest_wait=60).wait()
    for _ in range(50):
        with pytest.raises(Unavailable):
            rates.pace(URL, longest_wait=0).wait()
    began = clock.now
    rates.pace(URL, longest_wait=60).wait()
    assert clock.now - began == pytest.approx(EACH * FIRST_AT_ONCE, abs=1e-3)


def test_of_two_hundred_hints_at_once_a_burst_is_followed(rates: RequestRates, clock: Moment) -> None:
    followed = sum(rates.admits_hint(URL) for _ in range(200))
    assert followed == HINTS.burst
    clock.now += 60
    assert rates.admits_hint(URL)


def test_those_who_ask_at_the_same_moment_are_all_counted(tables: CloudRig, rates: RequestRates) -> None:
    threads = [threading.Thread(target=rates.reserve, args=(server_of(URL), 5)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    row = tables.tables.rate.get("RATES", server_of(URL))
    assert float(row.due) == pytest.approx(1_800_000_000.0 + 40 * EACH)
