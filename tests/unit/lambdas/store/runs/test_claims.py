"""When a request for a sync is still on its way."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from lambdas.store.runs.claims import CLAIM_SECONDS, SHARDS, is_waiting, packed, shard_of, unpacked

NOW = 1_795_000_000.25


def test_a_request_is_on_its_way_until_it_is_taken() -> None:
    assert is_waiting(NOW, 0.0, NOW + 1)
    assert is_waiting(NOW, NOW - 60, NOW + 1)
    assert not is_waiting(NOW, NOW, NOW + 1)
    assert not is_waiting(NOW, NOW + 60, NOW + 61)


def test_a_request_that_was_lost_lapses() -> None:
    assert is_waiting(NOW, 0.0, NOW + CLAIM_SECONDS - 1)
    assert not is_waiting(NOW, 0.0, NOW + CLAIM_SECONDS)


def test_a_source_that_was_not_asked_for_is_not_waited_for() -> None:
    assert not is_waiting(None, 0.0, NOW)


def test_a_request_of_the_future_was_made_by_a_wrong_clock_and_stops_nobody() -> None:
    assert not is_waiting(NOW + 86400, 0.0, NOW)


@given(st.dictionaries(st.text(min_size=1), st.floats(0, 1e10)))
def test_claims_come_back_as_they_were_put(claims: dict[str, float]) -> None:
    assert unpacked(packed(claims)) == claims


def test_there_are_no_claims_where_none_were_put() -> None:
    assert unpacked(None) == {}


def test_sources_are_spread_evenly_and_always_alike() -> None:
    sizes = Counter(shard_of(f"study-{number}") for number in range(10_000))
    assert set(sizes) == set(range(SHARDS))
    assert max(sizes.values()) < 1.3 * 10_000 / SHARDS
    assert shard_of("classic") == 13  # for ever: a row is looked for where it was put
