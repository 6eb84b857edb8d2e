"""Many write to a site at once while its relays read: each relay ends with what the table has, in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from lambdas.store.worklist import WorklistStore
from shared.errors import Conflict, Unavailable
from shared.worklist_item import WorklistItem
from tests.rigs.builders import an_item
from tests.rigs.cloud import CloudRig, cloud

WRITERS, RELAYS, ROUNDS, PAUSE_SECONDS = 8, 4, 3, 0.02
SITE = "north"


@pytest.fixture
def rig() -> Iterator[CloudRig]:
    with cloud() as running:
        yield running


def a_store(rig: CloudRig) -> WorklistStore:
    """Return a store of its own, as another function or call has it."""
    return WorklistStore(rig.tables, now=time.time, new_id=lambda: uuid4().hex, settle_seconds=1.0)


def write(rig: CloudRig, writer: int) -> None:
    """Put two items, and change both in each round; whoever is in the way is waited for."""
    store = a_store(rig)
    for number in range(ROUNDS):
        items = [an_item(f"{writer}-{each}", patient_weight_kg=str(50 + number)) for each in range(2)]
        while True:
            try:
                store.put_if_changed(items)
                break
            except (Conflict, Unavailable):
                continue  # as the queue would deliver the message again


class Reader:
    """A relay's cache: the newest it was sent of each item."""

    def __init__(self, rig: CloudRig) -> None:
        self._store, self._cursor = a_store(rig), ""
        self.held: dict[str, tuple[int, WorklistItem]] = {}
        self.backwards = 0

    def pull(self) -> None:
        """Read to the end, and go on from there the next time."""
        after = self._cursor or None
        while True:
            page = self._store.changes_after(SITE, after, 5)
            for row in page.items:
                seq, _ = self.held.get(row.item.id, (0, None))
                self.backwards += row.feed_seq < seq
                self.held[row.item.id] = (row.feed_seq, row.item)
            if not page.more:
                self._cursor = page.cursor
                return
            after = page.next

    def pull_until(self, ended: threading.Event) -> None:
        """Pull all the time, and once more when nobody writes any longer."""
        while not ended.wait(PAUSE_SECONDS):
            self.pull()
        self.pull()


@pytest.mark.slow
def test_every_relay_ends_with_what_the_table_has(rig: CloudRig) -> None:
    ended, readers = threading.Event(), [Reader(rig) for _ in range(RELAYS)]
    with ThreadPoolExecutor(WRITERS + RELAYS) as pool:
        reading = [pool.submit(reader.pull_until, ended) for reader in readers]
        try:
            for writing in [pool.submit(write, rig, number) for number in range(WRITERS)]:
                writing.result()
        finally:
            ended.set()
        for each in reading:
            each.result()
    kept = {row.item.id: row.item for row in a_store(rig).changes_after(SITE, None, 500).items}
    assert len(kept) == 2 * WRITERS
    assert {item.patient_weight_kg for item in kept.values()} == {str(50 + ROUNDS - 1)}
    for reader in readers:
        assert {item_id: item for item_id, (_, item) in reader.held.items()} == kept
        assert reader.backwards == 0
