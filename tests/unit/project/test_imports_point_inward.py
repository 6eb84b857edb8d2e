"""`lambdas -> shared <- edge_relay`, never sideways; nobody imports infra or tests but themselves."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.structure.imports import ROOT, imports

OURS = {
    "shared": {"shared"},
    "lambdas": {"lambdas", "shared"},
    "edge_relay": {"edge_relay", "shared"},
    "infra": {"infra", "lambdas", "edge_relay", "shared"},
    "tests": {"tests", "infra", "lambdas", "edge_relay", "shared"},
}
"""Which of our folders each of them may import."""

SHARED_MAY_USE = {"pydantic", "pydicom", *sys.stdlib_module_names}
SHARED_MAY_NOT_USE = {
    "socket",
    "sqlite3",
    "subprocess",
    "urllib.request",
    "http.client",
    "time",
    "random",
    "secrets",
}
"""No I/O, no clock, no chance: they come in as arguments."""


def files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def misdirected(folder: str, source: str, package: str) -> list[str]:
    """Return what a module imports and must not."""
    found = []
    for line, name in imports(source, package):
        top = name.split(".")[0]
        if top in OURS and top not in OURS[folder]:
            found.append(f"line {line}: {folder} must not import {name}")
        if folder == "shared" and (
            (top != "shared" and top not in SHARED_MAY_USE) or {name, top} & SHARED_MAY_NOT_USE
        ):
            found.append(f"line {line}: shared must not use {name}")
    return found


@pytest.mark.parametrize("folder", OURS)
def test_no_module_imports_what_its_folder_may_not(folder: str) -> None:
    wrong = {
        str(file.relative_to(ROOT)): found
        for file in files(folder)
        if (
            found := misdirected(
                folder, file.read_text(encoding="utf-8"), ".".join(file.relative_to(ROOT).parent.parts)
            )
        )
    }
    assert wrong == {}


def test_every_folder_with_code_has_a_rule() -> None:
    packages = {init.parent.name for init in ROOT.glob("*/__init__.py")}
    assert packages == set(OURS)


@pytest.mark.parametrize(
    ("folder", "source"),
    [
        ("lambdas", "from edge_relay.worklist.cache import Cache"),
        ("edge_relay", "import lambdas.store"),
        ("edge_relay", "def late():\n    from infra import local"),
        ("lambdas", "from ...tests import builders"),
        ("lambdas", "import importlib\nimportlib.import_module('edge_relay')"),
        ("shared", "import httpx"),
        ("shared", "import time"),
        ("infra", "import tests.rigs.builders"),
    ],
)
def test_the_rule_is_able_to_fail(folder: str, source: str) -> None:
    assert misdirected(folder, source, f"{folder}.deep") != []
