"""The docs name files, commands and settings that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings
from typer.main import get_command

import edge_relay.cli
import infra.cli
from edge_relay.config import RelaySettings, StatusSettings, TlsSettings
from lambdas.api.settings import ApiSettings
from lambdas.schedule import ScheduleSettings
from lambdas.sync_redcap import SyncSettings
from lambdas.write_back import WriteBackSettings
from shared.scanner_profile import ScannerProfile

ROOT = Path(__file__).resolve().parents[2]
DOCS = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
FOLDERS = ("lambdas", "edge_relay", "shared", "infra", "tests", "docs", "requirements")


@pytest.mark.parametrize("page", DOCS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_and_path_leads_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    links = [target for target in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in target]
    paths = [path for path in re.findall(r"`([\w./-]+)`", text) if path.startswith(FOLDERS) and "/" in path]
    missing = [link for link in links if not (page.parent / link).exists()]
    missing += [path for path in paths if not (ROOT / path).exists()]
    assert missing == []


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


@pytest.mark.parametrize(
    "settings",
    [
        ApiSettings,
        ScheduleSettings,
        SyncSettings,
        WriteBackSettings,
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
