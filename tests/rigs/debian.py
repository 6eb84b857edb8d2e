"""A fresh Debian in a folder, for tests of the package: entered as it is, or started with its own systemd.

    root = fresh_root(tmp_path)
    root.run("apt-get", "install", "./some.deb")          # no service manager, as in a container
    with root.booted() as machine:                        # systemd is process 1
        machine.run("systemctl", "start", "some")

It shares this machine's network and kernel, nothing else. Needs root and debootstrap.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Final

import pytest

from tests.rigs.patience import PATIENCE
from tests.structure.imports import ROOT

_ENVIRONMENT: Final = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}
# A private mount namespace: what is mounted in it ends with the command.
_ENTER: Final = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'
# What systemd wants to find. This kernel's settings are this machine's: they can be read only.
_BOOT: Final = """
set -eu
root=$1
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
for place in run tmp; do mount -t tmpfs tmpfs "$root/$place"; done
mount -t tmpfs -o mode=0755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
mount -t tmpfs tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
cd "$root"
mkdir -p .outside
pivot_root . .outside
umount -l /.outside
export container=test
exec /lib/systemd/systemd --system --unit=basic.target
"""
_NAMESPACES: Final = ("--mount", "--pid", "--ipc", "--uts", "--cgroup")

Done = subprocess.CompletedProcess[str]


def missing() -> str:
    """Say what is missing for a fresh Debian; empty if nothing is."""
    if os.geteuid() != 0:
        return "only root can make a fresh Debian"
    wanted = ("debootstrap", "apt-get", "dpkg-deb", "unshare", "nsenter", "chroot")
    absent = [name for name in wanted if shutil.which(name) is None]
    return f"{', '.join(absent)}: not installed" if absent else ""


def cannot_boot() -> str:
    """Say why no systemd can be started in a folder here; empty if it can."""
    if _cgroups() is None:
        return "there is no cgroup2 file system for systemd"
    tried = _run("unshare", *_NAMESPACES, "--fork", "mount", "-t", "tmpfs", "tmpfs", "/mnt", check=False)
    return f"namespaces cannot be made here: {tried.stderr.strip()}" if tried.returncode else ""


def wait_until(true: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    """Wait until something outside this process holds."""
    deadline = monotonic() + patience
    while not true():
        assert monotonic() < deadline, f"never happened: {what}"
        sleep(0.1)


@dataclass(frozen=True)
class DebianRoot:
    """One Debian, which nothing has started."""

    folder: Path

    def command(self, *command: str) -> list[str]:
        """Return the command line that runs a command inside, as the process it starts."""
        return ["unshare", "--mount", "sh", "-c", _ENTER, str(self.folder), *command]

    def run(self, *command: str, check: bool = True) -> Done:
        """Run a command inside, as root."""
        return _run(*self.command(*command), check=check)

    def path(self, inside: str) -> Path:
        """Return where one of its files is."""
        return self.folder / inside.lstrip("/")

    @contextmanager
    def booted(self) -> Iterator[Machine]:
        """Start its systemd; when the block ends, everything that runs inside is killed."""
        cgroups = _cgroups()
        assert cgroups is not None
        group = cgroups / f"mwl-relay-test-{os.getpid()}"
        group.mkdir()
        # --kill-child: process 1 dies with `unshare`, and with it all its processes.
        enter = 'echo $$ > "$0/cgroup.procs" && exec unshare "$@"'
        boot = [*_NAMESPACES, "--fork", "--kill-child", "bash", "-c", _BOOT, "boot", str(self.folder)]
        process = subprocess.Popen(
            ["sh", "-c", enter, str(group), *boot], stdin=subprocess.DEVNULL, start_new_session=True
        )
        try:
            machine = Machine(process.pid)
            wait_until(machine.is_up, "systemd in the folder is up")
            yield machine
        finally:
            process.kill()
            process.wait(PATIENCE)
            wait_until(lambda: _removed(group), "all processes in the folder have ended")


@dataclass(frozen=True)
class Machine:
    """A Debian whose systemd runs, as process 1 of its own."""

    parent: int

    def run(self, *command: str, check: bool = True) -> Done:
        """Run a command inside, as root."""
        spaces = [*_NAMESPACES, "--root", "--wd"]
        return _run("nsenter", "--target", str(self._first()), *spaces, *command, check=check)

    def is_up(self) -> bool:
        """Tell whether systemd has started all it was asked to."""
        if not self._first():
            return False
        return self.run("systemctl", "is-system-running", check=False).stdout.strip() in {
            "running",
            "degraded",
        }

    def property(self, unit: str, name: str) -> str:
        """Return what systemd knows of a unit."""
        return self.run("systemctl", "show", "--value", "--property", name, unit).stdout.strip()

    def _first(self) -> int:
        with suppress(OSError, ValueError):
            return int(Path(f"/proc/{self.parent}/task/{self.parent}/children").read_text())
        return 0


def fresh_root(folder: Path, *packages: str) -> DebianRoot:
    """Return a minimal Debian of this machine's release, with some packages of the archive added.

    A pristine one is kept in ``build`` and copied.
    """
    release = platform.freedesktop_os_release()["VERSION_CODENAME"]
    pristine = ROOT / "build" / f"debian-{release}"
    if not pristine.exists():
        unfinished = pristine.with_name(f"{pristine.name}.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        made = _run(
            "debootstrap", "--variant=minbase", release, str(unfinished), _mirror(release), check=False
        )
        if made.returncode:
            pytest.skip(f"no fresh Debian can be made here: {(made.stderr or made.stdout).splitlines()[-1:]}")
        unfinished.rename(pristine)
    root = DebianRoot(folder / f"debian-{'-'.join(packages) or 'minimal'}")
    _run("cp", "-a", str(pristine), str(root.folder))
    root.run("apt-get", "-qq", "update")
    if packages:
        root.run("apt-get", "-qq", "-y", "--no-install-recommends", "install", *packages)
    return root


def _mirror(release: str) -> str:
    """Return where this machine's own apt gets its release from."""
    form = "$(CODENAME) $(COMPONENT) $(REPO_URI)"
    for line in _run("apt-get", "indextargets", "--format", form, "Identifier: Packages").stdout.splitlines():
        codename, component, address = line.split(" ", 2)
        if (codename, component) == (release, "main"):
            return address
    raise AssertionError(f"apt on this machine has no source for {release}")


def _cgroups() -> Path | None:
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split(" ")
        if kind == "cgroup2":
            return Path(place)
    return None


def _removed(group: Path) -> bool:
    try:
        for folder, _, _ in os.walk(group, topdown=False):
            Path(folder).rmdir()
    except OSError:
        return False
    return True


def _run(*command: str, check: bool = True) -> Done:
    done = subprocess.run(
        command,
        env={**_ENVIRONMENT, **{k: v for k, v in os.environ.items() if k.lower().endswith("_proxy")}},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if check else subprocess.PIPE,
        text=True,
        timeout=10 * PATIENCE,
        check=False,
    )
    assert not check or done.returncode == 0, f"{' '.join(command)}: {done.stdout}"
    return done
