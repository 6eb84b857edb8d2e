"""Two sources whose tokens are in one secret of Secrets Manager: each reads its own project."""

from __future__ import annotations

import pytest

from infra.redcap_simulator import classic
from tests.rigs.redcap import Rig, Stack, classic_data, classic_definition

SECRET = "mwl-relay/redcap/hospital"


@pytest.fixture
def rig(stack: Stack) -> Rig:
    return stack.fresh(classic(3), classic_data(token_secret="hospital:youth"))


def test_each_source_uses_its_own_token_of_a_secret(rig: Rig) -> None:
    limited = classic_definition(url=rig.simulator.url, id="second", token_secret="hospital:second")
    rig.register(limited, "limited")
    assert rig.sync().outcome == "ok"
    report = rig.sync("second")
    assert report.outcome == "failed"  # by the other token's rights
    assert "first_name" in report.error


def test_a_key_that_the_secret_lacks_is_named(rig: Rig) -> None:
    rig.sources.put(classic_definition(url=rig.simulator.url, id="second", token_secret="hospital:elders"))
    report = rig.sync("second")
    assert report.outcome == "failed"
    assert '"elders"' in report.error
    assert SECRET in report.error
