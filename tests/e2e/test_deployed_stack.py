"""The stack deployed by SAM into MiniStack: the demo's story, an update, a deletion, a deployment that fails.

Takes minutes, and tools of its own: `make ministack-venv build-here`, then MWL_DEPLOY_TEST=1.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.deployed.adoption import TABLES, tables_only, to_import
from infra.deployed.cloudformation import Stack
from infra.deployed.deployed_stack import HERE, DeployedStack, Tools
from infra.deployed.front_door import FrontDoor
from infra.local.options import StackOptions
from infra.local.story import FinishedStep, Story
from infra.local.template import load
from shared.errors import Rejected
from tests.structure.imports import ROOT

TOOLS = Tools(
    sam=ROOT / ".venv-sam/bin/sam",
    ministack=ROOT / ".venv-ministack/bin/ministack",
    build=ROOT / ".aws-sam/build",
)
SYNCED_AND_WRITTEN_BACK = 5
"""Steps of the story, before the one that waits for two more syncs."""
RETAINED = {*TABLES, "SigningKeySecret"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        not os.environ.get("MWL_DEPLOY_TEST"),
        reason="takes minutes: make ministack-venv build-here, then set MWL_DEPLOY_TEST=1",
    ),
    pytest.mark.skipif(not TOOLS.ministack.is_file(), reason="needs MiniStack: make ministack-venv"),
]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployedStack]:
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        folder = tmp_path_factory.mktemp("deployed") / "stack"
        with DeployedStack(StackOptions(folder=folder), tools=TOOLS) as running:
            yield running


def deployed_template(stack: DeployedStack, folder: Path, **resources: Any) -> Path:
    """What sam sent to CloudFormation, with other resources beside: its code is packed and sent already."""
    client = stack.ministack.client("cloudformation")
    answer = client.get_template(StackName=stack.cloudformation.name, TemplateStage="Original")
    sent = folder / "sent.yaml"
    sent.write_text(answer["TemplateBody"], "utf-8")
    template = load(sent)
    template["Resources"] |= resources
    changed = folder / "template.json"
    changed.write_text(json.dumps(template, default=str), "utf-8")
    return changed


def tables_of(stack: DeployedStack) -> set[str]:
    names: list[str] = stack.ministack.client("dynamodb").list_tables()["TableNames"]
    return set(names)


def signing_keys_of(stack: DeployedStack) -> set[str]:
    listed = stack.ministack.client("secretsmanager").list_secrets()["SecretList"]
    return {each["Name"] for each in listed if each.get("Description", "").startswith("Keys that sign")}


def events_of(stack: Stack) -> set[tuple[str, str]]:
    pages = stack.client.get_paginator("describe_stack_events").paginate(StackName=stack.name)
    return {
        (each["LogicalResourceId"], each["ResourceStatus"]) for page in pages for each in page["StackEvents"]
    }


def items_of(stack: DeployedStack) -> set[str]:
    rows = stack.services.worklist.items_of_source(stack.definition.id, stack.definition.site)
    return {row.item_id for row in rows}


@contextmanager
def schedule_called_often(stack: DeployedStack) -> Iterator[None]:
    functions, ended = stack.ministack.client("lambda"), threading.Event()
    name = stack.cloudformation.physical_ids()["ScheduleFunction"]

    def call() -> None:
        while not ended.wait(2):
            functions.invoke(FunctionName=name, Payload=b"{}")

    thread = threading.Thread(target=call)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def packed_code(stack: DeployedStack) -> dict[tuple[str, str], bytes]:
    """What sam sent to S3, and deletes with the stack, by bucket and key: to pack it anew takes a minute."""
    storage = stack.ministack.client("s3")
    places = [
        (bucket["Name"], each["Key"])
        for bucket in storage.list_buckets()["Buckets"]
        for each in storage.list_objects_v2(Bucket=bucket["Name"]).get("Contents", [])
    ]
    return {
        (bucket, key): storage.get_object(Bucket=bucket, Key=key)["Body"].read() for bucket, key in places
    }


def put_back(stack: DeployedStack, code: dict[tuple[str, str], bytes]) -> None:
    storage = stack.ministack.client("s3")
    for (bucket, key), body in code.items():
        storage.put_object(Bucket=bucket, Key=key, Body=body)


def test_the_demos_story_holds_with_the_deployed_stack(stack: DeployedStack) -> None:
    """The first syncs come by the deployed schedule, once a minute; those that only have to go by, sooner."""
    steps: list[FinishedStep] = []
    with ExitStack() as hurry:
        for step in Story(stack).tell(lambda _: None):
            print(f"{step.seconds:6.1f} s  {step.title}")
            steps.append(step)
            if len(steps) == SYNCED_AND_WRITTEN_BACK:
                hurry.enter_context(schedule_called_often(stack))
    assert len(steps) == SYNCED_AND_WRITTEN_BACK + 1


def test_the_dashboard_is_served_at_the_address_that_is_printed(stack: DeployedStack) -> None:
    page = httpx.get(f"{stack.api_url}/app/login", timeout=120)
    assert page.status_code == 200
    assert "Sign in" in page.text


def test_an_update_of_the_running_stack_loses_no_item(stack: DeployedStack, tmp_path: Path) -> None:
    before = items_of(stack)
    assert before
    stack.deploy(deployed_template(stack, tmp_path), SettleSeconds="11", LogLevel="WARNING")
    assert before <= items_of(stack)
    assert httpx.get(f"{stack.api_url}/health", timeout=120).json()["status"] == "ok"


def test_a_first_deployment_that_fails_leaves_nothing_behind(stack: DeployedStack, tmp_path: Path) -> None:
    cloud, tables, keys = stack.ministack, tables_of(stack), signing_keys_of(stack)
    cloud.client("ssm").put_parameter(Name="/taken", Value="by somebody else", Type="String")
    last = {
        "Type": "AWS::SSM::Parameter",
        "DependsOn": sorted(RETAINED),
        "Properties": {"Name": "/taken", "Type": "String", "Value": "ours"},
    }
    other = Stack("fails", TOOLS.sam, cloud.client("cloudformation"), cloud.environment, tmp_path / "sam.log")
    with pytest.raises(Rejected, match="sam deploy failed"):
        other.deploy(deployed_template(stack, tmp_path, Last=last), **HERE, ProtectTables="false")
    happened = events_of(other)
    for status in ("CREATE_COMPLETE", "DELETE_COMPLETE"):
        assert {(name, status) for name in RETAINED} <= happened
    assert tables_of(stack) == tables
    assert signing_keys_of(stack) == keys


def test_a_deleted_stacks_tables_stay_and_a_new_one_takes_them_up(
    stack: DeployedStack, tmp_path: Path
) -> None:
    before, names = items_of(stack), stack.cloudformation.physical_ids()
    template, code = deployed_template(stack, tmp_path), packed_code(stack)
    stack.cloudformation.delete()
    assert {names[table] for table in TABLES} <= tables_of(stack)
    assert items_of(stack) == before != set()

    put_back(stack, code)
    tables = {table: names[table] for table in TABLES}
    stack.cloudformation.adopt(tables_only(load()), to_import(tables))
    stack.deploy(template)
    now = stack.cloudformation.physical_ids()
    assert {table: now[table] for table in TABLES} == tables
    assert items_of(stack) == before
    with FrontDoor(stack.ministack.endpoint, now["Api"]) as door:
        assert httpx.get(f"{door.url}/health", timeout=120).json()["status"] == "ok"
