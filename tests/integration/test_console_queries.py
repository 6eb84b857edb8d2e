"""Sixty keys of a console, from the cloud's JSON to the wire, on both acceptors."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_relay.client import scu
from tests.rigs.console import SIXTY_KEYS, full_item, sixty_keys, values_of
from tests.rigs.relay import FakeCloud, eventually, item, running_relay, scanner


@pytest.mark.parametrize("acceptor", ["asyncio", "pynetdicom"])
def test_a_console_that_asks_for_sixty_attributes_is_told_all_of_them(tmp_path: Path, acceptor: str) -> None:
    with FakeCloud() as cloud, running_relay(tmp_path, cloud, acceptor=acceptor) as relay:
        cloud.put(full_item(), item("bare", scheduled_start_time="220000"))
        eventually(lambda: relay.cache.count() == 2)
        full, bare = scu.find(scanner(relay), sixty_keys())
    assert values_of(full) == SIXTY_KEYS
    assert {each.tag for each in bare} == {each.tag for each in sixty_keys()}
    assert bare.ClinicalTrialSubjectID == ""
