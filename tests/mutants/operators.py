"""Faults made by rule: a comparison turned, a bound moved by one, an `and` for an `or`. Pure.

They find what nobody thought of. Some change nothing that can be seen ("equivalent"): a person looks at those
that survive, and plants by hand those that matter.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import PurePosixPath
from random import Random
from typing import Final

from tests.mutants.fault import Planting

_COMPARISONS: Final[dict[type[ast.cmpop], tuple[str, str]]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
}
_CALLS: Final = {"min": "max", "max": "min", "any": "all", "all": "any"}

Edit = tuple[int, int, str]
"""Where a text begins and ends, in characters, and what to put there."""


def edits(source: str) -> Iterator[Edit]:
    """Yield every change the rules know for a module."""
    tree = ast.parse(source)
    starts = _line_starts(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            yield from _compared(source, starts, node)
        elif isinstance(node, ast.BoolOp):
            yield from _joined(source, starts, node)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            begin, end = _span(source, starts, node)
            operand = _span(source, starts, node.operand)
            yield begin, end, f"bool({source[slice(*operand)]})"
        elif isinstance(node, ast.Constant) and type(node.value) is int:
            begin, end = _span(source, starts, node)
            yield begin, end, str(node.value + 1)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _CALLS:
            begin, end = _span(source, starts, node.func)
            yield begin, end, _CALLS[node.func.id]
        elif isinstance(node, ast.IfExp):
            begin, end = _span(source, starts, node.test)
            yield begin, end, f"not ({source[begin:end]})"
        elif isinstance(node, ast.If | ast.While):
            begin, end = _span(source, starts, node.test)
            yield begin, end, "False"


def sampled(files: dict[str, str], count: int, seed: int) -> list[tuple[str, Edit]]:
    """Return so many (file, change), the same for the same seed.

    :param files: name -> source.
    """
    every = [(name, edit) for name, source in sorted(files.items()) for edit in edits(source)]
    return sorted(Random(seed).sample(every, min(count, len(every))))


def changed(source: str, edit: Edit) -> str:
    """Return a source with a change made."""
    begin, end, text = edit
    return source[:begin] + text + source[end:]


def described(name: str, source: str, edit: Edit) -> str:
    """Return a change in one line, for people: file, line, before and after."""
    begin, end, text = edit
    line = source[:begin].count("\n") + 1
    around = source.splitlines()[line - 1].strip()
    return f"{name}:{line}: {source[begin:end]!r} -> {text!r} in: {around}"


def planting(name: str, source: str, edit: Edit) -> Planting:
    """Return a change as a file to be planted."""
    return Planting(PurePosixPath(name), source[: edit[0]].count("\n") + 1, changed(source, edit))


def _compared(source: str, starts: list[int], node: ast.Compare) -> Iterator[Edit]:
    lefts = [node.left, *node.comparators]
    for left, operator, right in zip(lefts, node.ops, node.comparators, strict=False):
        was, becomes = _COMPARISONS[type(operator)]
        begin, end = _span(source, starts, left)[1], _span(source, starts, right)[0]
        between = source[begin:end]
        if between.count(was) == 1:  # a comment or a parenthesis in between may hide it
            yield begin, end, between.replace(was, becomes)


def _joined(source: str, starts: list[int], node: ast.BoolOp) -> Iterator[Edit]:
    was, becomes = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
    for left, right in zip(node.values, node.values[1:], strict=False):
        begin, end = _span(source, starts, left)[1], _span(source, starts, right)[0]
        between = source[begin:end]
        if between.count(was) == 1:
            yield begin, end, between.replace(was, becomes)


def _line_starts(source: str) -> list[int]:
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    return starts


def _span(source: str, starts: list[int], node: ast.expr) -> tuple[int, int]:
    def place(line: int, column: int) -> int:
        begin = starts[line - 1]
        # Columns of the tree count bytes of UTF-8.
        return begin + len(source[begin : starts[line]].encode()[:column].decode())

    return place(node.lineno, node.col_offset), place(
        node.end_lineno or node.lineno, node.end_col_offset or 0
    )
