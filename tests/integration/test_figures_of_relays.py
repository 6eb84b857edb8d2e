"""A relay in trouble raises its figure: through the real handler, as CloudWatch takes it from its log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from unittest.mock import patch

import pytest

from lambdas.notices import function as notices
from shared.relay_health import RelayHealth
from tests.rigs.api import ApiRig, api
from tests.rigs.figures import Told
from tests.rigs.lambda_events import Context, schedule_event


@pytest.fixture
def site(told: Told) -> Iterator[ApiRig]:
    with api() as running:
        yield running


def test_a_relay_in_trouble_is_told(site: ApiRig, told: Told) -> None:
    relay = site.relay("north")
    health = RelayHealth(
        version="1", at=datetime.fromtimestamp(site.clock(), UTC), parked=2, problems=("disk full",)
    )
    assert relay.http.post("/relay/heartbeat", json=health.model_dump(mode="json")).status == 200
    with patch("lambdas.notices.function.time.time", site.clock):
        notices.handler(schedule_event(), Context())
    assert told() == {"RelayEventsParked": 2, "RelaysWithProblems": 1}


def test_a_relay_that_falls_silent_is_told(site: ApiRig, told: Told) -> None:
    relay = site.relay("north")
    health = RelayHealth(version="1", at=datetime.fromtimestamp(site.clock(), UTC))
    relay.http.post("/relay/heartbeat", json=health.model_dump(mode="json"))
    site.clock.advance(660)
    with patch("lambdas.notices.function.time.time", site.clock):
        notices.handler(schedule_event(), Context())
    assert told() == {"RelaysSilent": 1}
