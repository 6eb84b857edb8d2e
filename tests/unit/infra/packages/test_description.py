"""What a package says of itself is understood by the tools of the distribution."""

from __future__ import annotations

import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from infra.packages.description import MAINTAINER, Description, oldest_libc, package_version

OLDEST_FIRST = [
    "0.1.0a2",
    "0.1.0rc1",
    "0.1.0rc2.post1.dev4+g1a2b3c4",
    "0.1.0",
    "0.1.0.post1.dev9+g1a2b3c4.d20261127",
    "0.1.0.post1.dev10+g0a2b3c4",
    "0.1.1",
    "0.10.0",
]


@pytest.mark.parametrize(
    ("python", "package"),
    [
        ("0.2.0", "0.2.0"),
        ("0.2.0rc1", "0.2.0~rc1"),
        ("0.2.0b3.dev4", "0.2.0~b3~dev4"),
        ("0.1.0.post1.dev34+g19ea36e83.d20261127", "0.1.0.post1~dev34+g19ea36e83.d20261127"),
        ("0.1.0+abc1", "0.1.0+abc1"),
    ],
)
def test_what_comes_before_a_release_has_a_tilde(python: str, package: str) -> None:
    assert package_version(python) == package


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="dpkg is Debian's")
@pytest.mark.parametrize(("older", "newer"), list(pairwise(OLDEST_FIRST)))
def test_debian_takes_a_newer_version_for_an_update(older: str, newer: str) -> None:
    asked = ["dpkg", "--compare-versions", package_version(older), "lt", package_version(newer)]
    assert subprocess.run(asked, check=False).returncode == 0


def test_the_newest_glibc_that_anything_asks_for_is_needed(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "one.so").write_bytes(b"..GLIBC_2.9\0GLIBC_2.17\0")
    (tmp_path / "deep/two.so.1").write_bytes(b"..GLIBC_2.28\0GLIBC_2.4\0")
    (tmp_path / "text.py").write_text("GLIBC_2.99")
    assert oldest_libc(tmp_path) == "2.28"


def test_without_compiled_modules_the_wheels_oldest_glibc_is_enough(tmp_path: Path) -> None:
    assert oldest_libc(tmp_path) == "2.17"


def test_python_is_named_with_its_version() -> None:
    about = Description("1.0", "amd64", "2.28", 0)
    for needs in (about.deb_needs, about.rpm_needs):
        assert re.fullmatch(r"python3\.\d+", needs[0])
    assert "libc6 (>= 2.28)" in about.deb_needs
    assert "glibc >= 2.28" in about.rpm_needs


def test_the_maintainers_address_can_be_nobodys() -> None:
    assert MAINTAINER.endswith(".invalid>")
