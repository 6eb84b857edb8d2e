"""A fault is found by its text, wherever that has moved."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from tests.mutants.fault import Fault, Misplaced, planted

SOURCES = {PurePosixPath("a/one.py"): "x = 1\nif x > 0:\n    x = 2\n", PurePosixPath("b.py"): "x = 2\n"}


def test_a_fault_changes_the_one_place_where_its_text_is() -> None:
    made = planted(Fault("x > 0", "x >= 0", "harm"), SOURCES)
    assert (str(made.file), made.line) == ("a/one.py", 2)
    assert made.text == "x = 1\nif x >= 0:\n    x = 2\n"


@pytest.mark.parametrize(
    ("text", "said"), [("y", "0 times (in no file)"), ("x = 2", "2 times (in a/one.py, b.py)")]
)
def test_a_text_that_is_gone_or_not_alone_is_said(text: str, said: str) -> None:
    with pytest.raises(Misplaced, match="must occur once") as caught:
        planted(Fault(text, "", "harm"), SOURCES)
    assert said in str(caught.value)
