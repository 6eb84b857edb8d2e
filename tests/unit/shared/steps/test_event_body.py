"""An event fits a row of DynamoDB: as it is, packed, or without its longest attribute, which is then said."""

from __future__ import annotations

from random import Random

import pytest

from shared.errors import Rejected
from shared.steps.event_body import LONGEST_PACKED, LONGEST_PLAIN, pack, unpack
from shared.steps.procedure_step import ProcedureStepEvent
from tests.rigs.builders import an_event


def with_text(tag: str, text: str) -> ProcedureStepEvent:
    event = an_event(None)
    return event.model_copy(update={"dataset": {**event.dataset, tag: {"vr": "UT", "Value": [text]}}})


def noise(characters: int) -> str:
    """Return text that cannot be packed much."""
    return Random(1).randbytes(characters // 2).hex()


def test_a_short_event_is_kept_as_text() -> None:
    event = an_event(None)
    row = pack(event)
    assert row.packed is None
    assert unpack(row) == event


def test_an_event_of_thousands_of_alike_images_is_packed_whole() -> None:
    event = with_text("00400340", "1.2.840.10008.1 " * LONGEST_PLAIN)
    row = pack(event)
    assert row.body is None
    assert unpack(row) == event


def test_what_does_not_fit_loses_its_longest_attribute_and_says_which() -> None:
    event = with_text("00401010", noise(4 * LONGEST_PACKED))
    kept = unpack(pack(event))
    assert "00401010" not in kept.dataset
    assert kept.dataset.keys() == event.dataset.keys() - {"00401010"}
    assert len(kept.warnings) == 1
    assert kept.warnings[0].startswith("(0040,1010) was left out in the cloud: ")


def test_what_names_a_step_is_never_left_out() -> None:
    with pytest.raises(Rejected, match="too long"):
        pack(with_text("00400253", noise(4 * LONGEST_PACKED)))
