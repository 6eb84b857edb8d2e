"""What `sam` is asked, and what becomes of its answer; a script stands in for sam."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.deployed.cloudformation import Stack
from shared.errors import Rejected


class Client:
    def describe_stacks(self, **asked: str) -> dict[str, Any]:
        assert asked == {"StackName": "study"}
        return {"Stacks": [{"Outputs": [{"OutputKey": "ApiUrl", "OutputValue": "https://a"}]}]}

    def describe_stack_resources(self, **asked: str) -> dict[str, Any]:
        return {"StackResources": [{"LogicalResourceId": "Api", "PhysicalResourceId": "abc"}]}


def a_stack(folder: Path, script: str = "exit 0") -> Stack:
    sam = folder / "sam"
    sam.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    sam.chmod(0o755)
    return Stack("study", sam, Client(), {"AWS_REGION": "eu-central-1"}, folder / "sam.log")


def test_a_deployment_asks_nothing_and_names_its_parameters(tmp_path: Path) -> None:
    stack = a_stack(tmp_path, 'echo "$AWS_REGION $*"')
    stack.deploy(Path("t.yaml"), LogLevel="DEBUG", SettleSeconds="11")
    said = stack.log.read_text("utf-8")
    assert said.startswith("eu-central-1 deploy ")
    assert "--template-file t.yaml --no-confirm-changeset" in said
    assert "--parameter-overrides LogLevel=DEBUG SettleSeconds=11 --stack-name study" in said


def test_a_deployment_that_fails_says_what_sam_said_last(tmp_path: Path) -> None:
    stack = a_stack(tmp_path, "for n in $(seq 40); do echo line $n; done; exit 1")
    with pytest.raises(Rejected, match="sam deploy failed") as failed:
        stack.deploy(Path("t.yaml"))
    assert "line 40" in str(failed.value)
    assert "line 20" not in str(failed.value)
    assert "line 1\n" in stack.log.read_text("utf-8")


def test_a_deletion_asks_nothing(tmp_path: Path) -> None:
    stack = a_stack(tmp_path, 'echo "$*"')
    stack.delete()
    assert "--no-prompts --stack-name study" in stack.log.read_text("utf-8")


def test_without_sam_it_says_how_to_get_it(tmp_path: Path) -> None:
    stack = a_stack(tmp_path)
    stack.sam.unlink()
    with pytest.raises(Rejected, match="make sam-venv"):
        stack.delete()


def test_outputs_and_resources_are_found_by_name(tmp_path: Path) -> None:
    stack = a_stack(tmp_path)
    assert stack.outputs() == {"ApiUrl": "https://a"}
    assert stack.physical_ids() == {"Api": "abc"}
