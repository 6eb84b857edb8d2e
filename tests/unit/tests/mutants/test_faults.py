"""The table of faults is up to date: each text is in the source once, and each test file is there."""

from __future__ import annotations

import pytest

from tests.mutants.fault import Area, planted
from tests.mutants.faults import AREAS
from tests.mutants.tree import sources_of
from tests.structure.imports import ROOT

SOURCES = sources_of(ROOT)


@pytest.mark.parametrize("area", AREAS, ids=lambda area: area.name)
def test_each_fault_can_be_planted_and_changes_the_source(area: Area) -> None:
    for fault in area.faults:
        planting = planted(fault, SOURCES)
        assert planting.text != SOURCES[planting.file]


@pytest.mark.parametrize("area", AREAS, ids=lambda area: area.name)
def test_the_tests_that_have_to_find_them_are_there(area: Area) -> None:
    assert [path for path in area.tests if not (ROOT / path).exists()] == []
