"""The version is git's tag; where there is none to be seen, the newest release the sources name."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
NEWEST = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools_scm"][
    "fallback_version"
]
pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("git") is None, reason="git is missing")]


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A folder with our pyproject.toml, without git."""
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    return folder


def git(sources: Path, *arguments: str) -> None:
    who = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.org")
    subprocess.run(["git", *who, *arguments], cwd=sources, capture_output=True, check=True)


def commit(sources: Path) -> None:
    git(sources, "add", "--all")
    git(sources, "commit", "--allow-empty", "--message", "Change something")


def version(sources: Path) -> str:
    asked = [sys.executable, "-m", "setuptools_scm", "--root", str(sources)]
    return subprocess.run(asked, capture_output=True, text=True, check=True, cwd=sources).stdout.strip()


@pytest.mark.parametrize("tagged", ["0.2.0", "1.10.3", "0.2.0rc1"])
def test_at_a_tag_it_is_the_tag(sources: Path, tagged: str) -> None:
    git(sources, "init")
    commit(sources)
    git(sources, "tag", f"v{tagged}")
    assert version(sources) == tagged


def test_after_a_tag_it_counts_the_commits(sources: Path) -> None:
    git(sources, "init")
    commit(sources)
    git(sources, "tag", "v0.2.0")
    commit(sources)
    commit(sources)
    assert re.fullmatch(r"0\.2\.0\.post1\.dev2\+g[0-9a-f]+", version(sources))


def test_before_any_tag_it_comes_after_what_the_sources_name(sources: Path) -> None:
    git(sources, "init")
    commit(sources)
    assert re.fullmatch(rf"{re.escape(NEWEST)}\.post1\.dev1\+g[0-9a-f]+", version(sources))


def test_without_git_it_is_what_the_sources_name(sources: Path) -> None:
    assert version(sources) == NEWEST
