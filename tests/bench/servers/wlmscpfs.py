"""DCMTK's wlmscpfs: a process an association, which reads all worklist files for each query."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

from tests.bench.servers.server import AE_TITLE, MOST_ASSOCIATIONS, Server

NO_NAGLE: Final = {"TCP_NODELAY": "1"}
"""How every program of DCMTK's network library is told to turn Nagle's algorithm off."""
WITH_NAGLE: Final = {"TCP_NODELAY": "0"}


class Wlmscpfs(Server):
    """wlmscpfs on a folder of worklist files.

    :param files: the folder that holds them, in a folder named as its AE title.
    """

    program = "DCMTK wlmscpfs"

    def __init__(self, folder: Path, count: int, *, files: Path, no_delay: bool = False) -> None:
        super().__init__(folder, count, no_delay=no_delay)
        self._files = files

    @classmethod
    def missing(cls) -> str:
        """Debian's package has it."""
        return "" if shutil.which("wlmscpfs") else "wlmscpfs is not installed (Debian: dcmtk)"

    @classmethod
    def version(cls) -> str:
        """The first line of --version: ``$dcmtk: wlmscpfs v3.6.7 2022-04-22 $``."""
        said = subprocess.run(["wlmscpfs", "--version"], check=True, capture_output=True, text=True).stdout
        return said.split()[2].removeprefix("v")

    def start(self) -> None:
        """Start it quiet, and with as many associations as the others may have."""
        (self.folder / "files").mkdir()
        (self.folder / "files" / AE_TITLE).symlink_to(self._files)
        limits = ["--max-associations", str(MOST_ASSOCIATIONS), "--disable-host-lookup"]
        files = ["--data-files-path", str(self.folder / "files")]
        port = self.take_free_port()
        environment = NO_NAGLE if self.no_delay else WITH_NAGLE
        self.run(["wlmscpfs", "--quiet", *limits, *files, str(port)], environment)
