"""Sending messages to an SQS queue, ten in a call."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from shared.batches import batches
from shared.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

BATCH: Final = 10
"""Messages SQS takes in one call."""


class Message(NamedTuple):
    """What is sent.

    :param body: becomes JSON.
    :param group: of a first-in first-out queue: its messages are handed out in order, one by one.
    :param once: of such a queue: another message that has the same, within minutes, is not taken again.
    """

    body: Mapping[str, str]
    group: str = ""
    once: str = ""


def send_all(client: SQSClient, queue_url: str, messages: Sequence[Mapping[str, str]]) -> None:
    """Send each message as JSON. :raises Unavailable: some were not taken; the others were."""
    _, failure = send_each(client, queue_url, [Message(body) for body in messages])
    if failure is not None:
        raise failure


def send_each(
    client: SQSClient, queue_url: str, messages: Sequence[Message]
) -> tuple[list[int], Unavailable | None]:
    """Send each message; return the positions of those that were taken, and why the others were not."""
    failures: dict[int, str] = {}
    for positions in batches(range(len(messages)), BATCH):
        failures |= _send(client, queue_url, {position: messages[position] for position in positions})
    taken = [position for position in range(len(messages)) if position not in failures]
    if not failures:
        return taken, None
    first = next(iter(failures.values()))
    what = f"SQS did not take {len(failures)} of {len(messages)} messages: {first}"
    return taken, Unavailable(what, where=queue_url)


def _send(client: SQSClient, queue_url: str, some: Mapping[int, Message]) -> dict[int, str]:
    """Return why messages were not taken, by position."""
    try:
        answer = client.send_message_batch(
            QueueUrl=queue_url, Entries=[_entry(position, message) for position, message in some.items()]
        )
    except ClientError as error:
        return dict.fromkeys(some, str(error.response.get("Error", {}).get("Code", "an error")))
    except BotoCoreError as error:
        return dict.fromkeys(some, type(error).__name__)
    return {int(failed["Id"]): failed["Code"] for failed in answer.get("Failed", [])}


def _entry(position: int, message: Message) -> SendMessageBatchRequestEntryTypeDef:
    entry: SendMessageBatchRequestEntryTypeDef = {
        "Id": str(position),
        "MessageBody": json.dumps(message.body),
    }
    if message.group:
        entry |= {"MessageGroupId": message.group, "MessageDeduplicationId": message.once}
    return entry
