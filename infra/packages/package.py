"""Build the relay's packages: ``python -m infra.packages.package SITE_PACKAGES OUTPUT_FOLDER``.

``make relay-package`` and ``make relay-rpm`` call it, with the Python of the distribution the package is for.
It brings:

    /usr/lib/mwl-relay/venv    an environment of its own: the locked packages and this program, compiled
    /usr/bin/mwl-relay         the command
    /usr/lib/systemd/system    the service
    /etc/mwl-relay/relay.toml  the settings, which belong to the administrator from then on

The same sources give the same file, byte for byte, from the same tool: all times are ``SOURCE_DATE_EPOCH``.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Final

from infra.packages.builders import Format, with_dpkg, with_nfpm
from infra.packages.description import NAME, Description, oldest_libc, package_version
from infra.packages.notice import NoLicence
from infra.packages.stage import ROOT, lay_out
from infra.packages.tools import CannotBuild, output

_RPM_ARCHITECTURES: Final = {"amd64": "x86_64", "arm64": "aarch64"}


def build(
    kind: Format, site_packages: Path, folder: Path, version: str, epoch: int, nfpm: Path | None = None
) -> Path:
    """Return the package, made.

    :param site_packages: the locked packages, installed for the Python that runs this.
    :param folder: where the package goes.
    :param version: as Python writes it.
    :param epoch: the time of everything inside, seconds since 1970.
    :param nfpm: the program that writes it; None takes dpkg-deb.
    :raises CannotBuild: a tool is missing or failed, or a module cannot be compiled.
    :raises NoLicence: a package inside does not say under which licence it is.
    """
    if kind == "rpm" and nfpm is None:
        raise CannotBuild("nfpm, which writes rpms, is not here: make nfpm (needs Go), or put it on the PATH")
    with tempfile.TemporaryDirectory(prefix="mwl-relay-package-") as temporary:
        stage = Path(temporary) / "root"
        lay_out(stage, site_packages, version, epoch)
        architecture = output("dpkg", "--print-architecture")
        about = Description(package_version(version), architecture, oldest_libc(stage), epoch)
        target = folder.resolve() / file_name(kind, about)
        if nfpm is None:
            with_dpkg(stage, about, target)
        else:
            with_nfpm(nfpm, kind, stage, about, target)
    return target


def file_name(kind: Format, about: Description) -> str:
    """Return how the distribution names a package file."""
    if kind == "deb":
        return f"{NAME}_{about.version}_{about.architecture}.deb"
    architecture = _RPM_ARCHITECTURES.get(about.architecture, about.architecture)
    return f"{NAME}-{about.version}-1.{architecture}.rpm"


def project_version() -> str:
    """Return the version by git's tag, or what the sources say where there is no git.

    :raises CannotBuild: setuptools-scm is missing in this environment.
    """
    return output(sys.executable, "-m", "setuptools_scm", "--root", str(ROOT))


def source_date() -> int:
    """Return ``SOURCE_DATE_EPOCH``, or else the time of the last commit, or else that of pyproject.toml."""
    if told := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(told)
    try:
        return int(output("git", "-C", str(ROOT), "log", "-1", "--format=%ct"))
    except CannotBuild:
        return int((ROOT / "pyproject.toml").stat().st_mtime)


def main() -> None:
    """Build the package that the command line asks for, and say where it is."""
    parser = argparse.ArgumentParser(description="Build a package of the relay.")
    parser.add_argument("site_packages", type=Path, help="the locked packages, installed here")
    parser.add_argument("output", type=Path, help="the folder to put the package into")
    parser.add_argument("--format", choices=("deb", "rpm"), default="deb", help="default: deb")
    parser.add_argument("--version", help="default: by git's tag")
    parser.add_argument("--nfpm", type=Path, help="write it with this nfpm; default: with dpkg-deb")
    asked = parser.parse_args()
    try:
        version = asked.version or project_version()
        package = build(asked.format, asked.site_packages, asked.output, version, source_date(), asked.nfpm)
    except (CannotBuild, NoLicence) as error:
        sys.exit(f"relay-package: {error}")
    size, install = package.stat().st_size / 2**20, {"deb": "apt", "rpm": "dnf"}[asked.format]
    print(f"{package}  {size:.1f} MB; to install it: {install} install {package}")


if __name__ == "__main__":
    main()
