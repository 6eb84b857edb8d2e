"""The documentation site: `make docs` builds it, and reading it calls nobody."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.structure.imports import ROOT


def build(config: Path, site: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
    return subprocess.run(
        [*command, "--config-file", str(config), "--site-dir", str(site)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = build(ROOT / "mkdocs.yml", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_page_is_built(site: Path) -> None:
    pages = [page.relative_to(ROOT / "docs") for page in (ROOT / "docs").rglob("*.md")]
    assert [page for page in pages if not (site / page.with_suffix(".html")).exists()] == []


def test_a_page_loads_nothing_from_another_host(site: Path) -> None:
    loads = re.compile(
        r"""<(?:script|img|iframe|source)[^>]*\ssrc=["']?(?:https?:)?//[^>]*>|<link[^>]*\shref=["']?(?:https?:)?//[^>]*>"""
    )
    pages = {page.name: page.read_text("utf-8") for page in site.rglob("*.html")}
    assert {name: loads.findall(text) for name, text in pages.items() if loads.search(text)} == {}


def test_no_style_sheet_loads_from_another_host(site: Path) -> None:
    sheets = [sheet.read_text("utf-8") for sheet in site.rglob("*.css")]
    assert sheets
    assert [found for sheet in sheets for found in re.findall(r"url\(.?(?:https?:)?//[^)]*", sheet)] == []


@pytest.mark.parametrize("fault", ["[gone](gone.md)", "[gone](#gone)"])
def test_a_broken_link_stops_the_build(fault: str, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text(f"# Home\n\n{fault}\n")
    config = (ROOT / "mkdocs.yml").read_text("utf-8").partition("\nnav:")[0]
    (tmp_path / "mkdocs.yml").write_text(config)
    done = build(tmp_path / "mkdocs.yml", tmp_path / "site")
    assert done.returncode != 0
    assert "gone" in done.stdout + done.stderr
