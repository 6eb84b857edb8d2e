"""The docs name files, commands and settings that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic_settings import BaseSettings
from typer.main import get_command

import edge_relay.cli
import infra.cli
from edge_relay.config import RelaySettings, StatusSettings, TlsSettings
from infra.commands.history.settings import HistorySettings
from lambdas.api.settings import ApiSettings
from lambdas.history.stream.handlers import HistoryStreamSettings
from lambdas.notices.function import NoticeSettings
from lambdas.schedule import ScheduleSettings
from lambdas.sync_redcap import SyncSettings
from lambdas.write_back import WriteBackSettings
from shared.scanners.scanner_profile import ScannerProfile
from tests.structure.imports import PACKAGES, ROOT, modules
from tests.structure.purity import pure_modules

PAGES = sorted((ROOT / "docs").rglob("*.md"))
DOCS = sorted([*ROOT.glob("*.md"), *PAGES])
FOLDERS = ("lambdas", "edge_relay", "shared", "infra", "tests", "docs", "requirements")


@pytest.mark.parametrize("page", DOCS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_and_path_leads_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    links = [target for target in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in target]
    paths = [path for path in re.findall(r"`([\w./-]+)`", text) if path.startswith(FOLDERS) and "/" in path]
    missing = [link for link in links if not (page.parent / link).exists()]
    missing += [path for path in paths if not (ROOT / path).exists()]
    assert missing == []


def test_the_menu_of_the_site_lists_every_page_once() -> None:
    menu = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"]
    listed = [ROOT / "docs" / page for page in _pages_of(menu)]
    assert sorted(listed) == PAGES


def _pages_of(menu: str | list[Any] | dict[str, Any]) -> list[str]:
    if isinstance(menu, str):
        return [menu]
    entries = menu.values() if isinstance(menu, dict) else menu
    return [page for entry in entries for page in _pages_of(entry)]


def test_the_readme_fits_on_one_screen() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 50


def test_the_picture_shows_the_story_that_the_demo_tells() -> None:
    picture = (ROOT / "docs/images/overview.svg").read_text("utf-8")
    titles = re.findall(
        r'^            \("(.+)", self', (ROOT / "infra/local/story.py").read_text("utf-8"), re.M
    )
    assert len(titles) == 6
    assert [title for title in titles if title not in picture] == []


@pytest.mark.parametrize("page", DOCS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_shown_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    for program, app in (("mwl-relay", edge_relay.cli.app), ("mwl-cloud", infra.cli.app)):
        commands = get_command(app).commands  # type: ignore[attr-defined]
        for name in re.findall(rf"\b{program} ([a-z][a-z-]+)\b(?!:)", _code(text)):
            assert name in commands, f"{program} {name}"
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    for name in re.findall(r"\bmake ([a-z-]+)\b", _code(text)):
        assert name in targets, f"make {name}"


def test_what_the_map_calls_pure_is_pure() -> None:
    files = {name: file for package in PACKAGES for name, file in modules(package).items()}
    pure = pure_modules(files)
    claimed = [
        path.rstrip("/").removesuffix(".py").replace("/", ".")
        for cell in re.findall(
            r"^\|.*\|(.*\(\*pure\*\).*)\|$", (ROOT / "docs/architecture.md").read_text("utf-8"), re.M
        )
        for path in re.findall(r"`([\w./]+)`", _last_list(cell))
    ]
    assert len(claimed) > 10
    inside = {
        name: [each for each in files if each == name or each.startswith(name + ".")] for name in claimed
    }
    assert [each for found in inside.values() for each in found if each not in pure] == []


def _last_list(cell: str) -> str:
    """Return the paths that "(*pure*)" is said of: from the last arrow or semicolon on."""
    return re.split(r"->|;|\), ", cell[: cell.index("(*pure*)")])[-1]


@pytest.mark.parametrize(
    "settings",
    [
        ApiSettings,
        NoticeSettings,
        ScheduleSettings,
        SyncSettings,
        WriteBackSettings,
        HistorySettings,
        HistoryStreamSettings,
        RelaySettings,
        TlsSettings,
        StatusSettings,
        ScannerProfile,
    ],
    ids=lambda settings: settings.__name__,
)
def test_every_setting_is_described(settings: type[BaseSettings]) -> None:
    undescribed = [name for name, field in settings.model_fields.items() if not field.description]
    assert undescribed == []


def _code(text: str) -> str:
    """Return what is set as code: in backticks, or indented by four."""
    indented = re.findall(r"^    .*$", text, re.MULTILINE)
    return "\n".join([*re.findall(r"`([^`]+)`", text), *indented])
