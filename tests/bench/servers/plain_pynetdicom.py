"""A worklist and MPPS server as one would write it with pynetdicom in an afternoon; runs as its own process.

It answers from data sets in memory, and commits every MPPS message durably before it answers. Nothing of
pynetdicom is changed but the number of associations, and Nagle's algorithm if asked.

    python -m tests.bench.servers.plain_pynetdicom PORT ITEMS DATABASE [--no-delay]
"""

from __future__ import annotations

import argparse
import socket
import sqlite3
import threading
from collections.abc import Iterator
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.ae import ApplicationEntity
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    ModalityPerformedProcedureStep,
    ModalityWorklistInformationFind,
    Verification,
)

from tests.bench import items
from tests.bench.servers.server import AE_TITLE, HOST, MOST_ASSOCIATIONS
from tests.bench.servers.worklist_files import dataset

FOUND: list[Dataset] = []


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("database")
    parser.add_argument("--no-delay", action="store_true")
    options = parser.parse_args()
    FOUND.extend(map(dataset, items.items(options.count)))
    steps = Steps(options.database)
    ae = ApplicationEntity(AE_TITLE)
    ae.maximum_associations = MOST_ASSOCIATIONS
    for service in (ModalityWorklistInformationFind, ModalityPerformedProcedureStep, Verification):
        ae.add_supported_context(service)
    handlers: list[Any] = [
        (evt.EVT_C_FIND, on_find),
        (evt.EVT_N_CREATE, steps.on_create),
        (evt.EVT_N_SET, steps.on_set),
    ]
    if options.no_delay:
        handlers.append((evt.EVT_CONN_OPEN, no_delay))
    ae.start_server((HOST, options.port), block=True, evt_handlers=handlers)


def no_delay(event: evt.Event) -> None:
    """Turn Nagle's algorithm off."""
    event.assoc.dul.socket.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # type: ignore[union-attr]


def on_find(event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
    """Answer with what matches: single values, and sequences by their first item."""
    asked = event.identifier
    for found in FOUND:
        if event.is_cancelled:
            yield 0xFE00, None
            return
        if matches(asked, found):
            yield 0xFF00, answer(asked, found)


def matches(asked: Dataset, found: Dataset) -> bool:
    """Tell whether every key with a value has the same value."""
    for element in asked:
        if element.VR == "SQ":
            if element.value and not matches(element.value[0], found[element.tag].value[0]):
                return False
        elif element.value and found.get(element.tag) != element:
            return False
    return True


def answer(asked: Dataset, found: Dataset) -> Dataset:
    """Return the attributes that were asked for."""
    answered = Dataset()
    for element in asked:
        if element.VR == "SQ" and element.value and element.tag in found:
            inner = answer(element.value[0], found[element.tag].value[0])
            answered.add_new(element.tag, "SQ", [inner])
        elif element.tag in found:
            answered[element.tag] = found[element.tag]
        else:
            answered.add_new(element.tag, element.VR, None)
    return answered


class Steps:
    """What scanners reported, in SQLite, with the same commit as the relay's journal."""

    def __init__(self, path: str) -> None:
        self._lock = threading.Lock()
        self._database = sqlite3.connect(path, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.execute("CREATE TABLE IF NOT EXISTS step (uid TEXT PRIMARY KEY, status TEXT)")
        self._database.execute("CREATE TABLE IF NOT EXISTS event (uid TEXT, kind TEXT, dataset TEXT)")

    def on_create(self, event: evt.Event) -> tuple[int, Dataset | None]:
        """Keep a new step; 0111 if it is known."""
        uid, attributes = str(event.request.AffectedSOPInstanceUID), event.attribute_list  # type: ignore[union-attr]
        with self._lock, self._database:
            row = (uid, str(attributes.PerformedProcedureStepStatus))
            known = self._database.execute("INSERT OR IGNORE INTO step VALUES (?, ?)", row).rowcount == 0
            self._keep(uid, "N-CREATE", attributes)
        return (0x0111, None) if known else (0x0000, None)

    def on_set(self, event: evt.Event) -> tuple[int, Dataset | None]:
        """Keep a change; 0112 if the step is not known."""
        uid, changes = str(event.request.RequestedSOPInstanceUID), event.modification_list  # type: ignore[union-attr]
        with self._lock, self._database:
            row = (str(changes.PerformedProcedureStepStatus), uid)
            known = self._database.execute("UPDATE step SET status = ? WHERE uid = ?", row).rowcount == 1
            self._keep(uid, "N-SET", changes)
        return (0x0000, None) if known else (0x0112, None)

    def _keep(self, uid: str, kind: str, attributes: Dataset) -> None:
        self._database.execute("INSERT INTO event VALUES (?, ?, ?)", (uid, kind, attributes.to_json()))


if __name__ == "__main__":
    main()
