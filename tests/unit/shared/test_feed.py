"""A cursor is opaque text that only we can have made."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.errors import Rejected
from shared.feed import Cursor, FeedItem, Tombstone
from tests.rigs.builders import an_item

NUMBERS = st.integers(0, 2**53)
TIMES = st.floats(0, 1e12)
CURSORS = st.builds(
    Cursor,
    epoch=st.text(max_size=20),
    settled=NUMBERS,
    watched=NUMBERS,
    watched_at=TIMES,
    issued_at=TIMES,
    position=NUMBERS,
    ceiling=st.none() | NUMBERS,
    snapshot=st.booleans(),
)
ONE = Cursor(epoch="e", settled=1, watched=2, watched_at=3.0, issued_at=4.0, position=1)


@given(CURSORS)
def test_a_cursor_comes_back_as_it_was(cursor: Cursor) -> None:
    assert Cursor.decode(cursor.encode()) == cursor


@given(CURSORS)
def test_its_text_needs_no_escape_in_an_address(cursor: Cursor) -> None:
    assert cursor.encode().replace("-", "").replace("_", "").isalnum()


def made(**changes: object) -> str:
    data = {**ONE.model_dump(), **changes}
    return base64.urlsafe_b64encode(json.dumps(data).encode()).decode()


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "é",
        "bm9uc2Vuc2U",
        made(settled=-1),
        made(watched=-1),
        made(position=-1),
        made(ceiling=-1),
        made(epoch="e" * 65),
        made(epoch=None),
        made(more=1),
    ],
)
def test_what_we_did_not_make_is_refused_with_what_to_do(text: str) -> None:
    with pytest.raises(Rejected) as refused:
        Cursor.decode(text)
    assert (refused.value.where, refused.value.hint) == ("cursor", "ask again without a cursor")


@given(st.text(max_size=60))
def test_no_text_does_worse_than_be_refused(text: str) -> None:
    try:
        Cursor.decode(text)
    except Rejected:
        return


@pytest.mark.parametrize("number", [0, -1])
def test_change_numbers_begin_with_one(number: int) -> None:
    with pytest.raises(ValidationError):
        FeedItem(feed_seq=number, item=an_item())
    with pytest.raises(ValidationError):
        Tombstone(feed_seq=number, id="x")
