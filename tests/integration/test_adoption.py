"""A new stack takes up the tables that a deleted one left, on MiniStack: with all that is in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.deployed.adoption import TABLES, tables_only, to_import
from infra.deployed.cloudformation import Stack
from infra.deployed.ministack import MiniStack
from infra.local.template import load
from tests.structure.imports import ROOT

PROGRAM = ROOT / ".venv-ministack/bin/ministack"
ROW = {"pk": {"S": "SITE#north"}, "sk": {"S": "ITEM#1"}}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PROGRAM.is_file(), reason="needs MiniStack: make ministack-venv"),
]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MiniStack]:
    with MiniStack(PROGRAM, tmp_path_factory.mktemp("ministack")) as running:
        yield running


def with_a_queue(template: dict[str, Any]) -> str:
    """Return what the deployment after an adoption brings: the tables, and more."""
    return json.dumps(
        {**template, "Resources": {**template["Resources"], "More": {"Type": "AWS::SQS::Queue"}}}
    )


def test_a_stack_takes_up_tables_and_the_next_deployment_adds_the_rest(
    cloud: MiniStack, tmp_path: Path
) -> None:
    stacks, tables = cloud.client("cloudformation"), cloud.client("dynamodb")
    template = tables_only(load())
    stack = Stack("clinic", Path("sam"), stacks, cloud.environment, tmp_path / "sam.log")
    stacks.create_stack(StackName="clinic", TemplateBody=json.dumps(template))
    stacks.get_waiter("stack_create_complete").wait(StackName="clinic", WaiterConfig={"Delay": 1})
    names = {name: stack.physical_ids()[name] for name in TABLES}
    tables.put_item(TableName=names["WorklistTable"], Item=ROW)
    stacks.delete_stack(StackName="clinic")
    stacks.get_waiter("stack_delete_complete").wait(StackName="clinic", WaiterConfig={"Delay": 1})
    assert set(names.values()) <= set(tables.list_tables()["TableNames"])

    stack.adopt(template, to_import(names))
    stacks.update_stack(StackName="clinic", TemplateBody=with_a_queue(template))
    stacks.get_waiter("stack_update_complete").wait(StackName="clinic", WaiterConfig={"Delay": 1})
    physical = stack.physical_ids()
    assert {name: physical[name] for name in TABLES} == names
    assert "More" in physical
    assert tables.get_item(TableName=names["WorklistTable"], Key=ROW)["Item"] == ROW
