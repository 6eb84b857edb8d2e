"""Signing keys: which one signs, which still verify, and what a rotation makes of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.access.signing_keys import SigningKeys
from shared.errors import Conflict, Unavailable

NOW = 1_800_000_000.0
DAY = 86_400.0
OLD, NEW, NEWEST = "o" * 64, "n" * 64, "e" * 64
FIRST = SigningKeys.parse({"kid": "1", "secret": OLD, "previous": {}})


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"kid": "1"},
        {"kid": "1", "secret": "short"},
        {"kid": "", "secret": OLD},
        {"kid": "1", "secret": OLD, "previous": {"0": "short"}},
        {"kid": "1", "secret": OLD, "until": {"0": "tomorrow"}},
    ],
)
def test_a_signing_secret_that_is_none_is_our_trouble_and_not_quoted(content: dict[str, Any]) -> None:
    with pytest.raises(Unavailable) as caught:
        SigningKeys.parse(content)
    assert "short" not in str(caught.value)


@pytest.mark.parametrize(("length", "good"), [(31, False), (32, True)])
def test_a_signing_secret_is_as_long_as_its_hash(length: int, good: bool) -> None:
    content = {"kid": "1", "secret": "s" * length}
    if good:
        assert SigningKeys.parse(content).find("1", NOW) == "s" * length
    else:
        with pytest.raises(Unavailable, match="secret"):
            SigningKeys.parse(content)


def test_after_a_rotation_the_new_key_signs_and_the_former_one_verifies_until_it_ends() -> None:
    keys = FIRST.rotated("2", NEW, now=NOW, keep_seconds=2 * DAY)
    assert (keys.kid, keys.find("2", NOW)) == ("2", NEW)
    assert keys.find("1", NOW + 2 * DAY - 1) == OLD
    assert keys.find("1", NOW + 2 * DAY) is None


def test_the_key_that_signs_has_no_end() -> None:
    assert FIRST.rotated("2", NEW, now=NOW, keep_seconds=DAY).find("2", NOW + 1000 * DAY) == NEW


def test_a_rotation_takes_out_what_has_ended_and_puts_no_end_off() -> None:
    second = FIRST.rotated("2", NEW, now=NOW, keep_seconds=DAY)
    assert second.rotated("3", NEWEST, now=NOW + 10, keep_seconds=9 * DAY).until == {
        "1": NOW + DAY,
        "2": NOW + 10 + 9 * DAY,
    }
    assert set(second.rotated("3", NEWEST, now=NOW + DAY, keep_seconds=DAY).previous) == {"2"}


def test_no_former_key_outlasts_the_one_that_signed_last() -> None:
    by_hand = SigningKeys.parse({"kid": "2", "secret": NEW, "previous": {"1": OLD}})
    assert by_hand.find("1", NOW) == OLD
    assert by_hand.rotated("3", NEWEST, now=NOW, keep_seconds=DAY).until == {
        "1": NOW + DAY,
        "2": NOW + DAY,
    }


def test_a_key_that_others_know_ends_at_once_with_all_former_ones() -> None:
    second = FIRST.rotated("2", NEW, now=NOW, keep_seconds=9 * DAY)
    third = second.rotated("3", NEWEST, now=NOW, keep_seconds=0)
    assert [third.find(kid, NOW) for kid in ("1", "2", "3")] == [None, None, NEWEST]
    assert third.content()["previous"] == {}


@pytest.mark.parametrize("kid", ["1", "2"])
def test_a_name_is_not_given_twice(kid: str) -> None:
    keys = FIRST.rotated("2", NEW, now=NOW, keep_seconds=DAY)
    with pytest.raises(Conflict):
        keys.rotated(kid, NEWEST, now=NOW, keep_seconds=DAY)


def test_no_key_shows_when_keys_are_printed() -> None:
    keys = FIRST.rotated("2", NEW, now=NOW, keep_seconds=DAY)
    assert OLD not in repr(keys)
    assert NEW not in repr(keys)


@given(st.lists(st.tuples(st.floats(0, 30 * DAY), st.floats(0, 30 * DAY)), max_size=8))
def test_a_token_lives_as_long_as_the_rotation_after_it_promised(steps: list[tuple[float, float]]) -> None:
    keys, now = FIRST, NOW
    for number, (pause, keep) in enumerate(steps, 2):
        now += pause
        signed_with = keys.kid
        keys = keys.rotated(str(number), NEW, now=now, keep_seconds=keep)
        keys = SigningKeys.parse(json.loads(json.dumps(keys.content())))  # as the secret holds it
        assert (keys.find(signed_with, now) is not None) == (now + keep > now)
        assert keys.find(signed_with, now + keep) is None
        assert all(end > now for end in keys.until.values())
        assert set(keys.until) == set(keys.previous)
