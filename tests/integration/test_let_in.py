"""A scanner that was refused is let in from the dashboard, over real HTTP and DICOM."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_relay.client import scu
from edge_relay.relay import Relay
from lambdas.api.routes.relays import override_scanners
from shared.errors import Forbidden
from shared.relay_health import ADDS_SCANNERS, RefusedAssociation
from shared.scanners.scanner_profile import ScannerOverrides
from tests.rigs.real_site import WHO, RealSite, a_real_site
from tests.rigs.relay import eventually, scanner

NEW = "SKYRA2"


@pytest.fixture(scope="module")
def site() -> Iterator[RealSite]:
    with a_real_site() as site:
        yield site


def told(site: RealSite, relay: Relay) -> tuple[RefusedAssociation, ...]:
    heartbeat = site.services.relays.heartbeat(site.known(relay).relay_id)
    return heartbeat.health.refused if heartbeat else ()


def test_a_refused_scanner_is_told_of_and_let_in(site: RealSite, tmp_path: Path) -> None:
    settings = {"cloud_scanners": "add", "heartbeat_interval_seconds": 0.2, "pull_interval_seconds": 0.2}
    with site.relay(tmp_path, **settings) as relay:
        eventually(relay.cache.count)
        with pytest.raises(Forbidden, match="not known there"):
            scu.echo(scanner(relay, NEW))
        refused = eventually(lambda: told(site, relay))
        assert [(each.ae_title, each.unknown, each.count) for each in refused] == [(NEW, True, 1)]
        heartbeat = site.services.relays.heartbeat(site.known(relay).relay_id)
        assert heartbeat is not None
        assert ADDS_SCANNERS in heartbeat.health.abilities
        overrides = ScannerOverrides.model_validate({"scanners": [{"ae_title": NEW}]})
        override_scanners(site.known(relay).relay_id, overrides, site.services, WHO)
        eventually(lambda: relay.profiles.get(NEW))
        found = scu.find(scanner(relay, NEW), scu.worklist_query())
        assert [str(each.PatientID) for each in found] == ["real"]


def test_a_relay_whose_file_forbids_it_does_not_say_it_adds_scanners(site: RealSite, tmp_path: Path) -> None:
    with site.relay(tmp_path, pull_interval_seconds=0.2) as relay:
        heartbeat = eventually(lambda: site.services.relays.heartbeat(site.known(relay).relay_id))
        assert ADDS_SCANNERS not in heartbeat.health.abilities
