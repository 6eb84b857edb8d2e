"""Messages that wake the write-back when a step has news. One may get lost: the table knows what is due."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from lambdas.aws.queue import send_all

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class WakeUpMessages:
    """Sends them.

    :param client: returns boto3's ``sqs`` client; not asked before it is needed.
    :param queue_url: WriteBackQueue; empty if there is none, and nothing is sent.
    """

    def __init__(self, client: Callable[[], SQSClient], queue_url: str) -> None:
        self._client, self._queue_url = client, queue_url

    def send(self, sop_instance_uids: Iterable[str]) -> None:
        """Send one message a step.

        :raises Unavailable: some were not taken. Whoever calls goes on: the schedule finds those steps too.
        """
        if self._queue_url:
            messages = [{"sop_instance_uid": uid} for uid in dict.fromkeys(sop_instance_uids)]
            send_all(self._client(), self._queue_url, messages)
