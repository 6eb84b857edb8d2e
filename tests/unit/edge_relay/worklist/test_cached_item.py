"""Items as cache.db holds them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from edge_relay.worklist.cached_item import CachedItem, parsed
from tests.rigs.relay import item


def test_a_stored_text_is_the_item_it_was_made_of() -> None:
    one = item("a", patient_name="Ä^B")
    assert list(parsed([(7, one.model_dump_json())])) == [CachedItem(7, one)]


@pytest.mark.parametrize("text", ["", "{", "{}", '{"id": 1}', "\x00"])
def test_a_damaged_text_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        list(parsed([(7, text)]))
