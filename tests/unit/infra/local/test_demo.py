"""What the local stack says when it cannot begin: one line, and what to change."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from infra.cli import app
from infra.deployed.deploy_local import deploy_local
from infra.local.demo import demo

PORTS = ("--port", "--redcap-port", "--dicom-port", "--aws-port")


def run(command: str, *arguments: str) -> Result:
    if command == "mwl-cloud local":
        return CliRunner().invoke(app, ["local", *arguments])
    single = typer.Typer()
    single.command()(demo if command == "make demo" else deploy_local)
    return CliRunner().invoke(single, list(arguments))


@pytest.mark.parametrize("option", PORTS)
@pytest.mark.parametrize("command", ["mwl-cloud local", "make demo", "make deploy-local"])
def test_a_port_that_cannot_be_is_wrong_use(command: str, option: str) -> None:
    refused = run(command, option, "65536")
    assert (refused.exit_code, "65535" in refused.output) == (2, True)


@pytest.mark.parametrize("command", ["mwl-cloud local", "make demo"])
def test_a_folder_that_cannot_be_made_is_named(command: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = run(command, "--folder", str(tmp_path / "file" / "x"))
    assert (refused.exit_code, refused.output.startswith("Cannot run: ")) == (2, True)
    assert "Not a directory" in refused.output
    assert "Traceback" not in refused.output
