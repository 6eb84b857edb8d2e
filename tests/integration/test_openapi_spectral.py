"""Spectral, which judges OpenAPI documents, finds nothing in ours.

It is a Node program: `make spectral` installs it, CI does so where npm is.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rigs.api import ApiRig, api
from tests.structure.imports import ROOT

BUILT = ROOT / "build" / "tools" / "spectral" / "node_modules" / ".bin" / "spectral"
SPECTRAL = Path(os.environ.get("MWL_SPECTRAL", BUILT))
RULES = {"extends": ["spectral:oas"]}
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SPECTRAL.exists(), reason="Spectral is not here; make spectral installs it (npm)"),
]


@pytest.fixture(scope="module")
def document() -> Iterator[str]:
    with api() as rig:
        yield document_of(rig)


def document_of(rig: ApiRig) -> str:
    text: str = rig.anybody.get("/openapi.json").text
    return text


def judged(folder: Path, document: str) -> list[dict[str, object]]:
    """Return what Spectral finds in a document, hints included."""
    (folder / "rules.json").write_text(json.dumps(RULES))
    (folder / "openapi.json").write_text(document)
    options = ["--ruleset", "rules.json", "--format", "json", "--quiet", "--fail-severity", "hint"]
    done = subprocess.run(
        [SPECTRAL, "lint", "openapi.json", *options], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode in {0, 1}, done.stderr
    found: list[dict[str, object]] = json.loads(done.stdout or "[]")
    return found


def test_it_finds_nothing(tmp_path: Path, document: str) -> None:
    found = judged(tmp_path, document)
    assert [f"{each['code']}: {each['path']} {each['message']}" for each in found] == []


def test_it_finds_a_fault_that_was_planted(tmp_path: Path, document: str) -> None:
    faulty = json.loads(document)
    del faulty["paths"]["/worklist"]["get"]["operationId"]
    found = judged(tmp_path, json.dumps(faulty))
    assert [each["code"] for each in found] == ["operation-operationId"]
