"""A site whose API and relay are both real, over HTTP and DICOM on this machine.

with a_real_site() as site, site.relay(tmp_path) as relay:
    site.test(relay)
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edge_relay.client import scu
from edge_relay.relay import Relay
from lambdas.api.services import Services, services_from
from lambdas.api.settings import ApiSettings
from lambdas.settings import load
from lambdas.store.accounts import relays
from lambdas.store.audit.entry import Actor
from lambdas.store.self_tests.outcome import Outcome, SelfTest, outcome_of
from tests.rigs.api import quick_passwords
from tests.rigs.builders import an_item
from tests.rigs.cloud import CloudRig, cloud
from tests.rigs.relay import enrolled, eventually, query, scanner, settings_for
from tests.rigs.served import served

WHO = Actor(kind="person", name="ingrid")


@dataclass
class RealSite:
    """A real API with one site, and what a scanner was shown while a test ran."""

    rig: CloudRig
    services: Services
    url: str
    shown: list[str] = field(default_factory=list)
    relay_ids: dict[Relay, str] = field(default_factory=dict)

    def relay(self, state_dir: Path, **changes: Any) -> Relay:
        """Return a relay of the site, to be started."""
        code, _ = self.services.relays.invite("north")
        identity = enrolled(state_dir, self, code)
        relay = Relay(settings_for(self, **changes), identity, state_dir)
        self.relay_ids[relay] = identity.enrolment.relay_id
        return relay

    def known(self, relay: Relay) -> relays.Relay:
        """Return a relay as the cloud knows it."""
        found = self.services.relays.find(self.relay_ids[relay])
        assert found is not None
        return found

    def test(self, relay: Relay) -> Outcome:
        """Begin a test once the relay was heard of, and query as a scanner until it is over."""
        known = self.known(relay)
        eventually(lambda: self.services.relays.heartbeat(known.relay_id))
        self.services.self_tests.begin(known, self.services.relays.heartbeat(known.relay_id), by=WHO)

        def ended() -> Outcome | None:
            self.shown += [str(each.PatientID) for each in scu.find(scanner(relay), query())]
            outcome = outcome_of(self.found(relay), datetime.now(UTC))
            return None if outcome.state == "running" else outcome

        found: Outcome = eventually(ended)
        return found

    def found(self, relay: Relay) -> SelfTest:
        """Return a relay's last test."""
        test = self.services.self_tests.find(self.known(relay))
        assert test is not None
        return test


@contextmanager
def a_real_site() -> Iterator[RealSite]:
    with cloud(DEFAULT_SITE="north") as rig:
        services = services_from(load(ApiSettings), now=time.time, passwords=quick_passwords())
        today = f"{datetime.now(UTC):%Y%m%d}"
        services.worklist.put_if_changed([an_item("7", patient_id="real", scheduled_start_date=today)])
        rig.received(rig.write_back_queue_url)
        with served(services) as url:
            yield RealSite(rig, services, url)
