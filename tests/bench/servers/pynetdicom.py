"""pynetdicom as it comes, in a process of its own: see `tests.bench.servers.plain_pynetdicom`."""

from __future__ import annotations

import sys
from importlib import metadata

from tests.bench.servers.server import Server


class Pynetdicom(Server):
    """The minimal server that answers from memory."""

    program = "plain pynetdicom"

    @classmethod
    def missing(cls) -> str:
        """It is among the relay's own dependencies."""
        return ""

    @classmethod
    def version(cls) -> str:
        """The package's version."""
        return metadata.version("pynetdicom")

    def start(self) -> None:
        """Start it on a free port."""
        port, database = self.take_free_port(), self.folder / "steps.db"
        command = [sys.executable, "-m", "tests.bench.servers.plain_pynetdicom"]
        options = ["--no-delay"] if self.no_delay else []
        self.run([*command, str(port), str(self.count), str(database), *options])
