"""What the handlers of SQS messages share: each message on its own, and a log line for each that failed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from traceback import extract_tb
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from lambdas.aws.observing.metric import Metric
from lambdas.aws.observing.metrics import Metrics
from shared.errors import MwlError, Rejected


def handle_each(
    event: dict[str, Any],
    context: Any,
    key: str,
    work: Callable[[str], None],
    logger: Logger,
    metrics: Metrics,
) -> Any:
    """Do the work of each message ``{key: text}`` of an SQS event; return those that failed, for SQS to keep.

    :param work: is given the text. What it raises fails its own message only, and is logged here.
    """
    return handle_messages(event, context, key, lambda message: work(message[key]), logger, metrics)


def handle_messages(
    event: dict[str, Any],
    context: Any,
    key: str,
    work: Callable[[Mapping[str, str]], None],
    logger: Logger,
    metrics: Metrics,
) -> Any:
    """Do the work of each message, an object of texts that has ``key``; otherwise as `handle_each`.

    :param key: what names the message in the log; no other part of it is logged.
    """

    def one(record: SQSRecord) -> None:
        text = ""
        try:
            message = _message(record.body, key)
            text = message[key]
            work(message)
        except MwlError as error:
            logger.warning("failed", extra={key: text, "reason": str(error), "retryable": error.retryable})
            raise
        except Exception as error:
            # Its type and place only: what an unforeseen error says may quote what it was working on.
            logger.critical("broke", extra={key: text, "error": type(error).__name__, "at": _place(error)})
            metrics.tell({Metric.BROKE: 1})
            raise

    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    return process_partial_response(event=event, record_handler=one, processor=processor, context=context)


def _message(body: str, key: str) -> Mapping[str, str]:
    try:
        message = json.loads(body)
    except ValueError:
        message = None
    if (
        not isinstance(message, dict)
        or not message.get(key)
        or not all(isinstance(text, str) for text in message.values())
    ):
        raise Rejected(f'a message must be {{"{key}": "..."}}, and all of it text', where="SQS")
    return message


def _place(error: Exception) -> str:
    frames = extract_tb(error.__traceback__)[-4:]
    return " > ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
