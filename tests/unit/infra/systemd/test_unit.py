"""The service and the settings that the package installs fit the program, and keep it locked in."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from edge_relay import config
from edge_relay.commands import options as cli_options
from infra.packages import stage
from shared.errors import Rejected
from tests.structure.imports import ROOT

UNIT = ROOT / "infra/systemd/mwl-relay.service"
DROP_IN = ROOT / "infra/systemd/port-104.conf"
EXAMPLE = ROOT / "infra/packages/relay.toml"
MOST_EXPOSURE = 2.0
SCRIPTS = (
    "mwl-relay",
    *(f"deb/{name}" for name in ("postinst", "prerm", "postrm")),
    *(f"rpm/{name}" for name in ("preinstall", "postinstall", "preremove", "postremove")),
)

analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing: apt-get install systemd"
)


def settings(path: Path) -> dict[str, list[str]]:
    """Return a unit file's settings; one that is given twice has two values."""
    found = defaultdict(list)
    for name, value in re.findall(r"^(\w+)=(.*)$", path.read_text("utf-8"), re.MULTILINE):
        found[name].append(value)
    return found


def ask_systemd(*arguments: str) -> subprocess.CompletedProcess[str]:
    plain = {**os.environ, "SYSTEMD_COLORS": "0", "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, env=plain, check=False
    )


def exposure(unit: Path) -> float:
    """Return what systemd says of a unit: 0 is locked in, 10 is anything goes."""
    said = ask_systemd("security", "--offline=true", "--no-pager", str(unit))
    found = re.search(r"Overall exposure level for [\w.-]+: ([\d.]+)", said.stdout)
    assert found, said.stderr
    return float(found[1])


@analyze
def test_systemd_finds_little_that_the_relay_could_do_to_its_machine() -> None:
    assert exposure(UNIT) <= MOST_EXPOSURE


@analyze
def test_a_port_below_1024_costs_little_of_that(tmp_path: Path) -> None:
    allowed = tmp_path / UNIT.name
    allowed.write_text(
        UNIT.read_text("utf-8").replace("[Install]", DROP_IN.read_text("utf-8") + "\n[Install]")
    )
    assert exposure(UNIT) < exposure(allowed) <= MOST_EXPOSURE


@analyze
def test_systemd_understands_every_line(tmp_path: Path) -> None:
    # The command is not installed where this is tested; everything else is taken as it is.
    unit = tmp_path / UNIT.name
    unit.write_text(
        UNIT.read_text("utf-8").replace("ExecStart=/usr/bin/mwl-relay run", "ExecStart=/bin/true")
    )
    said = ask_systemd("verify", "--man=no", str(unit))
    assert (said.returncode, said.stderr) == (0, "")


def test_the_unit_names_the_folders_that_the_program_uses() -> None:
    unit = settings(UNIT)
    assert [f"/var/lib/{name}" for name in unit["StateDirectory"]] == [str(cli_options.DEFAULT_STATE)]
    assert unit["StateDirectoryMode"] == ["0700"]
    assert f"/{stage.FILES['infra/packages/relay.toml']}" == str(cli_options.DEFAULT_CONFIG)
    assert unit["ExecStart"] == [f"/{stage.FILES['infra/packages/mwl-relay']} run"]


def test_stopping_has_the_time_it_asks_for() -> None:
    asked = config.RelaySettings.model_fields["stop_timeout_seconds"].default
    assert float(settings(UNIT)["TimeoutStopSec"][0]) >= 2 * asked


def test_the_relay_is_started_again_whatever_happens_and_for_ever() -> None:
    unit = settings(UNIT)
    assert (unit["Restart"], unit["StartLimitIntervalSec"]) == (["always"], ["0"])
    assert float(unit["RestartSec"][0]) > 0


def test_readiness_and_the_watchdog_are_the_program_s_own_word() -> None:
    unit = settings(UNIT)
    assert (unit["Type"], unit["NotifyAccess"]) == (["notify"], ["main"])
    assert float(unit["WatchdogSec"][0]) >= 30


def test_no_internet_does_not_keep_the_relay_from_starting() -> None:
    unit = settings(UNIT)
    assert not unit["Requires"]
    assert not unit["BindsTo"]


@pytest.mark.parametrize("script", SCRIPTS)
def test_what_runs_at_installation_is_shell_that_stops_at_errors(script: str) -> None:
    path = ROOT / "infra/packages" / script
    subprocess.run(["sh", "-n", str(path)], check=True)
    assert re.match(r"#!/bin/sh\n(#.*\n)*set -eu?\n", path.read_text("utf-8"))


def test_the_settings_as_installed_lack_nothing_but_the_cloud() -> None:
    with pytest.raises(Rejected) as refused:
        config.load(EXAMPLE)
    assert "relay.cloud_url" in str(refused.value)
    assert ";" not in str(refused.value), "more than one thing is wrong with it"


def test_the_settings_are_good_once_the_examples_in_them_are_taken(tmp_path: Path) -> None:
    taken = tmp_path / "relay.toml"
    taken.write_text(re.sub(r"^#(?=\S)", "", EXAMPLE.read_text("utf-8"), flags=re.MULTILINE))
    loaded = config.load(taken)
    assert loaded.relay.cloud_url
    assert len(loaded.scanners) == 2
    defaults = config.RelaySettings(cloud_url=loaded.relay.cloud_url)
    changed = {name for name, value in loaded.relay if value != getattr(defaults, name)}
    assert changed == {"log_format"}, "the examples show the defaults"
