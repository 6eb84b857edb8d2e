"""Laying out what the packages install, below a folder that stands for the root of the machine."""

from __future__ import annotations

import gzip
import os
import shutil
import sys
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Final

from infra.man_pages import man_pages
from infra.packages.description import MAINTAINER, NAME, PYTHON, SETTINGS, package_version
from infra.packages.notice import notice
from infra.packages.tools import output

ROOT: Final = Path(__file__).resolve().parents[2]
HOME: Final = Path("usr/lib/mwl-relay")
VENV: Final = HOME / "venv"
DOCUMENTS: Final = Path("usr/share/doc/mwl-relay")
MANUAL: Final = Path("usr/share/man/man1")
OWN_PACKAGES: Final = ("edge_relay", "shared")

# From, below the root of the sources, to, below the root of the machine.
FILES: Final = {
    "infra/packages/mwl-relay": "usr/bin/mwl-relay",
    "infra/packages/relay.toml": SETTINGS,
    "infra/systemd/mwl-relay.service": "usr/lib/systemd/system/mwl-relay.service",
    "infra/systemd/port-104.conf": f"{DOCUMENTS}/examples/port-104.conf",
    "docs/relay.md": f"{DOCUMENTS}/relay.md",
    "infra/packages/deb/lintian-overrides": "usr/share/lintian/overrides/mwl-relay",
}
_COMMAND: Final = Path("usr/bin/mwl-relay")
# Parts of the locked packages that no relay uses.
_LEFT_OUT: Final = ("bin", "*/tests", "pydicom/data/test_files", "pynetdicom/apps", "pynetdicom/benchmarks")
# Notes of pip to itself; dpkg and rpm keep their own.
_PIPS_NOTES: Final = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")


def lay_out(stage: Path, site_packages: Path, version: str, epoch: int) -> None:
    """Make everything that is installed.

    :param stage: the folder, not there yet.
    :param site_packages: the locked packages, installed for the Python that runs this.
    :param version: ours, as Python writes it.
    :param epoch: the time of every file, seconds since 1970.
    :raises CannotBuild: a module cannot be compiled.
    """
    for source, target in FILES.items():
        (stage / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / source, stage / target)
    library = _make_environment(stage, site_packages, version)
    _write_documents(stage, library, version, epoch)
    _write_manual(stage, version)
    _compile(stage, library)
    _set_modes_and_times(stage, epoch)


def contents(stage: Path) -> Iterator[Path]:
    """Yield what is installed, in a fixed order."""
    yield from sorted(stage.rglob("*"))


def _make_environment(stage: Path, site_packages: Path, version: str) -> Path:
    """Lay out a virtual environment: what ``python -m venv`` makes, without this machine's paths in it."""
    venv = stage / VENV
    library = venv / "lib" / PYTHON / "site-packages"
    shutil.copytree(site_packages, library, ignore=shutil.ignore_patterns("__pycache__"))
    for pattern in _LEFT_OUT:
        for unused in library.glob(pattern):
            shutil.rmtree(unused)
    for note in _PIPS_NOTES:
        for file in library.glob(f"*.dist-info/{note}"):
            file.unlink()
    for name in OWN_PACKAGES:
        shutil.copytree(ROOT / name, library / name, ignore=shutil.ignore_patterns("__pycache__"))
    about = library / f"mwl_relay-{version}.dist-info" / "METADATA"
    about.parent.mkdir()
    about.write_text(
        f"Metadata-Version: 2.4\nName: {NAME}\nVersion: {version}\nLicense-Expression: MIT\n", "utf-8"
    )
    (venv / "bin").mkdir()
    (venv / "bin" / PYTHON).symlink_to(Path("../../../../bin") / PYTHON)
    for name in ("python", "python3"):
        (venv / "bin" / name).symlink_to(PYTHON)
    (venv / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n", "utf-8")
    return library


def _compile(stage: Path, library: Path) -> None:
    # The service cannot write here, and root should not: without this, every start would compile everything.
    # "Unchecked" because the compiled files are as old as the sources, and come and go with them.
    how = ("--invalidation-mode", "unchecked-hash", "-s", str(stage), "-p", "/")
    # In a process of its own: what is written depends on which strings the process knows already.
    output(sys.executable, "-S", "-m", "compileall", "-q", "-f", *how, str(library), PYTHONHASHSEED="0")


def _write_documents(stage: Path, library: Path, version: str, epoch: int) -> None:
    folder = stage / DOCUMENTS
    terms = (ROOT / "LICENSE").read_text("utf-8")
    (folder / "copyright").write_text(
        f"{terms}\nThe packages it brings with it, and their licences: /{DOCUMENTS}/NOTICE.gz\n", "utf-8"
    )
    for name, text in (
        ("NOTICE.gz", notice(library)),
        ("NEWS.md.gz", (ROOT / "CHANGELOG.md").read_text("utf-8")),
        ("changelog.gz", _debian_changelog(version, epoch)),
    ):
        (folder / name).write_bytes(gzip.compress(text.encode(), mtime=0))


def _write_manual(stage: Path, version: str) -> None:
    for page in man_pages(stage / MANUAL, [NAME], release=version):
        page.with_name(f"{page.name}.gz").write_bytes(gzip.compress(page.read_bytes(), mtime=0))
        page.unlink()


def _debian_changelog(version: str, epoch: int) -> str:
    """Return the changelog in the form that Debian's tools read (deb-changelog(5))."""
    when = format_datetime(datetime.fromtimestamp(epoch, UTC))
    return (
        f"{NAME} ({package_version(version)}) unstable; urgency=medium\n\n"
        + textwrap.indent(f"* What is new: /{DOCUMENTS}/NEWS.md.gz", "  ")
        + f"\n\n -- {MAINTAINER}  {when}\n"
    )


def _set_modes_and_times(stage: Path, epoch: int) -> None:
    for path in [stage, *stage.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path == stage / _COMMAND else 0o644)
        os.utime(path, (epoch, epoch), follow_symlinks=False)
