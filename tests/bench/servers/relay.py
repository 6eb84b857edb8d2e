"""Our relay: `mwl-relay run` as its own process, which has pulled its items from a cloud in another one."""

from __future__ import annotations

import json
import sys
from importlib import metadata
from typing import Final

from infra.local.processes import Child
from shared.scanners.scanner_profile import MOST_DAYS
from tests.bench.client import CALLING
from tests.bench.servers.server import AE_TITLE, HOST, MOST_ASSOCIATIONS, READY_SECONDS, Server, free_port
from tests.rigs.relay import FakeCloud, enrolled

PULL_SECONDS: Final = 30


class Relay(Server):
    """The relay, with its limits raised so that a hundred clients of one address fit.

    Nagle's algorithm is always off on its side.
    """

    program = "mwl-relay"

    @classmethod
    def missing(cls) -> str:
        """It is what this is about."""
        return ""

    @classmethod
    def version(cls) -> str:
        """The package's version."""
        return metadata.version("mwl-relay")

    def start(self) -> None:
        """Enroll it with its cloud, and start it."""
        source = Child(
            "cloud",
            [sys.executable, "-m", "tests.bench.servers.cloud", str(self.count)],
            self.folder / "cloud.log",
        )
        self._closing.callback(source.stop)
        cloud = FakeCloud()  # where the other process serves: this one is never started
        cloud.port = int(source.wait_for("ready", READY_SECONDS + self.count / 500).split()[1])
        state, config = self.folder / "state", self.folder / "relay.toml"
        enrolled(state, cloud)
        config.write_text(_toml(cloud.url))
        command = [sys.executable, "-m", "edge_relay", "run"]
        child = self.run([*command, "--config", str(config), "--state-dir", str(state)])
        ready = child.wait_for("ready ", READY_SECONDS)
        self.called = self.called._replace(port=int(ready.split()[1].rpartition(":")[2]))


def _toml(cloud_url: str) -> str:
    relay: dict[str, str | int] = {
        "ae_title": AE_TITLE,
        "host": HOST,
        "port": 0,
        "cloud_url": cloud_url,
        "pull_interval_seconds": PULL_SECONDS,
        "page_size": 1000,
        "max_associations": MOST_ASSOCIATIONS,
        "max_connections_per_address": MOST_ASSOCIATIONS,
    }
    scanner: dict[str, str | int] = {
        "ae_title": CALLING,
        "max_associations": MOST_ASSOCIATIONS,
        "days_back": MOST_DAYS,
        "days_ahead": MOST_DAYS,
    }
    status: dict[str, str | int] = {"port": free_port()}
    tables = {"[relay]": relay, "[status]": status, "[[scanners]]": scanner}
    return "\n".join(line for name, table in tables.items() for line in (name, *_keys(table), ""))


def _keys(table: dict[str, str | int]) -> list[str]:
    return [f"{name} = {json.dumps(value)}" for name, value in table.items()]
