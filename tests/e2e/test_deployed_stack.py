"""The stack deployed by SAM into MiniStack: the demo's story, an update, a deletion, a deployment that fails.

Takes minutes, and tools of its own: `make ministack-venv build-here`, then MWL_DEPLOY_TEST=1.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.deployed.cloudformation import Stack
from infra.deployed.deployed_stack import HERE, DeployedStack, Tools
from infra.local.options import StackOptions
from infra.local.story import Story
from infra.local.template import load
from shared.errors import Rejected
from tests.structure.imports import ROOT

TOOLS = Tools(
    sam=ROOT / ".venv-sam/bin/sam",
    ministack=ROOT / ".venv-ministack/bin/ministack",
    build=ROOT / ".aws-sam/build",
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        not os.environ.get("MWL_DEPLOY_TEST"),
        reason="takes minutes: make ministack-venv build-here, then set MWL_DEPLOY_TEST=1",
    ),
]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployedStack]:
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        folder = tmp_path_factory.mktemp("deployed") / "stack"
        with DeployedStack(StackOptions(folder=folder), tools=TOOLS) as running:
            yield running


def template_with(folder: Path, **resources: Any) -> Path:
    """What SAM built, as JSON, with other resources beside."""
    template = load(TOOLS.template)
    template["Resources"] |= resources
    for each in template["Resources"].values():
        if "CodeUri" in each.get("Properties", {}):
            each["Properties"]["CodeUri"] = str(TOOLS.build / each["Properties"]["CodeUri"])
    changed = folder / "template.json"
    changed.write_text(json.dumps(template, default=str), "utf-8")
    return changed


def tables_of(stack: DeployedStack) -> set[str]:
    names: list[str] = stack.ministack.client("dynamodb").list_tables()["TableNames"]
    return set(names)


def test_the_demos_story_holds_with_the_deployed_stack(stack: DeployedStack) -> None:
    steps = list(Story(stack).tell(lambda _: None))
    assert len(steps) == 6


def test_the_dashboard_is_served_at_the_address_that_is_printed(stack: DeployedStack) -> None:
    page = httpx.get(f"{stack.api_url}/app/login", timeout=120)
    assert page.status_code == 200
    assert "Sign in" in page.text


def test_an_update_of_the_running_stack_loses_no_item(stack: DeployedStack) -> None:
    definition = stack.definition
    before = list(stack.services.worklist.items_of_source(definition.id, definition.site))
    assert before
    stack.deploy(TOOLS.template, SettleSeconds="11", LogLevel="WARNING")
    after = list(stack.services.worklist.items_of_source(definition.id, definition.site))
    assert {row.item_id for row in before} <= {row.item_id for row in after}
    assert httpx.get(f"{stack.api_url}/health", timeout=120).json()["status"] == "ok"


def test_a_first_deployment_that_fails_leaves_nothing_behind(stack: DeployedStack, tmp_path: Path) -> None:
    cloud, before = stack.ministack, tables_of(stack)
    other = Stack("fails", TOOLS.sam, cloud.client("cloudformation"), cloud.environment, tmp_path / "sam.log")
    broken = template_with(
        tmp_path,
        Broken={
            "Type": "AWS::Lambda::EventSourceMapping",
            "DependsOn": ["WorklistTable", "AccountsTable", "SigningKeySecret"],
            "Properties": {
                "FunctionName": "there-is-none",
                "EventSourceArn": "arn:aws:sqs:eu-central-1:000000000000:none",
            },
        },
    )
    with pytest.raises(Rejected, match="sam deploy failed"):
        other.deploy(broken, **HERE, ProtectTables="false")
    assert tables_of(stack) == before


def test_deleting_the_stack_keeps_its_tables_and_their_items(stack: DeployedStack) -> None:
    definition = stack.definition
    before = tables_of(stack)
    items = {row.item_id for row in stack.services.worklist.items_of_source(definition.id, definition.site)}
    stack.cloudformation.delete()
    assert tables_of(stack) == before
    kept = stack.services.worklist.items_of_source(definition.id, definition.site)
    assert {row.item_id for row in kept} == items != set()
