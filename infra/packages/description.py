"""What the packages say about themselves, whichever tool writes them."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

NAME: Final = "mwl-relay"
SECTION: Final = "science"
SUMMARY: Final = "DICOM worklist and MPPS relay"
DETAILS: Final = """\
Serves a Modality Worklist to scanners from a local copy of the cloud's,
takes what they report (MPPS) into a durable journal, and goes on doing
both while the cloud cannot be reached."""
# Both formats ask for an address. The project has none; ".invalid" is reserved for that (RFC 2606 section 2).
MAINTAINER: Final = "mwl-relay contributors <contributors@mwl-relay.invalid>"
SETTINGS: Final = "etc/mwl-relay/relay.toml"
PYTHON: Final = f"python{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True)
class Description:
    """One build of the package.

    :param version: in the packages' form, see `package_version`.
    :param architecture: as Debian names it, such as ``amd64``.
    :param libc: the oldest glibc that everything inside runs with.
    :param epoch: the time of everything inside, seconds since 1970.
    """

    version: str
    architecture: str
    libc: str
    epoch: int

    @property
    def deb_needs(self) -> tuple[str, ...]:
        """The Debian packages it needs.

        Python is named with its version: when the distribution moves on to another Python, the relay keeps
        its own and goes on; with a range of ``python3`` versions, that upgrade would remove the relay.
        """
        return (PYTHON, f"libc6 (>= {self.libc})", "adduser", "ca-certificates", "tzdata")

    @property
    def rpm_needs(self) -> tuple[str, ...]:
        """The packages it needs on Red Hat's family."""
        return (PYTHON, f"glibc >= {self.libc}", "shadow-utils", "util-linux", "ca-certificates", "tzdata")


def package_version(version: str) -> str:
    """Return a Python version (PEP 440) as dpkg and rpm sort it: what comes before a release has a ``~``.

    ``0.2.0rc1`` is ``0.2.0~rc1``, which is older than ``0.2.0``.
    """
    return re.sub(r"\.?((?:a|b|rc|dev)\d+)", r"~\1", version.partition("+")[0]) + "".join(
        version.partition("+")[1:]
    )


def oldest_libc(root: Path) -> str:
    """Return the oldest glibc that all modules below a folder run with: the newest that any asks for."""
    wanted = {
        tuple(map(int, found))
        for library in root.rglob("*.so*")
        for found in re.findall(rb"GLIBC_(\d+)\.(\d+)", library.read_bytes())
    }
    return ".".join(map(str, max(wanted, default=(2, 17))))
