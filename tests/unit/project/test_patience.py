"""Tests wait long for what must come: a limit that a busy machine can miss is not written into a test."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from tests.rigs.patience import PATIENCE

TESTS: Final = Path(__file__).parents[2]
FOLDERS: Final = ("browser", "contract", "e2e", "integration", "interop", "rigs", "unit")
WAITS: Final = re.compile(
    r"(?:\btimeout(?:_seconds)?=|\.wait\(|\.join\(|\bsettimeout\()(\d+(?:\.\d+)?)(?=[,)])"
)
SPENT: Final = re.compile(r"\b(?:perf_counter|monotonic|time)\(\) - \w+ < (?!SOON\b|PATIENCE\b)[^,\n]+")
"""What took less than a figure: that is a benchmark's to say. Processor time is no matter."""

FAULTS_OWN: Final = 5.0
"""Shorter ones are what a test is about: a peer that is to be found too slow, a pause between two looks."""


def short_waits(text: str) -> list[str]:
    return [found[0] for found in WAITS.finditer(text) if FAULTS_OWN <= float(found[1]) < PATIENCE]


def files() -> list[Path]:
    return [file for folder in FOLDERS for file in (TESTS / folder).rglob("*.py") if file != Path(__file__)]


def test_no_test_compares_what_something_took_with_a_figure() -> None:
    found = {str(file.relative_to(TESTS)): SPENT.findall(file.read_text("utf-8")) for file in files()}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "text", ["assert perf_counter() - began < 0.4, x", "assert monotonic() - began < LIMIT + 1"]
)
def test_a_figure_for_what_something_took_is_found(text: str) -> None:
    assert SPENT.findall(text) != []


@pytest.mark.parametrize("text", ["monotonic() - began < SOON", "0.2 < perf_counter() - began < SOON"])
def test_soon_is_none(text: str) -> None:
    assert SPENT.findall(text) == []


def test_no_test_has_a_limit_of_its_own_that_is_shorter_than_patience() -> None:
    short = {
        str(file.relative_to(TESTS)): found
        for file in files()
        if (found := short_waits(file.read_text("utf-8")))
    }
    assert len(files()) > 100
    assert short == {}


@pytest.mark.parametrize(
    "text", ["done.wait(10)", "thread.join(5)", "run(x, timeout=30, check=True)", "settimeout(20)"]
)
def test_a_short_limit_is_found(text: str) -> None:
    assert short_waits(text) != []


@pytest.mark.parametrize(
    "text", ["done.wait(PATIENCE)", "done.wait(0.02)", "run(x, timeout=600)", "timeout=60)"]
)
def test_long_limits_and_short_pauses_are_none(text: str) -> None:
    assert short_waits(text) == []
