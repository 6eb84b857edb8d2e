"""Places whose code says the same, line by line. Pure.

What counts is what functions do: the lines of their bodies. Signatures and fields of models are left out, as
a route's parameters and a table's columns are alike without saying the same; so are docstrings, comments,
imports, and lines that hold nothing but brackets.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias, TypeGuard

from tests.structure.imports import tree

FEWEST_LINES: Final = 6
"""So many equal lines one after the other are a repeat."""

_WORD: Final = re.compile(r"\w")
Place: TypeAlias = tuple[str, int]
"""A module, and the line at which a repeat begins."""


def repeats(sources: Mapping[str, str], fewest: int = FEWEST_LINES) -> list[tuple[Place, ...]]:
    """Return each run of equal lines that stands in two places or more.

    :param sources: module -> its source.
    """
    found: defaultdict[tuple[str, ...], list[Place]] = defaultdict(list)
    for module, source in sorted(sources.items()):
        for body in _bodies(source):
            for first in range(len(body) - fewest + 1):
                run = body[first : first + fewest]
                found[tuple(text for _, text in run)].append((module, run[0][0]))
    return [tuple(places) for places in found.values() if len(places) > 1]


def _bodies(source: str) -> Iterator[list[tuple[int, str]]]:
    """Yield the lines of each function that count, numbered; a function in a function is part of it."""
    lines = source.splitlines()
    for function in _outermost(tree(source)):
        skipped = {line for node in ast.walk(function) for line in _thin(node)}
        numbers = range(function.body[0].lineno, (function.end_lineno or 0) + 1)
        told = [(number, lines[number - 1].strip()) for number in numbers if number not in skipped]
        yield [(number, text) for number, text in told if _WORD.search(text) and not text.startswith("#")]


def _outermost(node: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield child
        else:
            yield from _outermost(child)


def _thin(node: ast.AST) -> range:
    """Return the lines of a node that are left out: a docstring, an import, an inner function's head."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return range(node.lineno, node.body[0].lineno)
    if isinstance(node, ast.Import | ast.ImportFrom) or _is_docstring(node):
        return range(node.lineno, (node.end_lineno or node.lineno) + 1)
    return range(0)


def _is_docstring(node: ast.AST) -> TypeGuard[ast.Expr]:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
