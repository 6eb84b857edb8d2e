"""The files for container engines against the package, the image and the commands."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from infra.container import oci_image
from infra.packages.description import SETTINGS
from tests.structure.imports import ROOT

FOLDER = ROOT / "infra" / "container"
CONTAINERFILE = (FOLDER / "Containerfile").read_text("utf-8")


def service(file: str) -> dict[str, Any]:
    [found] = yaml.safe_load((FOLDER / file).read_text("utf-8"))["services"].values()
    return dict(found)


def test_both_ways_to_an_image_run_the_same() -> None:
    image = oci_image._config(oci_image.About("1", "x86_64", 0), "")["config"]
    said = dict(re.findall(r"^(USER|VOLUME|EXPOSE|STOPSIGNAL) (.+)$", CONTAINERFILE, re.M))
    assert said["USER"] == image["User"]
    assert said["VOLUME"] in image["Volumes"]
    assert {f"{port}/tcp" for port in said["EXPOSE"].split()} == set(image["ExposedPorts"])
    assert said["STOPSIGNAL"] == image["StopSignal"]


def test_the_relays_service_keeps_its_state_and_reads_its_settings_where_the_package_has_them() -> None:
    volumes = [each.split(":")[1] for each in service("compose.yaml")["volumes"]]
    assert volumes == [oci_image.STATE, f"/{SETTINGS}"]


def test_the_relays_service_may_do_as_little_as_under_systemd() -> None:
    relay = service("compose.yaml")
    assert (relay["read_only"], relay["cap_drop"]) == (True, ["ALL"])
    unit = (ROOT / "infra/systemd/mwl-relay.service").read_text("utf-8")
    assert f"MemoryMax={relay['mem_limit'].upper()}" in unit
    assert f"TasksMax={relay['pids_limit']}" in unit
    assert f"TimeoutStopSec={relay['stop_grace_period'].removesuffix('s')}" in unit


@pytest.mark.parametrize("file", ["compose.yaml", "compose.local.yaml"])
def test_no_service_may_do_what_only_root_may(file: str) -> None:
    assert not {"privileged", "cap_add", "devices"} & set(service(file))


def test_the_local_stack_is_installed_from_its_lock_file() -> None:
    command = service("compose.local.yaml")["command"][-1]
    assert (ROOT / re.findall(r"-r (\S+)", command)[0].replace("/src/", "")).is_file()
    assert "--require-hashes" in command
    assert re.search(r"mwl-cloud local --folder /state/\w+", command)
