"""Who takes part: the servers of one stage, started together and ended together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shared.errors import MwlError
from tests.bench import items
from tests.bench.rounds import say
from tests.bench.servers import worklist_files
from tests.bench.servers.orthanc import Orthanc
from tests.bench.servers.pylantir import Pylantir
from tests.bench.servers.pynetdicom import Pynetdicom
from tests.bench.servers.relay import Relay
from tests.bench.servers.server import Server
from tests.bench.servers.wlmscpfs import Wlmscpfs

PROGRAMS: Final[tuple[type[Server], ...]] = (Relay, Wlmscpfs, Orthanc, Pynetdicom, Pylantir)
MANY_THREADS: Final = 128


@dataclass(frozen=True)
class Entrant:
    """A server as it is to be run.

    :param count: how many items it holds.
    :param no_delay: with Nagle's algorithm off on its side, if it is not anyway.
    :param many_threads: Orthanc with threads enough for all clients.
    """

    program: type[Server]
    count: int
    no_delay: bool = False
    many_threads: bool = False


class Lineup:
    """The programs that can be run here, and why the others can't."""

    def __init__(self, programs: Sequence[type[Server]]) -> None:
        self.left_out: dict[str, str] = {}
        self.versions: dict[str, str] = {}
        for program in programs:
            if why := program.missing():
                self.left_out[program.program] = why
                say(f"left out: {why}")
            else:
                self.versions[program.program] = program.version()

    @contextmanager
    def running(self, entrants: Sequence[Entrant], folder: Path) -> Iterator[dict[Entrant, Server]]:
        """Run those that can be run."""
        with ExitStack() as stack:
            servers = {}
            for number, entrant in enumerate(entrants):
                if entrant.program.program in self.left_out:
                    continue
                server = _made(entrant, folder / f"{number}", folder)
                say(f"starting {server.name} with {entrant.count:,} items")
                try:
                    servers[entrant] = stack.enter_context(server)
                except MwlError as error:
                    if entrant.program is Relay:
                        raise
                    self.left_out[entrant.program.program] = f"did not start: {error}"
                    say(f"left out: {server.name} {error}")
            yield servers


def _made(entrant: Entrant, folder: Path, shared: Path) -> Server:
    program, count, no_delay = entrant.program, entrant.count, entrant.no_delay
    if program is Wlmscpfs:
        return Wlmscpfs(folder, count, files=_files(shared, count), no_delay=no_delay)
    if program is Orthanc:
        threads = {"threads": MANY_THREADS} if entrant.many_threads else {}
        return Orthanc(folder, count, files=_files(shared, count), no_delay=no_delay, **threads)
    return program(folder, count, no_delay=no_delay)


def _files(shared: Path, count: int) -> Path:
    """Return the folder with so many worklist files; written once for all."""
    folder = shared / f"files-{count}"
    if not folder.exists():
        say(f"writing {count:,} worklist files")
        worklist_files.write(items.items(count), folder)
    return folder
