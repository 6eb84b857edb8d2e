"""Messages that wake the write-back: ten at a time, each step once, and a lost one is told."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from lambdas.write_backs.wake_up import WakeUpMessages
from shared.errors import Unavailable


class FakeQueue:
    """SQS's client as far as it is used; refuses every message whose text has a refused word."""

    def __init__(self, refused: str = "", error: Exception | None = None) -> None:
        self.refused, self.error = refused, error
        self.batches: list[list[str]] = []

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, str]]) -> dict[str, Any]:
        if self.error:
            raise self.error
        self.batches.append([json.loads(entry["MessageBody"])["sop_instance_uid"] for entry in Entries])
        failed = [e for e in Entries if self.refused and self.refused in e["MessageBody"]]
        return {"Failed": [{"Id": e["Id"], "Code": "InternalError", "SenderFault": False} for e in failed]}


def hints_to(queue: FakeQueue, url: str = "https://queue") -> WakeUpMessages:
    return WakeUpMessages(lambda: cast("Any", queue), url)


def test_hints_go_ten_at_a_time_and_each_step_once() -> None:
    queue = FakeQueue()
    uids = [f"2.25.{number}" for number in range(12)]
    hints_to(queue).send([*uids, *uids])
    assert queue.batches == [uids[:10], uids[10:]]


def test_without_a_queue_there_are_no_hints() -> None:
    queue = FakeQueue()
    hints_to(queue, "").send(["2.25.1"])
    assert queue.batches == []


@pytest.mark.parametrize(
    "queue",
    [
        FakeQueue(refused="2.25.1"),
        FakeQueue(error=ClientError({"Error": {"Code": "QueueDoesNotExist"}}, "SendMessageBatch")),
        FakeQueue(error=ConnectTimeoutError(endpoint_url="https://example.org")),
    ],
)
def test_hints_that_are_not_taken_are_told_without_naming_steps(queue: FakeQueue) -> None:
    with pytest.raises(Unavailable) as caught:
        hints_to(queue).send(["2.25.1"])
    assert "2.25" not in str(caught.value)
