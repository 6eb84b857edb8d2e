"""The relay's Debian package in a fresh Debian: installed, set up, asked by a scanner, updated, removed.

Takes two or three minutes and needs root, so only ``MWL_PACKAGE_TEST=1`` asks for it; ``.ci/run`` does.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import stat
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge_relay.client import scu
from infra.container.oci_image import About, write_image
from tests.rigs import relay as relay_rig
from tests.rigs.debian import DebianRoot, Machine, cannot_boot, fresh_root, missing, wait_until
from tests.rigs.patience import PATIENCE
from tests.rigs.relay import CODE, RELAY_AET, SCANNER, FakeCloud
from tests.structure.imports import ROOT

ASKED = os.environ.get("MWL_PACKAGE_TEST") == "1"
MISSING = missing() if ASKED else "takes minutes: MWL_PACKAGE_TEST=1 asks for it"
pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=MISSING),
    pytest.mark.timeout(900),
]

UNIT = "mwl-relay"
STATE = "/var/lib/mwl-relay"
VENV = "./usr/lib/mwl-relay/venv/"
QUICK_WATCHDOG_SECONDS = 4


def built(target: str, *variables: str) -> Path:
    """Build a package as a person does, and return it."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(
        ["make", target, *variables], cwd=ROOT, env=inherited, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.splitlines()[-1].split()[0])


@pytest.fixture(scope="module")
def package() -> Path:
    """The package, as `make relay-package` builds it."""
    return built("relay-package")


@pytest.fixture(scope="module")
def listing(package: Path) -> dict[str, str]:
    """What the package installs: name -> mode and owner."""
    lines = subprocess.run(
        ["dpkg-deb", "--contents", str(package)], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return {line.split(None, 5)[5].split(" -> ")[0]: " ".join(line.split()[:2]) for line in lines}


def installed(root: DebianRoot, package: Path) -> str:
    """Put the package in, as a person would; return what was said."""
    (root.folder / package.name).write_bytes(package.read_bytes())
    return root.run("apt-get", "-y", "--no-install-recommends", "install", f"/{package.name}").stdout


def field(package: Path, name: str) -> str:
    command = ["dpkg-deb", "--field", str(package), name]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@contextmanager
def relay_in(root: DebianRoot) -> Iterator[scu.Peer]:
    """Run the installed relay, without a service manager, until it has stopped as asked."""
    process = subprocess.Popen(root.command("mwl-relay", "run"), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield peer(process.stdout.readline())
        process.terminate()
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait(PATIENCE)
        process.stdout.close()


def peer(ready: str) -> scu.Peer:
    """Return how a scanner calls the relay that said this."""
    found = re.match(r"ready (\S+):(\d+) ", ready)
    assert found, f"the relay said {ready!r}"
    return scu.Peer(found[1], int(found[2]), RELAY_AET, SCANNER)


def set_up(root: DebianRoot, cloud: FakeCloud) -> None:
    root.path("/etc/mwl-relay/relay.toml").write_text(relay_rig.toml(cloud))


# ---------------------------------------------------------------------------------------------- what is in it


def test_it_brings_all_it_needs_and_nothing_else(listing: dict[str, str]) -> None:
    library = f"{VENV}lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages/"
    brought = {name.removeprefix(library).split("/")[0] for name in listing if name.startswith(library)}
    assert {"edge_relay", "shared", "pynetdicom", "pydicom", "httpx", "cryptography"} <= brought
    assert not {"pip", "setuptools", "lambdas", "infra", "tests", "bin"} & brought
    assert [name for name in listing if "/tests/" in name or "/test_files/" in name] == []
    sources = {name for name in listing if name.startswith(f"{library}edge_relay/") and name.endswith(".py")}
    compiled = {
        name for name in listing if name.startswith(f"{library}edge_relay/") and name.endswith(".pyc")
    }
    assert len(sources) == len(compiled) > 20


def test_everything_belongs_to_root_and_nobody_else_may_write_it(listing: dict[str, str]) -> None:
    assert {mode.split()[1] for mode in listing.values()} == {"root/root"}
    writable = [name for name, mode in listing.items() if mode[0] != "l" and "w" in (mode[5], mode[8])]
    assert writable == []


@pytest.mark.skipif(shutil.which("lintian") is None, reason="lintian is missing: apt-get install lintian")
def test_lintian_finds_no_error(package: Path) -> None:
    said = subprocess.run(
        ["lintian", "--fail-on", "error", "--allow-root", str(package)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (said.returncode, re.findall(r"^E: .*", said.stdout, re.MULTILINE)) == (0, [])


def test_it_asks_for_the_python_it_was_built_with(package: Path, listing: dict[str, str]) -> None:
    found = re.search(r"\bpython3\.\d+\b", field(package, "Depends"))
    assert found
    assert f"{VENV}bin/{found[0]}" in listing
    assert {"adduser", "ca-certificates", "tzdata"} <= set(field(package, "Depends").split(", "))


def test_the_same_sources_give_the_same_package(package: Path, tmp_path: Path) -> None:
    again = built("relay-package", f"DIST={tmp_path}")
    assert list(tmp_path.iterdir()) == [again], "something unfinished was left beside it"
    digests = {hashlib.sha256(file.read_bytes()).hexdigest() for file in (package, again)}
    assert len(digests) == 1


# ---------------------------------------------------------------------------------- without a service manager


def test_it_is_installed_set_up_asked_and_removed_without_losing_a_report(
    package: Path, tmp_path: Path
) -> None:
    root = fresh_root(tmp_path)
    said = installed(root, package)
    assert "mwl-relay enroll CODE" in said
    assert "Usage: mwl-relay" in root.run("mwl-relay", "--help").stdout
    assert root.run("dpkg", "--verify", "mwl-relay").stdout == ""
    unfinished = root.run("mwl-relay", "check-config", check=False)
    assert unfinished.returncode == 2
    assert "relay.cloud_url" in unfinished.stderr

    with FakeCloud() as cloud:
        set_up(root, cloud)
        cloud.put(relay_rig.item())
        root.run("mwl-relay", "check-config")
        assert "enrolled" in root.run("mwl-relay", "enroll", CODE).stdout
        _echoed_found_and_private(root, cloud)
        _undelivered_is_kept_at_purge(root, cloud)

        assert "are left" not in installed(root, package), "it is enrolled: nothing is left to do"
        set_up(root, cloud)  # the purge took the settings
        with relay_in(root):
            cloud.wait_for(lambda it: it.recorded_kinds() == [("1.2.3.4", "N-CREATE")])
        wait_until(lambda: _outbox(root) == "[]", "the cloud has the report")

        root.run("mwl-relay", "backup", "/var/backups/mwl-relay/journal.db")
        said = root.run("apt-get", "-y", "purge", "mwl-relay").stdout
        assert "/var/backups/mwl-relay is kept" in said
        assert not root.path(STATE).exists()
        root.path("/var/backups/mwl-relay/journal.db").unlink()

        installed(root, package)
        root.run("apt-get", "-y", "purge", "mwl-relay")
        left = root.run("find", "/", "-xdev", "-iname", "*mwl-relay*", "-not", "-path", "/proc/*").stdout
        assert left.splitlines() == [f"/{package.name}"]
        assert root.run("id", "mwl-relay", check=False).returncode != 0


def _echoed_found_and_private(root: DebianRoot, cloud: FakeCloud) -> None:
    with relay_in(root) as scanner:
        scu.echo(scanner)
        cloud.wait_for(lambda it: it.pulls > 0)
        wait_until(lambda: scu.find(scanner, relay_rig.query()), "the scanner sees the exam")
    owner = root.run("id", "--user", "mwl-relay").stdout.strip()
    files = root.run("find", STATE, "-printf", "%U %m %f\\n").stdout.splitlines()
    assert len(files) > 4
    assert [line for line in files if not re.match(rf"{owner} [67]00 ", line)] == []


def _undelivered_is_kept_at_purge(root: DebianRoot, cloud: FakeCloud) -> None:
    with relay_in(root) as scanner:
        cloud.stop()
        scu.create_step(scanner, relay_rig.began(relay_rig.item()), "1.2.3.4")
    assert _outbox(root) != "[]"
    said = root.run("apt-get", "-y", "purge", "mwl-relay").stdout
    assert f"{STATE} is kept" in said
    assert root.path(f"{STATE}/journal.db").exists()
    assert root.run("id", "mwl-relay").returncode == 0
    assert not root.path("/etc/mwl-relay").exists()
    assert not root.path("/usr/lib/mwl-relay").exists()
    cloud.start()


def _outbox(root: DebianRoot) -> str:
    return root.run("mwl-relay", "list", "--outbox", "--json").stdout.strip()


def test_the_rpm_is_installed_and_removed_without_losing_the_state(package: Path, tmp_path: Path) -> None:
    """With rpm itself, but in a Debian: nothing of Red Hat's is to be had here."""
    if not (shutil.which("nfpm") or (ROOT / "build/tools/nfpm").exists()):
        pytest.skip("nfpm is missing: make nfpm (needs Go)")
    rpm = built("relay-rpm", f"DIST={tmp_path / 'dist'}")
    python = re.search(r"\bpython3\.\d+\b", field(package, "Depends"))
    assert python
    root = fresh_root(tmp_path, "rpm", python[0], "ca-certificates")
    (root.folder / rpm.name).write_bytes(rpm.read_bytes())
    said = root.run("rpm", "--install", "--nodeps", f"/{rpm.name}").stdout
    assert "mwl-relay enroll CODE" in said
    assert root.run("rpm", "--verify", "--nodeps", "mwl-relay").stdout == ""
    assert "relay.cloud_url" in root.run("mwl-relay", "check-config", check=False).stderr
    with FakeCloud() as cloud:
        cloud.put(relay_rig.item())
        set_up(root, cloud)
        root.run("mwl-relay", "enroll", CODE)
        _echoed_found_and_private(root, cloud)
    assert f"{STATE} is kept" in root.run("rpm", "--erase", "mwl-relay").stdout
    assert root.path(f"{STATE}/identity.json").exists()
    assert not root.path("/usr/lib/mwl-relay").exists()
    assert root.path("/etc/mwl-relay/relay.toml.rpmsave").exists()


# ------------------------------------------------------------------------------------------------ in an image


def unpacked(image: Path, folder: Path) -> DebianRoot:
    """Lay out an image's layer as a container engine does, with a /dev of its own."""
    with tarfile.open(image) as archive:
        index = json.loads(_file(archive, "index.json"))
        manifest = json.loads(_blob(archive, index["manifests"][0]["digest"]))
        layer = _blob(archive, manifest["layers"][0]["digest"])
    folder.mkdir()
    command = ["tar", "--extract", "--gzip", "--numeric-owner", "--preserve-permissions"]
    subprocess.run([*command, "--directory", str(folder)], input=layer, check=True)
    for name, minor in (("null", 3), ("urandom", 9)):
        os.mknod(folder / "dev" / name, 0o666 | stat.S_IFCHR, os.makedev(1, minor))
        (folder / "dev" / name).chmod(0o666)
    return DebianRoot(folder)


def _blob(archive: tarfile.TarFile, digest: str) -> bytes:
    return _file(archive, f"blobs/{digest.replace(':', '/')}")


def _file(archive: tarfile.TarFile, name: str) -> bytes:
    found = archive.extractfile(name)
    assert found is not None
    with found:
        return found.read()


def test_an_image_of_it_serves_a_scanner(package: Path, tmp_path: Path) -> None:
    built_in = fresh_root(tmp_path, "ca-certificates")
    installed(built_in, package)
    image = tmp_path / "image.tar"
    write_image(built_in.folder, image, About("1.2.3", platform.machine(), 315_619_200))
    root = unpacked(image, tmp_path / "unpacked")
    with FakeCloud() as cloud:
        cloud.put(relay_rig.item())
        set_up(root, cloud)
        root.run("mwl-relay", "enroll", CODE)
        _echoed_found_and_private(root, cloud)


# ----------------------------------------------------------------------------------------------- as a service


def scanner_of(machine: Machine) -> scu.Peer:
    """Return how a scanner calls the service as it runs now, by what it says to the journal."""
    wait_until(lambda: _ready_lines(machine), "it says that it is ready")
    return peer(_ready_lines(machine)[-1])


def _ready_lines(machine: Machine) -> list[str]:
    process = f"_PID={machine.property(UNIT, 'MainPID')}"
    said = machine.run("journalctl", "--no-pager", "--output", "cat", process).stdout
    return [line for line in said.splitlines() if line.startswith("ready ")]


def is_back(machine: Machine, before: str) -> bool:
    """Tell whether another process than before is the service, and has said that it is ready."""
    now = machine.property(UNIT, "MainPID")
    return now not in {"0", before} and machine.property(UNIT, "ActiveState") == "active"


def test_as_a_service_it_is_locked_in_and_comes_back_whatever_happens(package: Path, tmp_path: Path) -> None:
    if reason := cannot_boot():
        pytest.skip(reason)
    root = fresh_root(tmp_path, "systemd")
    (root.folder / package.name).write_bytes(package.read_bytes())
    with FakeCloud() as cloud, root.booted() as machine:
        machine.run("apt-get", "-y", "--no-install-recommends", "install", f"/{package.name}")
        assert machine.run("systemctl", "is-enabled", UNIT).stdout.strip() == "enabled"
        assert machine.property(UNIT, "ActiveState") == "inactive", "it must not start before it is set up"
        set_up(root, cloud)
        machine.run("mwl-relay", "enroll", CODE)

        # It is ready once it says so, and only then does "start" return.
        machine.run("systemctl", "start", UNIT)
        scu.echo(scanner_of(machine))
        judged = machine.run("systemd-analyze", "security", "--no-pager", UNIT).stdout
        assert float(judged.rsplit("level for mwl-relay.service: ", 1)[1].split()[0]) <= 2.0

        pid = machine.property(UNIT, "MainPID")
        machine.run("systemctl", "kill", "--signal", "KILL", UNIT)
        wait_until(lambda: is_back(machine, pid), "it is started again after a crash")
        scu.echo(scanner_of(machine))

        pid = machine.property(UNIT, "MainPID")
        machine.run("apt-get", "-y", "--reinstall", "install", f"/{package.name}")
        wait_until(lambda: is_back(machine, pid), "an update restarts it")

        _a_hanging_relay_is_replaced(root, machine)

        machine.run("systemctl", "stop", UNIT)
        assert machine.property(UNIT, "Result") == "success"
        machine.run("apt-get", "-y", "purge", "mwl-relay")
        assert not root.path(STATE).exists()
        assert machine.run("systemctl", "cat", UNIT, check=False).returncode != 0


def _a_hanging_relay_is_replaced(root: DebianRoot, machine: Machine) -> None:
    drop_in = root.path("/etc/systemd/system/mwl-relay.service.d/quick.conf")
    drop_in.parent.mkdir()
    drop_in.write_text(f"[Service]\nWatchdogSec={QUICK_WATCHDOG_SECONDS}\n")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", UNIT)
    pid, since = machine.property(UNIT, "MainPID"), fed(machine)
    wait_until(lambda: fed(machine) > since + 4 * QUICK_WATCHDOG_SECONDS, "the watchdog is fed on and on")
    assert machine.property(UNIT, "MainPID") == pid
    machine.run("systemctl", "kill", "--signal", "STOP", UNIT)
    wait_until(lambda: is_back(machine, pid), "a relay that hangs is replaced")
    scu.echo(scanner_of(machine))
    drop_in.unlink()
    drop_in.parent.rmdir()
    machine.run("systemctl", "daemon-reload")


def fed(machine: Machine) -> float:
    """Return when the watchdog was last fed, in seconds of the monotonic clock."""
    return int(machine.property(UNIT, "WatchdogTimestampMonotonic")) / 1e6
