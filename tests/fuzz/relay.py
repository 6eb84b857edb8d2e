"""A relay as a process of its own, to be mistreated; what it takes, and whether it still serves."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from edge_relay.client import scu as dicom_client
from edge_relay.client.scu import Peer
from tests.bench.processes import Use, use
from tests.rigs.relay import (
    SCANNER,
    FakeCloud,
    RelayProcess,
    began,
    completed,
    eventually,
    item,
    query,
    shown,
)

PATIENCE: Final = 20.0
MEGABYTE: Final = 1e6
ITEMS: Final = 50
_SPARE: Final = 1  # a connection to the cache may be kept for later
_numbers = count(1)


@dataclass(frozen=True)
class Mistreated:
    """A relay process.

    :param peer: how a scanner calls it.
    """

    process: RelayProcess
    peer: Peer

    def connect(self) -> socket.socket:
        """Return a connection, without an association."""
        connection = socket.create_connection((self.peer.host, self.peer.port), PATIENCE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def use(self) -> Use:
        """Return what it takes now."""
        taken = use(self.process.pid)
        if not taken.threads:
            raise AssertionError("the relay has died")
        return taken

    def at_rest(self, before: Use) -> Use:
        """Return what it takes once it holds no more threads and descriptors than before, or in the end."""
        deadline = monotonic() + PATIENCE
        while True:
            now = self.use()
            fewer = now.threads <= before.threads and now.descriptors <= before.descriptors + _SPARE
            if fewer or monotonic() > deadline:
                return now
            sleep(0.05)

    def serves(self) -> None:
        """Raise unless a well-behaved scanner is served: echo, query, and a step from begin to end."""
        dicom_client.echo(self.peer)
        found = dicom_client.find(self.peer, query())
        assert len(found) == ITEMS, f"{len(found)} of {ITEMS} items found"
        uid = f"2.25.{77_000_000 + next(_numbers)}"
        dicom_client.create_step(self.peer, began(item("walk-in")), uid)
        dicom_client.set_step(self.peer, completed(), uid)


@contextmanager
def mistreated(folder: Path, *others: str, deadline: int = 2) -> Iterator[Mistreated]:
    """Run a relay that has pulled its worklist, and end it.

    :param others: AE titles of scanners it knows besides.
    :param deadline: seconds that it lets others take for a message, or say nothing.
    """
    with FakeCloud() as cloud:
        cloud.put(*(item(f"i{number}") for number in range(ITEMS)))
        process = RelayProcess(
            folder,
            cloud,
            log=folder / "relay.log",
            artim_seconds=deadline,
            network_timeout_seconds=deadline,
            pdu_timeout_seconds=deadline,
            pull_interval_seconds=5,
            max_connections_per_address=256,
            scanners=[
                {"ae_title": SCANNER, "max_associations": 200},
                *({"ae_title": title} for title in others),
            ],
        )
        peer = process.start()
        try:
            eventually(lambda: len(shown(peer)) == ITEMS)
            yield Mistreated(process, peer)
        finally:
            process.end()
