"""People type parts of names and ids, in any order, with or without accents."""

from __future__ import annotations

import pytest

from lambdas.api.pages.views.search import admits, is_record

ITEM = {"patient_name": "García Márquez^Renée", "patient_id": "sub_000010", "source_record": "000010"}


@pytest.mark.parametrize(
    "typed", ["garcia", "Renee García", "márquez, renée", "sub_000010", "000010", "000010 ren"]
)
def test_who_is_meant_is_found(typed: str) -> None:
    assert admits(typed)(ITEM)


@pytest.mark.parametrize("typed", ["garcia jose", "000011", "zoe"])
def test_nobody_else_is(typed: str) -> None:
    assert not admits(typed)(ITEM)


def test_a_record_is_meant_by_its_whole_id() -> None:
    assert is_record("000017", "000017")
    assert is_record("record AB-7", "ab-7")
    assert not is_record("17", "000017")
