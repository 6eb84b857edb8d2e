"""The relay's container in podman, with the files that the docs name: Containerfile, compose.yaml, a scanner.

Takes two minutes, root, podman and podman-compose 1.1, so only ``MWL_CONTAINER_TEST=1`` asks for it. No
registry of images is asked: ``debian:bookworm-slim`` is what debootstrap makes.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge_relay.client import scu
from tests.rigs import debian
from tests.rigs import relay as relay_rig
from tests.rigs.debian import wait_until
from tests.rigs.patience import PATIENCE
from tests.rigs.relay import CODE, RELAY_AET, SCANNER, FakeCloud
from tests.structure.imports import ROOT

CONTAINER = ROOT / "infra" / "container"
IMAGE = "localhost/mwl-relay"
BASE = "localhost/debian:bookworm-slim"
NEEDED = ("podman", "podman-compose")


def missing() -> str:
    if os.environ.get("MWL_CONTAINER_TEST") != "1":
        return "takes minutes: MWL_CONTAINER_TEST=1 asks for it"
    absent = [name for name in NEEDED if shutil.which(name) is None]
    if absent:
        return f"{', '.join(absent)}: not installed"
    return f"{old}: 1.1 is needed" if (old := old_compose()) else debian.missing()


def old_compose() -> str:
    """Return what an older podman-compose calls itself; Debian 12 has one. Empty: it is new enough."""
    told = subprocess.run(["podman-compose", "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"podman-compose\w* version:? *(\d+)\.(\d+)\S*", told.stdout + told.stderr)
    return found[0] if found and (int(found[1]), int(found[2])) < (1, 1) else ""


MISSING = missing()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=MISSING),
    pytest.mark.timeout(900),
]


@dataclass(frozen=True)
class Podman:
    """A podman with images and containers of its own, below one folder."""

    folder: Path

    def settings(self) -> dict[str, str]:
        """Write podman's settings; return the variables that name them."""
        storage, engine = self.folder / "storage.conf", self.folder / "containers.conf"
        kept = "\n".join(f'{name} = "{self.folder / name}"' for name in ("runroot", "graphroot"))
        storage.write_text(f'[storage]\ndriver = "overlay"\n{kept}\n')
        # podman asks for more open files and processes than a container that runs this test may give away.
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        limits = f'default_ulimits = ["nofile={files}:{files}", "nproc=1024:1024"]'
        runtime = 'runtime = "runc"' if shutil.which("runc") else ""
        engine.write_text(f"[engine]\n{runtime}\n[containers]\n{limits}\n")
        return {"CONTAINERS_STORAGE_CONF": str(storage), "CONTAINERS_CONF": str(engine)}

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run podman or a program that calls it."""
        done = subprocess.run(
            command,
            env={**os.environ, **self.settings()},
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=10 * PATIENCE,
            check=False,
        )
        assert not check or done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
        return done

    def compose(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run podman-compose with a copy of our file, beside which relay.toml stands."""
        return self.run("podman-compose", "--file", str(self.folder / "compose.yaml"), *command, check=check)


def made(target: str) -> Path:
    """Make one of the files in dist, and return it."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(
        ["make", target], cwd=ROOT, env=inherited, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return ROOT / done.stdout.splitlines()[-1].split()[0]


def built_by_the_containerfile(podman: Podman) -> None:
    made("relay-package")
    root = debian.fresh_root(podman.folder)
    base = podman.folder / "base.tar"
    subprocess.run(["tar", "-C", str(root.folder), "-cf", str(base), "."], check=True)
    podman.run("podman", "import", str(base), BASE)
    file = str(CONTAINER / "Containerfile")
    # Built as docs/relay.md has it; in a container there is no other isolation, and no registry is asked.
    here = ("--isolation", "chroot", "--network", "host", "--pull=never")
    podman.run("podman", "build", "--format", "docker", *here, "-f", file, "-t", "mwl-relay", ".")


def made_without_an_engine(podman: Podman) -> None:
    identity = podman.run("podman", "pull", "--quiet", f"oci-archive:{made('relay-image')}").stdout.strip()
    podman.run("podman", "tag", identity, IMAGE)


WAYS = {"Containerfile": built_by_the_containerfile, "make relay-image": made_without_an_engine}


@pytest.fixture(scope="module", params=list(WAYS))
def podman(request: pytest.FixtureRequest) -> Iterator[Podman]:
    # Not below pytest's folder: podman takes no path of more than 50 characters.
    with tempfile.TemporaryDirectory(prefix="mwl-podman-") as folder:
        engine = Podman(Path(folder))
        shutil.copy(CONTAINER / "compose.yaml", engine.folder)
        try:
            WAYS[request.param](engine)
            yield engine
        finally:
            engine.compose("down", "--volumes", check=False)
            engine.run("podman", "system", "reset", "--force")


def serving(podman: Podman) -> scu.Peer:
    """Return how a scanner calls the relay that runs; it says so as soon as it is ready."""

    def said() -> str:
        logs = podman.run("podman", "logs", container(podman), check=False).stdout
        return logs.rpartition("ready ")[2]

    wait_until(said, "the relay is ready")
    found = re.match(r"(\S+):(\d+) ", said())
    assert found
    return scu.Peer(found[1], int(found[2]), RELAY_AET, SCANNER)


def container(podman: Podman) -> str:
    return podman.run("podman", "ps", "--quiet", "--latest").stdout.strip()


def inside(podman: Podman, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return podman.run("podman", "exec", container(podman), *command, check=check)


def test_a_container_is_enrolled_serves_a_scanner_and_keeps_its_state(podman: Podman) -> None:
    with FakeCloud() as cloud:
        cloud.put(relay_rig.item(patient_id="sub_900007_ses_1"))
        (podman.folder / "relay.toml").write_text(relay_rig.toml(cloud))
        podman.compose("run", "--rm", "relay", "enroll", CODE)
        podman.compose("up", "--detach", "--no-build")
        _echoed_and_found(podman)
        podman.run("podman", "healthcheck", "run", container(podman))
        _may_do_nothing_else(podman)
        podman.compose("down")  # the volume stays
        podman.compose("up", "--detach", "--no-build")
        _echoed_and_found(podman)


def _echoed_and_found(podman: Podman) -> None:
    peer = serving(podman)
    scu.echo(peer)
    query = scu.worklist_query(patient_id="sub_900007_ses_1")
    wait_until(lambda: len(scu.find(peer, query)) == 1, "the scanner finds the exam")


def _may_do_nothing_else(podman: Podman) -> None:
    status = dict(
        line.split(":\t", 1) for line in inside(podman, "cat", "/proc/1/status").stdout.splitlines()
    )
    assert inside(podman, "id", "--user", "--name").stdout.strip() == "mwl-relay"
    assert (int(status["CapEff"], 16), int(status["CapBnd"], 16), status["NoNewPrivs"]) == (0, 0, "1")
    assert "Read-only file system" in inside(podman, "touch", "/etc/mwl-relay/other", check=False).stderr
