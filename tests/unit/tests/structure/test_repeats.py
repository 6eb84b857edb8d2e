"""Equal lines of functions are found, wherever they stand; what is no logic does not count."""

from __future__ import annotations

from textwrap import indent

import pytest

from tests.structure.repeats import repeats

BODY = "\n".join(f"found{number} = look(given, {number})" for number in range(6))


def function(body: str, head: str = "def run(given):") -> str:
    return f"{head}\n{indent(body, '    ')}\n"


def test_six_equal_lines_of_two_modules_are_found_whatever_their_depth() -> None:
    nested = function(indent(BODY, "    ").replace("    found0", "if given:\n    found0", 1))
    assert repeats({"a": function(BODY), "b": nested}) == [(("a", 2), ("b", 3))]


def test_so_are_those_of_one_module_and_of_methods() -> None:
    methods = "class A:\n" + indent(function(BODY) + "\n" + function(BODY, "async def other(self):"), "    ")
    assert repeats({"a": methods}) == [(("a", 3), ("a", 11))]


def test_of_a_longer_run_each_window_is_found() -> None:
    longer = function(BODY + "\nreturn given")
    assert len(repeats({"a": longer, "b": longer})) == 2


def test_comments_blank_lines_brackets_and_docstrings_in_between_hide_nothing() -> None:
    other = '"""Say."""\n' + BODY.replace("\n", "\n# why\n\n", 2).replace(
        "look(given, 5)", "look(given, 5)\n()"
    )
    assert repeats({"a": function(BODY), "b": function(other)}) == [(("a", 2), ("b", 3))]


@pytest.mark.parametrize(
    "source",
    [
        function(BODY.rpartition("\n")[0]),
        BODY,
        function("pass", "def run(\n" + indent(BODY.replace("\n", ",\n"), "    ") + "\n):"),
        function("import a\nimport b\nimport c\nimport d\nimport e\nimport f"),
        function('"""One.\n\ntwo\nthree\nfour\nfive\nsix\nseven\n"""'),
    ],
    ids=["five lines", "a table of a module", "a signature", "imports", "a docstring"],
)
def test_what_is_no_logic_or_too_short_does_not_count(source: str) -> None:
    assert repeats({"a": source, "b": source}) == []
