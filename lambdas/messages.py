"""What the handlers of SQS messages share: each message on its own, and a log line for each that failed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from traceback import extract_tb
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from shared.errors import MwlError, Rejected


def handle_each(
    event: dict[str, Any], context: Any, key: str, work: Callable[[str], None], logger: Logger
) -> Any:
    """Do the work of each message ``{key: text}`` of an SQS event; return those that failed, for SQS to keep.

    :param work: is given the text. What it raises fails its own message only, and is logged here.
    """

    def one(record: SQSRecord) -> None:
        text = ""
        try:
            text = _text(record.body, key)
            work(text)
        except MwlError as error:
            logger.warning("failed", extra={key: text, "reason": str(error), "retryable": error.retryable})
            raise
        except Exception as error:
            # Its type and place only: what an unforeseen error says may quote what it was working on.
            logger.critical("broke", extra={key: text, "error": type(error).__name__, "at": _place(error)})
            raise

    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    return process_partial_response(event=event, record_handler=one, processor=processor, context=context)


def _text(body: str, key: str) -> str:
    try:
        text = json.loads(body)[key]
    except (ValueError, KeyError, TypeError):
        text = None
    if not isinstance(text, str) or not text:
        raise Rejected(f'a message must be {{"{key}": "..."}}', where="SQS")
    return text


def _place(error: Exception) -> str:
    frames = extract_tb(error.__traceback__)[-4:]
    return " > ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
