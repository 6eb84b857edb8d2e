"""The short form of ``make faults``: every part of it, but the crashes, for moments only."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import cloud, damage, named, network, outage, power, scanners, security
from tests.faults.outcome import Outcome
from tests.faults.plot import plotted
from tests.faults.wires import part as machines
from tests.faults.wires.wire import why_not
from tests.faults.words import FAULTS

pytestmark = pytest.mark.slow


def assert_nothing_wrong(outcome: Outcome) -> None:
    assert outcome.wrong() == []
    assert outcome.faults
    assert outcome.operations


A_FEW = (
    "network: one way",
    "network: portal",
    "cloud: 500",
    "cloud: 403",
    "clock: 10 minutes slow",
    "disk: full",
)


def test_the_status_names_each_fault_within_a_minute_and_nothing_without_one(tmp_path: Path) -> None:
    outcome = named.run(tmp_path, 3, tuple(fault for fault in FAULTS if fault.name in A_FEW))
    assert_nothing_wrong(outcome)
    assert outcome.named >= len(A_FEW) - 1  # a disk of its own needs root


def test_a_status_that_says_something_else_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [fault] = [fault for fault in FAULTS if fault.name == "cloud: 403"]
    monkeypatch.setattr(named, "NAMED_WITHIN", 1.0)
    outcome = named.run(tmp_path, 3, (fault._replace(words="all is well"),))
    assert "cloud: 403: the status says" in outcome.wrong()[0]


def test_a_fault_that_stays_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [fault] = [fault for fault in FAULTS if fault.name == "identity: copied"]
    monkeypatch.setattr(named, "QUIET_WITHIN", 1.0)
    outcome = named.run(tmp_path, 3, (fault._replace(end=lambda _: None),))
    assert "after identity: copied the status says" in outcome.wrong()[-1]


def test_of_damaged_files_comes_nothing_untrue(tmp_path: Path) -> None:
    outcome = damage.run(tmp_path, 48, seed=3)
    assert_nothing_wrong(outcome)
    assert outcome.named >= 10


@pytest.mark.skipif(power.compiler() is None, reason="needs a C compiler")
def test_a_power_cut_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    outcome = power.run(tmp_path, 1, seed=3)
    assert_nothing_wrong(outcome)
    assert outcome.named == 2


def test_a_bad_network_loses_nothing(tmp_path: Path) -> None:
    assert_nothing_wrong(network.run(tmp_path, 4, seed=3))


def test_on_two_machines_a_bad_wire_and_a_lying_name_server_lose_nothing_and_are_named(
    tmp_path: Path,
) -> None:
    if reason := why_not():
        pytest.skip(reason)
    outcome = machines.run(tmp_path, 4, seed=3)
    assert_nothing_wrong(outcome)
    assert outcome.named == 8


def test_two_hours_without_the_cloud_are_told_and_made_good(tmp_path: Path) -> None:
    outcome = outage.run(tmp_path, 2, seed=3)
    assert_nothing_wrong(outcome)
    assert "cannot be reached" in outcome.told["what the status says then"]


def test_a_faulty_cloud_loses_and_doubles_nothing(tmp_path: Path) -> None:
    outcome = cloud.run(tmp_path, 6, seed=3)
    assert_nothing_wrong(outcome)
    assert outcome.named == 8


def test_scanners_that_misbehave_keep_nobody_from_being_served(tmp_path: Path) -> None:
    assert_nothing_wrong(scanners.run(tmp_path, 60, 2, seed=3, crowd=16))
    picture = plotted((tmp_path / "soak.csv").read_text("utf-8"))
    assert picture.count("<polyline") == 4


def test_whoever_has_no_right_gets_nothing_and_nothing_leaks(tmp_path: Path) -> None:
    assert_nothing_wrong(security.run(tmp_path))
