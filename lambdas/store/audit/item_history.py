"""What became of one item: the entries about it and about its performed procedure steps, oldest first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from lambdas.store.audit.entry import Entry, Subject

Read = Callable[[str], Entry | None]
"""Returns the entry that a key names, None if it is not there any more."""

MOST: Final = 500
"""Entries of one thing that are followed back."""


class Told(NamedTuple):
    """One entry, and what in it is about the item or its steps."""

    key: str
    entry: Entry
    subjects: tuple[Subject, ...]


def followed(read: Read, kind: str, thing: str, last: str) -> Iterator[tuple[str, Entry, Subject]]:
    """Yield the entries about a thing, the newest first.

    :param last: the key of the newest; empty if there is none.
    """
    key = last
    for _ in range(MOST):
        entry = read(key) if key else None
        if entry is None:
            return
        subject = next((each for each in entry.subjects if (each.kind, each.id) == (kind, thing)), None)
        if subject is None:
            return
        yield key, entry, subject
        key = subject.earlier


def history(read: Read, things: Mapping[tuple[str, str], str]) -> list[Told]:
    """Return the entries about several things, oldest first; one about two of them is told once.

    :param things: kind and id -> the key of the newest entry.
    """
    found: dict[str, tuple[Entry, list[Subject]]] = {}
    for (kind, thing), last in things.items():
        for key, entry, subject in followed(read, kind, thing, last):
            found.setdefault(key, (entry, []))[1].append(subject)
    told = [Told(key, entry, tuple(subjects)) for key, (entry, subjects) in found.items()]
    return sorted(told, key=lambda each: (each.entry.at, each.entry.number))


class Since(NamedTuple):
    """What changed since a version of an item.

    :param shown: the fields that changed, as the version had them; empty text for what was not known.
    :param told: who changed each last, and when, in words.
    """

    shown: Mapping[str, Any]
    told: Mapping[str, str]


def since(read: Read, item_id: str, last: str, version: str) -> Since | None:
    """Return what changed since a version of an item.

    None if it is not known what the version was: it is not one of this item's, or too old.
    """
    shown: dict[str, Any] = {}
    told: dict[str, str] = {}
    for _, entry, subject in followed(read, "item", item_id, last):
        for name in {*subject.before, *subject.after}:
            shown[name] = subject.before.get(name, "")
            told.setdefault(name, _said(entry))
        if subject.was == version:
            return Since(shown, told)
    return None


def _said(entry: Entry) -> str:
    who = f"{entry.actor.kind} {entry.actor.name}".rstrip()
    return f"changed by {who}, {entry.at:%Y-%m-%d %H:%M:%S} UTC"
