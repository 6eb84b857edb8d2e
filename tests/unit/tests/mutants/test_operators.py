"""Faults made by rule change one thing each, and leave a program that can be read."""

from __future__ import annotations

import ast

import pytest

from tests.mutants.operators import changed, described, edits, planting, sampled
from tests.structure.imports import ROOT


def made(source: str) -> set[str]:
    return {changed(source, edit) for edit in edits(source)}


@pytest.mark.parametrize(
    ("source", "faulty"),
    [
        ("a < b", {"a <= b"}),
        ("a >= b", {"a > b"}),
        ("a == b != c", {"a != b != c", "a == b == c"}),
        ("a in b", {"a not in b"}),
        ("a is not b", {"a is b"}),
        ("a and b", {"a or b"}),
        ("a or b or c", {"a and b or c", "a or b and c"}),
        ("not a", {"bool(a)"}),
        ("x = 5", {"x = 6"}),
        ("x = True", set()),
        ("min(a)", {"max(a)"}),
        ("any(a)", {"all(a)"}),
        ("a if b else c", {"a if not (b) else c"}),
        ("if a:\n    b", {"if False:\n    b"}),
        ("'ä' < b", {"'ä' <= b"}),
        ("x.min(a)", set()),
    ],
)
def test_a_rule_changes_one_thing(source: str, faulty: set[str]) -> None:
    assert made(source) == faulty


@pytest.mark.parametrize("name", ["lambdas/store/feed.py", "edge_relay/worklist/matching.py"])
def test_every_change_of_a_real_module_can_be_read(name: str) -> None:
    source = (ROOT / name).read_text("utf-8")
    found = made(source)
    assert len(found) > 20
    for each in found:
        ast.parse(each)
        assert each != source


def test_the_same_seed_draws_the_same_faults_and_another_seed_others() -> None:
    files = {"a.py": "x = 1 < 2 < 3 < 4", "b.py": "y = 5 and 6 and 7"}
    assert sampled(files, 5, 1) == sampled(files, 5, 1)
    assert sampled(files, 5, 1) != sampled(files, 5, 2)
    assert len(sampled(files, 1000, 1)) == len([*edits(files["a.py"]), *edits(files["b.py"])])


def test_a_change_is_described_with_its_place() -> None:
    source = "x = 1\nif x < 2:\n    pass\n"
    edit = next(edit for edit in edits(source) if "<=" in edit[2])
    assert described("a.py", source, edit).startswith("a.py:2: ' < ' -> ' <= '")
    assert planting("a.py", source, edit).line == 2
