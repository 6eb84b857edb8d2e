"""Orthanc with its ModalityWorklists plugin, which reads all worklist files for each query."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Final

from tests.bench.client import CALLING
from tests.bench.servers.server import AE_TITLE, HOST, Server
from tests.bench.servers.wlmscpfs import NO_NAGLE, WITH_NAGLE

PLUGIN: Final = Path("/usr/share/orthanc/plugins/libModalityWorklists.so")
DEFAULT_THREADS: Final = 4


class Orthanc(Server):
    """Orthanc on a folder of worklist files; its HTTP server is off.

    :param files: the folder that holds them.
    :param threads: how many associations it serves at once.
    """

    program = "Orthanc ModalityWorklists"

    def __init__(
        self,
        folder: Path,
        count: int,
        *,
        files: Path,
        no_delay: bool = False,
        threads: int = DEFAULT_THREADS,
    ) -> None:
        super().__init__(folder, count, no_delay=no_delay)
        self._files, self._threads = files, threads

    @property
    def name(self) -> str:
        """Say so if its number of threads is not what it comes with."""
        raised = "" if self._threads == DEFAULT_THREADS else f", {self._threads} threads"
        return self.program + raised

    @classmethod
    def missing(cls) -> str:
        """Debian's package has both."""
        there = shutil.which("Orthanc") and PLUGIN.exists()
        return "" if there else "Orthanc or its plugin is not installed (Debian: orthanc)"

    @classmethod
    def version(cls) -> str:
        """The first line of --version: ``Orthanc 1.10.1``."""
        said = subprocess.run(["Orthanc", "--version"], check=True, capture_output=True, text=True).stdout
        return said.split()[1]

    def start(self) -> None:
        """Start it with a configuration of its own; it uses DCMTK's network library."""
        config = {
            "Name": "bench",
            "StorageDirectory": str(self.folder / "storage"),
            "IndexDirectory": str(self.folder / "storage"),
            "HttpServerEnabled": False,
            "DicomServerEnabled": True,
            "DicomAet": AE_TITLE,
            "DicomPort": self.take_free_port(),
            "DicomThreadsCount": self._threads,
            "DicomModalities": {"scanner": [CALLING, HOST, 104]},
            "DicomAlwaysAllowFindWorklist": True,
            "Plugins": [str(PLUGIN)],
            "Worklists": {"Enable": True, "Database": str(self._files)},
        }
        file = self.folder / "orthanc.json"
        file.write_text(json.dumps(config))
        self.run(["Orthanc", str(file)], NO_NAGLE if self.no_delay else WITH_NAGLE)
