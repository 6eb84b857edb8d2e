"""How far the journal had come, kept beside it in journal.mark: tells what a damaged journal.db lacks.

Events are in journal.db-wal before they are in journal.db. A ``-wal`` that was cut off, deleted or left
behind by ``cp journal.db`` takes acknowledged events with it, and SQLite does not notice. So each event's
number and name is also written here, through to the disk, before the scanner is answered; and here the
numbers of the journal are held against it when it is opened.

    {"journal": "6f1c...", "seq": 41}                             all up to this number are in journal.db
    {"seq": 42, "event_id": "...", ..., "promised": "9e0a..."}    one line an event since then
    {"kept": 42}                                                  of what was promised, all up to this number

An event is promised while it is being committed, so that a scanner waits for the disk once: ``promised`` is
the start of the machine it was promised in. ``kept`` is said once both are on the disk, before the scanner is
answered; the number before the promised ones, if they could not be committed. What remains promised and was
never kept was being committed as the process was killed: nobody was answered Success for it. Only a power cut
may also take a ``kept`` that was said: so in another start of the machine, an event that was promised and is
not there is told as missing. A line without ``promised`` is of an earlier version, and was kept.

A line that was cut off by a crash belongs to an event that nobody was answered Success for.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from edge_relay.storage.state_files import write_private

MARK_FILE: Final = "journal.mark"
_to_disk: Final = getattr(os, "fdatasync", os.fsync)  # macOS and Windows have the latter only


class Noted(BaseModel):
    """An event as it is noted; never anything of a participant."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    seq: int
    event_id: str
    sop_instance_uid: str
    kind: str
    calling_aetitle: str
    received_at: str


class Mark(NamedTuple):
    """How far a journal had come.

    :param journal: which journal: its random id.
    :param seq: all events up to this number had reached journal.db itself.
    :param noted: those after it, by number.
    :param is_open: whether some were promised, and it was not said whether they were kept.
    """

    journal: str
    seq: int
    noted: tuple[Noted, ...] = ()
    is_open: bool = False

    @property
    def last(self) -> int:
        """The number of the last event."""
        return max([self.seq, *(each.seq for each in self.noted)])


class MarkFile:
    """The file; used by one thread at a time.

    :param boot: which start of the machine this is; empty: not known.
    :raises OSError: from writing.
    """

    def __init__(self, path: Path, boot: str = "") -> None:
        self._path: Final = path
        self._boot: Final = boot

    def read(self) -> Mark | None:
        """Return what it says; None if it is not there, or was never written whole."""
        try:
            lines = self._path.read_text("utf-8", errors="replace").splitlines()
        except OSError:
            return None
        first = _parsed(lines[0]) if lines else {}
        if not isinstance(first.get("journal"), str) or not isinstance(first.get("seq"), int):
            return None
        noted, is_open = self._noted(map(_parsed, lines[1:]))
        return Mark(first["journal"], first["seq"], noted, is_open)

    def begin(self, journal: str, seq: int) -> None:
        """Say that everything up to a number is in journal.db."""
        write_private(self._path, json.dumps({"journal": journal, "seq": seq}).encode() + b"\n")

    def promise(self, events: Sequence[Noted]) -> None:
        """Note events that are being committed; the notes are on the disk when this returns."""
        lines = [json.dumps({**event.model_dump(), "promised": self._boot}) for event in events]
        self._append(lines, lasting=True)

    def keep(self, seq: int, *, lasting: bool = False) -> None:
        """Say that of what was promised, everything up to a number is in the journal, and nothing else.

        :param lasting: that it is said is on the disk when this returns.
        """
        self._append([json.dumps({"kept": seq})], lasting=lasting)

    def _append(self, lines: Iterable[str], *, lasting: bool) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND)
        try:
            os.write(descriptor, "".join(f"{line}\n" for line in lines).encode())
            if lasting:
                _to_disk(descriptor)
        finally:
            os.close(descriptor)

    def _noted(self, lines: Iterable[dict[str, Any]]) -> tuple[tuple[Noted, ...], bool]:
        """Return the events that were taken, and whether that is not said of all."""
        noted: dict[int, Noted] = {}
        promised: dict[int, Noted] = {}
        told: dict[int, Noted] = {}  # those of them that are told as missing, if they are not there
        for line in lines:
            if isinstance(kept := line.get("kept"), int):
                noted |= {seq: event for seq, event in promised.items() if seq <= kept}
                promised, told = {}, {}
            elif (event := _event(line)) is not None:
                if "promised" not in line:
                    noted[event.seq] = event
                    continue
                promised[event.seq] = event
                if not self._boot or line["promised"] != self._boot:
                    told[event.seq] = event
        found = noted | told
        return tuple(found[seq] for seq in sorted(found)), bool(promised)


def _event(line: dict[str, Any]) -> Noted | None:
    try:
        return Noted.model_validate(line)
    except ValidationError:
        return None


def _parsed(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
