"""The key of the history's pseudonyms: made once, never replaced."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner, Result

from infra.cli import app
from tests.rigs.cloud import cloud
from tests.rigs.history import Happening


def mwl_cloud(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_without_a_key_nothing_is_exported(tmp_path: Path) -> None:
    with cloud() as rig:
        site = Happening(rig)
        site.put()
        refused = mwl_cloud("history", "export", "--out", str(tmp_path / "out"))
        assert "make it once: mwl-cloud history make-key" in refused.stderr
        assert mwl_cloud("history", "make-key").exit_code == 0
        assert mwl_cloud("history", "export", "--out", str(tmp_path / "out")).exit_code == 0
        assert "the key is there already" in mwl_cloud("history", "make-key").stderr
