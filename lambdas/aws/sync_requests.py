"""Messages to SyncQueue that ask for a sync of a source, or of one record of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lambdas.aws.queue import send_all
from shared.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class SyncRequests:
    """Sends them. Asking twice is harmless: a sync that finds nothing new writes nothing.

    :param client: returns boto3's ``sqs`` client; not asked before it is needed.
    :param queue_url: SyncQueue; empty if there is none.
    """

    def __init__(self, client: Callable[[], SQSClient], queue_url: str) -> None:
        self._client, self._queue_url = client, queue_url

    def send(
        self,
        source_id: str,
        *,
        record: str = "",
        saved_at: float | None = None,
        confirm_withdrawals: bool = False,
    ) -> None:
        """Ask for a sync.

        :param record: of this record alone; empty: of what has changed.
        :param saved_at: when REDCap said that it was saved, seconds since 1970.
        :param confirm_withdrawals: a person has looked, and however many items may be withdrawn this once.
        :raises Unavailable: the queue did not take it, or there is none.
        """
        if not self._queue_url:
            raise Unavailable("there is no queue to ask on", where="SYNC_QUEUE_URL")
        message = {"source_id": source_id}
        if record:
            message["record"] = record
        if saved_at is not None:
            message["saved_at"] = f"{saved_at:.3f}"
        if confirm_withdrawals:
            message["confirm_withdrawals"] = "yes"
        send_all(self._client(), self._queue_url, [message])
