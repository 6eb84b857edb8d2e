"""Audit entries: what they say, how they are bound to each other, and how a loss shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.store.audit.entry import (
    Actor,
    Entry,
    Link,
    Sealed,
    Stored,
    Subject,
    difference,
    flaws_of,
    packed,
    seal,
    split_key,
    unpacked,
)

AT = datetime(2026, 11, 22, 9, 30, 15, 250, tzinfo=UTC)
ANA = Actor(kind="person", name="ana", address="192.0.2.1", request_id="r1")


def chain(count: int, name: str = "site:north") -> list[Stored]:
    found, link = [], Link()
    for number in range(count):
        sealed = sealed_after(link, name=name, at=AT + timedelta(seconds=number))
        found.append(Stored(sealed.key, sealed.text, sealed.link.hash))
        link = sealed.link
    return found


def sealed_after(link: Link, *, name: str = "site:north", at: datetime = AT) -> Sealed:
    subject = Subject(
        kind="item", id="i1", action="changed", before={"allergies": "a"}, after={"allergies": "b"}
    )
    entry = Entry(
        at=at,
        chain=name,
        number=link.number + 1,
        previous=link.hash,
        site="north",
        actor=ANA,
        subjects=(subject,),
    )
    return seal(entry)


def test_an_entry_lies_at_its_day_in_order_of_time() -> None:
    first, second = sealed_after(Link()), sealed_after(Link(), at=AT + timedelta(microseconds=1))
    assert (first.day, first.key) == ("20261122", f"20261122/{first.place}")
    assert first.place < second.place
    assert split_key(first.key) == ("20261122", first.place)


def test_what_was_sealed_is_read_back() -> None:
    (stored,) = chain(1)
    assert (stored.entry.actor, stored.entry.subjects[0].after) == (ANA, {"allergies": "b"})


@given(st.text(max_size=3000))
def test_a_text_comes_back_from_the_row_it_was_put_into(text: str) -> None:
    data = packed(text)
    assert unpacked(text if data is None else None, data) == text


@given(st.integers(0, 10**9), st.text("0123456789abcdef", max_size=64))
def test_a_link_comes_back_as_it_was(number: int, digest: str) -> None:
    link = Link(number, digest)
    assert Link.decode(link.encode()) == link


def test_a_row_without_a_link_is_the_start_of_a_chain() -> None:
    assert Link.decode(None) == Link(0, "")


def test_a_whole_chain_has_no_flaw_in_whatever_order() -> None:
    assert flaws_of(reversed([*chain(4), *chain(3, "person:ana")])) == []


@pytest.mark.parametrize("taken", [1, 2])
def test_an_entry_taken_out_shows(taken: int) -> None:
    entries = chain(4)
    del entries[taken]
    assert flaws_of(entries) == [f"site:north {taken + 1} to {taken + 1}: missing"]


def test_an_entry_changed_shows() -> None:
    entries = chain(3)
    entries[1] = entries[1]._replace(text=entries[1].text.replace('"b"', '"c"'))
    assert flaws_of(entries) == ["site:north 2: has been changed"]


def test_an_entry_forged_with_a_right_hash_of_its_own_shows() -> None:
    entries = chain(3)
    forged = sealed_after(Link(1, "another"), at=AT + timedelta(seconds=1))
    entries[1] = Stored(forged.key, forged.text, forged.link.hash)
    assert flaws_of(entries) == ["site:north 2: does not follow 1", "site:north 3: does not follow 2"]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {"a": "1", "b": ""}, ({}, {"a": "1"})),
        ({"a": "1"}, {"a": "2"}, ({"a": "1"}, {"a": "2"})),
        ({"a": "1", "b": "x"}, {"a": "", "b": "x"}, ({"a": "1"}, {})),
        ({"a": None}, {"a": ""}, ({}, {})),
        ({"a": 0}, {"a": None}, ({"a": 0}, {})),
    ],
)
def test_only_what_differs_is_told(before: Any, after: Any, expected: Any) -> None:
    assert difference(before, after) == expected
