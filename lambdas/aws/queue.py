"""Sending messages to an SQS queue, ten in a call."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from shared.batches import batches
from shared.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

BATCH: Final = 10
"""Messages SQS takes in one call."""


def send_all(client: SQSClient, queue_url: str, messages: Sequence[Mapping[str, str]]) -> None:
    """Send each message as JSON. :raises Unavailable: some were not taken; the others were."""
    failures: list[str] = []
    for some in batches(messages, BATCH):
        failures += _send(client, queue_url, some)
    if failures:
        raise Unavailable(
            f"SQS did not take {len(failures)} of {len(messages)} messages: {failures[0]}", where=queue_url
        )


def _send(client: SQSClient, queue_url: str, some: Sequence[Mapping[str, str]]) -> list[str]:
    try:
        answer = client.send_message_batch(
            QueueUrl=queue_url,
            Entries=[{"Id": str(i), "MessageBody": json.dumps(message)} for i, message in enumerate(some)],
        )
    except ClientError as error:
        return [str(error.response.get("Error", {}).get("Code", "an error"))] * len(some)
    except BotoCoreError as error:
        return [type(error).__name__] * len(some)
    return [failed["Code"] for failed in answer.get("Failed", [])]
