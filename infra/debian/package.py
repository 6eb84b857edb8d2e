"""Build the relay's Debian package: ``python -m infra.debian.package SITE_PACKAGES OUTPUT_FOLDER``.

``make relay-package`` calls it, with the Python of the distribution the package is for. The package brings:

    /opt/mwl-relay/venv        an environment of its own: the locked packages and this program, compiled
    /usr/bin/mwl-relay         the command
    /usr/lib/systemd/system    the service
    /etc/mwl-relay/relay.toml  the settings, which belong to the administrator from then on (a conffile)

The same sources give the same file, byte for byte: all times are ``SOURCE_DATE_EPOCH``.
"""

from __future__ import annotations

import argparse
import compileall
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
VENV: Final = Path("opt/mwl-relay/venv")
PYTHON: Final = f"python{sys.version_info.major}.{sys.version_info.minor}"
OWN_PACKAGES: Final = ("edge_relay", "shared")

# From, below the root of the sources, to, below the root of the machine.
FILES: Final = {
    "infra/debian/mwl-relay": "usr/bin/mwl-relay",
    "infra/debian/relay.toml": "etc/mwl-relay/relay.toml",
    "infra/systemd/mwl-relay.service": "usr/lib/systemd/system/mwl-relay.service",
    "infra/systemd/port-104.conf": "usr/share/doc/mwl-relay/examples/port-104.conf",
    "docs/relay.md": "usr/share/doc/mwl-relay/relay.md",
    "infra/debian/postinst": "DEBIAN/postinst",
    "infra/debian/prerm": "DEBIAN/prerm",
    "infra/debian/postrm": "DEBIAN/postrm",
}
_EXECUTABLE: Final = frozenset({"mwl-relay", "postinst", "prerm", "postrm"})
# Parts of the locked packages that no relay uses.
_LEFT_OUT: Final = ("bin", "*/tests", "pydicom/data/test_files", "pynetdicom/apps", "pynetdicom/benchmarks")
# Notes of pip to itself; dpkg keeps its own.
_PIPS_NOTES: Final = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")


class CannotBuild(Exception):
    """The package cannot be built here; says why."""


def build(site_packages: Path, output: Path, version: str, epoch: int) -> Path:
    """Return the package, made.

    :param site_packages: the locked packages, installed for the Python that runs this.
    :param epoch: the time of everything inside, seconds since 1970.
    """
    architecture = _output("dpkg", "--print-architecture")
    package = output / f"mwl-relay_{version}_{architecture}.deb"
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="mwl-relay-package-") as folder:
        stage = Path(folder) / "root"
        _copy_files(stage)
        _make_environment(stage, site_packages, version)
        _write_documents(stage)
        _write_control(stage, version, architecture)
        _set_modes_and_times(stage, epoch)
        _output(
            *("dpkg-deb", "--root-owner-group", "-Zxz", "--build", str(stage), str(package)),
            SOURCE_DATE_EPOCH=str(epoch),
        )
    return package


def project_version() -> str:
    """Return the version in pyproject.toml."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"])


def source_date() -> int:
    """Return ``SOURCE_DATE_EPOCH``, or else the time of the last commit, or else that of pyproject.toml."""
    if told := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(told)
    try:
        return int(_output("git", "-C", str(ROOT), "log", "-1", "--format=%ct"))
    except CannotBuild:
        return int((ROOT / "pyproject.toml").stat().st_mtime)


def _copy_files(stage: Path) -> None:
    for source, target in FILES.items():
        (stage / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / source, stage / target)


def _make_environment(stage: Path, site_packages: Path, version: str) -> None:
    """Lay out a virtual environment: what ``python -m venv`` makes, without this machine's paths in it."""
    venv = stage / VENV
    library = venv / "lib" / PYTHON / "site-packages"
    shutil.copytree(site_packages, library)
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
    about.write_text(f"Metadata-Version: 2.1\nName: mwl-relay\nVersion: {version}\n", "utf-8")
    (venv / "bin").mkdir()
    (venv / "bin" / PYTHON).symlink_to(f"/usr/bin/{PYTHON}")
    for name in ("python", "python3"):
        (venv / "bin" / name).symlink_to(PYTHON)
    (venv / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n", "utf-8")
    # The service cannot write here, and root should not: without this, every start would compile everything.
    # "Unchecked" because the compiled files are as old as the sources, and come and go with them.
    compiled = compileall.compile_dir(
        str(library),
        quiet=1,
        stripdir=str(stage),
        prependdir="/",
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
        force=True,
    )
    if not compiled:
        raise CannotBuild("not every module could be compiled (see above)")


def _write_documents(stage: Path) -> None:
    folder = stage / "usr/share/doc/mwl-relay"
    changes = (ROOT / "CHANGELOG.md").read_bytes()
    (folder / "changelog.gz").write_bytes(gzip.compress(changes, mtime=0))
    library = stage / VENV / "lib" / PYTHON / "site-packages"
    found = sorted(distributions(path=[str(library)]), key=lambda each: each.metadata["Name"].lower())
    lines = ["mwl-relay, and the packages it brings with it:", ""]
    lines += [f"  {each.metadata['Name']} {each.version}: {_license(each)}" for each in found]
    lines += ["", f"Their full texts are below /{library.relative_to(stage)}/*.dist-info.", ""]
    (folder / "copyright").write_text("\n".join(lines), "utf-8")


def _license(package: Distribution) -> str:
    if package.metadata["Name"] == "mwl-relay":
        return "no license has been declared"
    classifiers = [line.split(" :: ")[-1] for line in package.metadata.get_all("Classifier") or ()]
    named = [line for line in classifiers if "License" in line]
    stated = [
        line for name in ("License-Expression", "License") for line in package.metadata.get_all(name) or ()
    ]
    return " ".join([*stated, *named, "see its folder"][0].splitlines()[0].split())


def _write_control(stage: Path, version: str, architecture: str) -> None:
    contents = list(_contents(stage))
    sums = "".join(
        f"{hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()}  {file.relative_to(stage)}\n"
        for file in contents
        if file.is_file() and not file.is_symlink()
    )
    size = sum(-(-file.lstat().st_size // 1024) for file in contents)
    # Named with its version: when the distribution moves on to another Python, the relay keeps its own and
    # goes on; with a range of "python3" versions, that upgrade would remove the relay.
    needs = (PYTHON, f"libc6 (>= {_libc(stage)})", "adduser", "ca-certificates", "tzdata")
    control = f"""\
Package: mwl-relay
Version: {version}
Architecture: {architecture}
Section: science
Priority: optional
Maintainer: mwl-relay <root@localhost>
Installed-Size: {size}
Depends: {", ".join(needs)}
Description: DICOM worklist and MPPS relay
 Serves a Modality Worklist to scanners from a local copy of the cloud's, takes what they report (MPPS)
 into a durable journal, and goes on doing both while the cloud cannot be reached.
"""
    (stage / "DEBIAN/control").write_text(control, "utf-8")
    (stage / "DEBIAN/conffiles").write_text("/etc/mwl-relay/relay.toml\n", "utf-8")
    (stage / "DEBIAN/md5sums").write_text(sums, "utf-8")


def _libc(stage: Path) -> str:
    """Return the oldest glibc that all compiled modules run with: the newest any of them asks for."""
    wanted = {
        tuple(map(int, found))
        for library in stage.rglob("*.so*")
        for found in re.findall(rb"GLIBC_(\d+)\.(\d+)", library.read_bytes())
    }
    return ".".join(map(str, max(wanted, default=(2, 17))))


def _set_modes_and_times(stage: Path, epoch: int) -> None:
    for path in [stage, *stage.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.name in _EXECUTABLE else 0o644)
        os.utime(path, (epoch, epoch), follow_symlinks=False)


def _contents(stage: Path) -> Iterator[Path]:
    """Yield what is installed, in a fixed order."""
    yield from sorted(path for path in stage.rglob("*") if path.relative_to(stage).parts[0] != "DEBIAN")


def _output(*command: str, **environment: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603  fixed programs of the machine this is built on
            command, env={**os.environ, **environment}, capture_output=True, text=True, check=True
        )
    except FileNotFoundError:
        raise CannotBuild(f"{command[0]} is missing; a package is built on Debian or Ubuntu") from None
    except subprocess.CalledProcessError as error:
        raise CannotBuild(f"{command[0]} failed: {error.stderr.strip()}") from None
    return done.stdout.strip()


def main() -> None:
    """Build the package that the command line asks for, and say where it is."""
    parser = argparse.ArgumentParser(description="Build the relay's Debian package.")
    parser.add_argument("site_packages", type=Path, help="the locked packages, installed here")
    parser.add_argument("output", type=Path, help="the folder to put the package into")
    parser.add_argument("--version", default=project_version(), help="default: the version in pyproject.toml")
    asked = parser.parse_args()
    try:
        package = build(asked.site_packages, asked.output, asked.version, source_date())
    except CannotBuild as error:
        sys.exit(f"relay-package: {error}")
    print(
        f"{package}  {package.stat().st_size / 2**20:.1f} MB; to install it: apt install {package.resolve()}"
    )


if __name__ == "__main__":
    main()
