"""Lambda on this machine: calls the real handlers with the events AWS would send, as often as it would.

EventBridge Scheduler's minute is shorter here. SQS messages are received, handed to the handler as an SQS
event, and deleted unless its partial batch response names them: the event source mapping's contract.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TextIO
from uuid import uuid4

import boto3

from infra.local.aws import REGION

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

Handler = Callable[[dict[str, Any], Any], Any]
_IDLE_SECONDS: Final = 0.05
_AFTER_FAILURE_SECONDS: Final = 1.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Context:
    """What handlers read of Lambda's context object."""

    function_name: str
    aws_request_id: str
    memory_limit_in_mb: int = 512

    @property
    def invoked_function_arn(self) -> str:
        """An ARN as AWS forms it."""
        return f"arn:aws:lambda:{REGION}:000000000000:function:{self.function_name}"


class Functions:
    """Background threads, each playing one event source."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []

    def every(self, seconds: float, handler: Handler) -> None:
        """Call a handler again and again, as EventBridge Scheduler does."""

        def invoke() -> float:
            handler(_schedule_event(), _context(handler))
            return seconds

        self._run(invoke, handler)

    def on_messages(self, queue_url: str, handler: Handler) -> None:
        """Call a handler for the messages of a queue, as an event source mapping does."""
        client = boto3.client("sqs", region_name=REGION)

        def invoke() -> float:
            messages = client.receive_message(
                QueueUrl=queue_url, MaxNumberOfMessages=10, AttributeNames=["All"]
            ).get("Messages", [])
            if not messages:
                return _IDLE_SECONDS
            answer = handler(_sqs_event(messages), _context(handler)) or {}
            failed = {each["itemIdentifier"] for each in answer.get("batchItemFailures", [])}
            for message in messages:
                receipt = message["ReceiptHandle"]
                if message["MessageId"] in failed:
                    client.change_message_visibility(
                        QueueUrl=queue_url, ReceiptHandle=receipt, VisibilityTimeout=1
                    )
                else:
                    client.delete_message(QueueUrl=queue_url, ReceiptHandle=receipt)
            return 0

        self._run(invoke, handler)

    def stop(self) -> None:
        """Let what is running finish, and stop."""
        self._ended.set()
        for thread in self._threads:
            thread.join(10)

    def _run(self, invoke: Callable[[], float], handler: Handler) -> None:
        name = handler.__module__

        def loop() -> None:
            pause = 0.0
            while not self._ended.wait(pause):
                try:
                    pause = invoke()
                except Exception:
                    log.exception("%s failed", name)
                    pause = _AFTER_FAILURE_SECONDS

        self._threads.append(threading.Thread(target=loop, name=name, daemon=True))
        self._threads[-1].start()


def _context(handler: Handler) -> Context:
    return Context(handler.__module__.rpartition(".")[2], str(uuid4()))


def _schedule_event() -> dict[str, Any]:
    return {
        "version": "0",
        "id": str(uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": "000000000000",
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "region": REGION,
        "resources": [],
        "detail": "{}",
    }


def _sqs_event(messages: list[MessageTypeDef]) -> dict[str, Any]:
    return {
        "Records": [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": dict(message.get("Attributes", {})),
                "messageAttributes": {},
                "md5OfBody": message.get("MD5OfBody", ""),
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:{REGION}:000000000000:local",
                "awsRegion": REGION,
            }
            for message in messages
        ]
    }


@contextmanager
def logs_to(stream: TextIO) -> Iterator[None]:
    """Send the handlers' own log lines, which Lambda takes from standard output, to a stream meanwhile."""
    # A progress display may stand in for sys.stdout just now; the handlers were made before it.
    terminal = (sys.stdout, sys.__stdout__)
    with ExitStack() as afterwards:
        for logger in list(logging.root.manager.loggerDict.values()):
            if isinstance(logger, logging.PlaceHolder):
                continue
            for handler in logger.handlers:
                if isinstance(handler, logging.StreamHandler) and handler.stream in terminal:
                    afterwards.callback(handler.setStream, handler.stream)
                    handler.setStream(stream)
                    # Or the root logger would write each line again.
                    afterwards.callback(setattr, logger, "propagate", logger.propagate)
                    logger.propagate = False
        yield
