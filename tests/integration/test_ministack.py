"""MiniStack calls the function behind a queue, also when a parameter limits how many run at once."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any, Final

import pytest

from infra.deployed.ministack import MiniStack
from tests.structure.imports import ROOT

PROGRAM: Final = ROOT / ".venv-ministack/bin/ministack"
PATIENCE_SECONDS: Final = 60.0

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PROGRAM.is_file(), reason="needs MiniStack: make ministack-venv"),
]

TEMPLATE: Final[dict[str, Any]] = {
    "Parameters": {"AtOnce": {"Type": "Number", "Default": 3}},
    "Resources": {
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Runtime": "python3.11",
                "Handler": "index.handler",
                "Timeout": 60,
                "Role": "arn:aws:iam::000000000000:role/none",
                "Code": {"ZipFile": "def handler(event, context):\n    return {'batchItemFailures': []}\n"},
            },
        },
        "Asked": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 60}},
        "Due": {"Type": "AWS::SQS::Queue", "Properties": {"FifoQueue": True, "VisibilityTimeout": 60}},
        **{
            f"{queue}Mapping": {
                "Type": "AWS::Lambda::EventSourceMapping",
                "Properties": {
                    "FunctionName": {"Ref": "Function"},
                    "EventSourceArn": {"Fn::GetAtt": [queue, "Arn"]},
                    "BatchSize": 1,
                    "FunctionResponseTypes": ["ReportBatchItemFailures"],
                    "ScalingConfig": {"MaximumConcurrency": {"Ref": "AtOnce"}},
                },
            }
            for queue in ("Asked", "Due")
        },
    },
}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MiniStack]:
    with MiniStack(PROGRAM, tmp_path_factory.mktemp("ministack")) as running:
        stacks = running.client("cloudformation")
        stacks.create_stack(StackName="small", TemplateBody=json.dumps(TEMPLATE))
        stacks.get_waiter("stack_create_complete").wait(StackName="small", WaiterConfig={"Delay": 1})
        running.read_limits_as_numbers()
        yield running


def url(cloud: MiniStack, queue: str) -> str:
    found = cloud.client("cloudformation").describe_stack_resource(StackName="small", LogicalResourceId=queue)
    return str(found["StackResourceDetail"]["PhysicalResourceId"])


def waiting(queues: Any, where: str) -> int:
    said = queues.get_queue_attributes(QueueUrl=where, AttributeNames=["All"])["Attributes"]
    return int(said["ApproximateNumberOfMessages"]) + int(said["ApproximateNumberOfMessagesNotVisible"])


@pytest.mark.parametrize(
    ("queue", "order"),
    [("Asked", {}), ("Due", {"MessageGroupId": "server-1", "MessageDeduplicationId": "once"})],
)
def test_a_message_is_handed_to_the_function_and_then_deleted(
    cloud: MiniStack, queue: str, order: dict[str, str]
) -> None:
    queues, where = cloud.client("sqs"), url(cloud, queue)
    queues.send_message(QueueUrl=where, MessageBody="{}", **order)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while left := waiting(queues, where):
        assert time.monotonic() < deadline, f"{left} message is still there"
        time.sleep(0.05)
