"""What became of each key of a configuration, so that nothing is dropped without a word. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from shared.errors import Rejected


class Outcome(StrEnum):
    """What became of a key."""

    TAKEN = "taken"
    CHANGED = "changed"
    UNNEEDED = "not needed"
    DECIDE = "decide"


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    :param key: the key with its path, ``redcap2wl.study_id``; in parentheses what the file does not say.
    :param said: what became of it and why.
    """

    key: str
    outcome: Outcome
    said: str


class Section:
    """An object of the file, which remembers which of its keys were read.

    :param data: the decoded object.
    :param path: how its keys are called in findings: ``api.`` for those of ``api``.
    """

    def __init__(self, data: Mapping[str, object], path: str = "") -> None:
        self._data, self._path, self._read = data, path, set[str]()

    def path(self, key: str) -> str:
        """Return a key with its path."""
        return f"{self._path}{key}"

    def __contains__(self, key: str) -> bool:
        return key in self._data

    def value(self, key: str) -> object:
        """Return a key's value, None if it is absent or null."""
        self._read.add(key)
        return self._data.get(key)

    def section(self, key: str) -> Section | None:
        """Return an object under this one; None if it is absent; raise `Rejected` if it is none."""
        value = self.value(key)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise Rejected("must be an object", where=self.path(key))
        return Section(value, f"{self.path(key)}.")

    def text(self, key: str) -> str:
        """Return text, empty if absent; a number is the text of it; raise `Rejected` for anything else."""
        value = self.value(key)
        if value is None:
            return ""
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise Rejected("must be text", where=self.path(key))
        return str(value).strip()

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts, each once, empty if absent; raise `Rejected` for anything else."""
        value = self.value(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise Rejected("must be a list of texts", where=self.path(key))
        return tuple(dict.fromkeys(each.strip() for each in value))

    def seconds(self, key: str) -> int | None:
        """Return a whole number of seconds; None if absent; raise `Rejected` for anything else."""
        value = self.value(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 10**9:
            raise Rejected("must be a number of seconds", where=self.path(key))
        return round(value)

    def __iter__(self) -> Iterator[str]:
        yield from self._data

    def unread(self) -> Iterator[Finding]:
        """Yield a finding for each key nobody read; one that begins with ``_`` is a comment."""
        for key in self._data:
            if key in self._read:
                continue
            if key.startswith("_"):
                yield Finding(self.path(key), Outcome.UNNEEDED, "a comment")
            else:
                said = "unknown to pylantir 0.2 and 0.4 and to us; nothing was done with it"
                yield Finding(self.path(key), Outcome.DECIDE, said)
