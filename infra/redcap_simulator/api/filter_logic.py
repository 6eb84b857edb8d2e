"""The part of `filterLogic` that is simulated.

    [field] OP 'value' { and|or [field] OP 'value' }

OP is one of = <> != > < >= <=; `and` binds tighter than `or`; a checkbox is `[field(code)]`. Two numbers
are compared as numbers, anything else as text (which is right for ISO dates). No parentheses, functions or
other events: those are answered with a 400 that says so, rather than with rows somebody might believe.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from infra.redcap_simulator.api.errors import ApiError, not_simulated
from infra.redcap_simulator.project.project import Shape

Predicate = Callable[[Mapping[str, str]], bool]

_CLAUSE = re.compile(
    r"\[(?P<field>\w+)(?:\((?P<code>[^)]+)\))?\]\s*(?P<op><>|!=|>=|<=|=|<|>)\s*"
    r"(?:'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\"|(?P<number>-?\d+(?:\.\d+)?))"
)
_JOIN = re.compile(r"\s+(and|or)\s+", re.IGNORECASE)
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}


def parse(text: str, shape: Shape) -> Predicate:
    """A test for a row's values, or an ApiError for what is not simulated."""
    alternatives: list[list[Predicate]] = [[]]
    position, text = 0, text.strip()
    while True:
        match = _CLAUSE.match(text, position)
        if match is None:
            raise not_simulated("this filterLogic; it knows \"[field] = 'value'\" joined by and/or")
        alternatives[-1].append(_clause(match, shape))
        position = match.end()
        if position == len(text):
            return lambda values: any(all(test(values) for test in tests) for tests in alternatives)
        join = _JOIN.match(text, position)
        if join is None:
            raise not_simulated("this filterLogic; it knows \"[field] = 'value'\" joined by and/or")
        if join[1].lower() == "or":
            alternatives.append([])
        position = join.end()


def _clause(match: re.Match[str], shape: Shape) -> Predicate:
    column = _column(match, shape)
    wanted = next(match[name] for name in ("single", "double", "number") if match[name] is not None)
    compare = _OPERATORS[match["op"]]
    unset = "0" if match["code"] else ""
    return lambda values: _compare(compare, values.get(column, unset), wanted)


def _column(match: re.Match[str], shape: Shape) -> str:
    name, code = match["field"], match["code"]
    item = shape.fields_by_name.get(name)
    if item is None and name not in shape.columns:
        raise ApiError(400, f"The filterLogic names a field that does not exist: {name}")
    return item.column_of(code) if item is not None and code else name


def _compare(compare: Callable[[Any, Any], bool], left: str, right: str) -> bool:
    try:
        return compare(float(left), float(right))
    except ValueError:
        return compare(left, right)
