"""Which tests run through a statement: they are run first, as only they can notice a fault in it."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from coverage import CoverageData

MEASURING = ("--cov", "--cov-context=test", "--cov-report=")
"""Options of pytest with which a run leaves behind what `reach_of` reads."""


@dataclass(frozen=True)
class Reach:
    """What each test ran through.

    :param tests: file -> line -> pytest's ids of the tests.
    """

    tests: Mapping[PurePosixPath, Mapping[int, frozenset[str]]] = field(default_factory=dict)

    def of(self, file: PurePosixPath, source: str, line: int, order: Sequence[str]) -> tuple[str, ...]:
        """Return the tests that run through the statement of a line; none if that is not known.

        :param source: of the file, as it was when the tests ran.
        :param order: test files and folders: those of the first come first.
        """
        lines = self.tests.get(file, {})
        found = {test for each in statement_lines(source, line) for test in lines.get(each, ())}
        return tuple(sorted(found, key=lambda test: (_place(test, order), test)))


def statement_lines(source: str, line: int) -> range:
    """Return the lines of the innermost statement at a line; of a compound one, only its head."""
    found = range(line, line + 1)
    first = 0
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.stmt):
            continue
        body: list[ast.stmt] = getattr(node, "body", [])
        last = body[0].lineno - 1 if body else node.end_lineno or node.lineno
        if first < node.lineno <= line <= last:
            found, first = range(node.lineno, last + 1), node.lineno
    return found


def reach_of(data_file: Path, root: Path) -> Reach:
    """Return what a run with the options `MEASURING` has left behind.

    :param root: of the project it ran in.
    """
    data = CoverageData(str(data_file))
    data.read()
    tests = {}
    for name in data.measured_files():
        if (path := Path(name)).is_relative_to(root):
            lines = data.contexts_by_lineno(name)
            file = PurePosixPath(path.relative_to(root).as_posix())
            tests[file] = {line: _tests(contexts) for line, contexts in lines.items()}
    return Reach(tests)


def _tests(contexts: Sequence[str]) -> frozenset[str]:
    """Return the tests among the contexts of a line: ``id|setup``, ``id|run``; empty for an import."""
    return frozenset(test for context in contexts if (test := context.rpartition("|")[0]))


def _place(test: str, order: Sequence[str]) -> int:
    return next((place for place, path in enumerate(order) if test.startswith(path)), len(order))
