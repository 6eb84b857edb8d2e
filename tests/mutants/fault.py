"""A fault: a text of the source, what it is changed into, and why that matters. Pure.

Faults are kept by their text, not by their file: a module that is renamed or split takes them along.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath


class Misplaced(Exception):
    """The text of a fault is not in the source exactly once: the table has to be brought up to date."""


@dataclass(frozen=True)
class Fault:
    """One change of the source.

    :param original: text that occurs exactly once in all packages.
    :param faulty: what stands there instead.
    :param harm: what would go wrong for somebody, in a few words.
    """

    original: str
    faulty: str
    harm: str


@dataclass(frozen=True)
class Area:
    """Faults that the same tests have to find.

    :param tests: test files and folders, the quickest first.
    """

    name: str
    tests: tuple[str, ...]
    faults: tuple[Fault, ...]


@dataclass(frozen=True)
class Planting:
    """A file with a fault in it.

    :param line: where the change begins, from 1.
    """

    file: PurePosixPath
    line: int
    text: str


def area(name: str, tests: Iterable[str], *faults: tuple[str, str, str]) -> Area:
    """Return an area of faults given as (original, faulty, harm)."""
    return Area(name, tuple(tests), tuple(Fault(*fault) for fault in faults))


def planted(fault: Fault, sources: Mapping[PurePosixPath, str]) -> Planting:
    """Return the file a fault changes, changed; raise `Misplaced` if it is not clear which one that is.

    :param sources: file -> its text.
    """
    places = [file for file, text in sources.items() for _ in range(text.count(fault.original))]
    if len(places) != 1:
        found = ", ".join(map(str, dict.fromkeys(places))) or "no file"
        raise Misplaced(f"{fault.original!r} occurs {len(places)} times (in {found}), and must occur once")
    text = sources[places[0]]
    line = text[: text.index(fault.original)].count("\n") + 1
    return Planting(places[0], line, text.replace(fault.original, fault.faulty))
