"""Messages to DueQueue: the schedule asks for a sync of a source that is due.

The queue is first-in first-out by group, and a group is a part of a REDCap server's sources. While a message
of a group is being worked on, no other of it is handed out: so many groups as a server has, so many syncs ask
it at once, and however many sources it has, those of other servers do not wait behind them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit
from zlib import crc32

from lambdas.aws.queue import Message, send_each
from shared.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

AT_ONCE: Final = 3
"""Syncs that ask one REDCap server at the same time."""


class DueRequest(NamedTuple):
    """A source to be synced.

    :param url: its REDCap server's address.
    :param claim: when it was asked for, in seconds since 1970.
    """

    source_id: str
    url: str
    claim: float

    @property
    def group(self) -> str:
        """Which messages it has to wait for."""
        server = sha256(urlsplit(self.url).netloc.lower().encode()).hexdigest()[:16]
        return f"{server}-{crc32(self.source_id.encode()) % AT_ONCE}"

    def message(self) -> Message:
        """Return it as the queue takes it; the same request sent twice is one."""
        body = {"source_id": self.source_id, "claim": repr(self.claim)}
        once = sha256(f"{self.source_id} {self.claim!r}".encode()).hexdigest()
        return Message(body, group=self.group, once=once)


def interleaved(requests: Iterable[DueRequest]) -> Iterator[DueRequest]:
    """Yield requests so that no server's, however many, stand in front of another's."""
    groups: dict[str, list[DueRequest]] = defaultdict(list)
    for request in requests:
        groups[request.group].append(request)
    rounds = zip_longest(*groups.values())
    return (request for request in chain.from_iterable(rounds) if request is not None)


def send_due(
    client: SQSClient, queue_url: str, requests: Iterable[DueRequest]
) -> tuple[frozenset[str], Unavailable | None]:
    """Send each; return the ids of the sources whose message was taken, and why others' were not."""
    wanted: Sequence[DueRequest] = list(requests)
    taken, failure = send_each(client, queue_url, [request.message() for request in wanted])
    return frozenset(wanted[position].source_id for position in taken), failure
