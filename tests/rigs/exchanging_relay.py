"""A relay's files and its exchange with the API, driven call by call: no threads, no sockets, no waiting.

with api() as rig, exchanging_relay(rig, tmp_path) as relay:
    relay.pull()
    relay.push()
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx

from edge_relay.clock.cloud_clock import Clock
from edge_relay.exchange.cloud import Cloud
from edge_relay.exchange.identity import Enrolment, Identity
from edge_relay.exchange.pull import pull_exchange
from edge_relay.exchange.push import push_exchange
from edge_relay.exchange.redelivery import checked_push
from edge_relay.mpps.journal import Journal
from edge_relay.worklist.cache import Cache
from shared.relay_health import RelayHealth
from shared.steps.procedure_step import ProcedureStepEvent
from shared.worklist_item import Status
from tests.rigs.api import ApiRig, RelayClient
from tests.rigs.lambda_transport import LambdaTransport


@dataclass
class ExchangingRelay:
    """One relay of a site.

    :param clock: the relay's: its machine's, and what it learns of the cloud's.
    """

    clock: Clock
    cloud: Cloud
    cache: Cache
    journal: Journal
    client: RelayClient
    transport: LambdaTransport

    def __post_init__(self) -> None:
        now = lambda: datetime.fromtimestamp(self.client.clock(), UTC)  # noqa: E731
        self.pull_once = pull_exchange(self.cloud, self.cache, self.journal, 500)
        push = push_exchange(self.cloud, self.journal, 50, timedelta(days=30), now)
        self.push_once = checked_push(push, self.cloud, self.journal, self.cache, self.client.clock)

    def pull(self) -> None:
        """Pull as often as it takes to be current."""
        for _ in range(3):
            self.client.clock.advance(11)
            self.pull_once()

    def push(self) -> None:
        """Push until nothing is left."""
        while self.push_once():
            pass

    def beat(self) -> None:
        """Send a heartbeat."""
        at = datetime.fromtimestamp(self.client.clock(), UTC)
        self.cloud.heartbeat(RelayHealth(version="1", at=at, cursor=self.cache.bookmark().cursor))

    def report(self, event: ProcedureStepEvent) -> None:
        """Take a scanner's report, as the intake does."""
        self.journal.append(event, event.linked())

    def shown(self) -> dict[str, Status]:
        """Return the status of every item that a scanner would be shown, by item id."""
        overlay = self.journal.overlay()
        return {
            held.item.id: overlay[held.item.id].status
            if held.item.id in overlay and overlay[held.item.id].covers(held.feed_seq)
            else held.item.performed_procedure_step_status
            for held in self.cache.select()
        }


@contextmanager
def exchanging_relay(
    rig: ApiRig, folder: Path, site: str = "north", clock_off: float = 0.0
) -> Iterator[ExchangingRelay]:
    """Enrol a relay, and open its files in a folder.

    :param clock_off: by how many seconds its machine's clock is ahead.
    """
    client = rig.relay(site)
    folder.mkdir(exist_ok=True)
    identity = Identity(Enrolment(relay_id=client.relay_id, site=site, audience="mwl-relay"), client.key)
    clock = Clock(lambda: datetime.fromtimestamp(rig.clock() + clock_off, UTC), elapsed=rig.clock)
    transport = LambdaTransport(rig.anybody, rig.clock)
    with httpx.Client(base_url="https://api.example.org", transport=transport) as http:
        cloud = Cloud(http, identity, clock, lambda: uuid4().hex)
        cache, journal = Cache(folder / "cache.db"), Journal(folder / "journal.db")
        try:
            yield ExchangingRelay(clock, cloud, cache, journal, client, transport)
        finally:
            journal.close()
            cache.close()
