"""SQS for the simulation: a queue that is first in, first out by group, and Lambda's consumers of it."""

from __future__ import annotations

import heapq
import json
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Waiting(NamedTuple):
    """A message; ``group`` is empty in a queue that keeps no order."""

    sent_at: float
    body: dict[str, str]
    group: str


class Queue:
    """One queue. No two messages of a group are out at the same time.

    :param at_once: how many consumers Lambda runs (``MaximumConcurrency``).
    """

    def __init__(self, at_once: int, now: Any) -> None:
        self._now, self.free = now, at_once
        self._groups: dict[str, deque[Waiting]] = defaultdict(deque)
        self._ready: list[tuple[float, int, str]] = []
        self._out: set[str] = set()
        self._count = 0
        self.length = self.longest = 0
        self.groups_at_once = 0

    def put(self, body: dict[str, str], group: str = "") -> None:
        """Send a message."""
        self._count += 1
        group = group or f"alone {self._count}"
        waiting = self._groups[group]
        waiting.append(Waiting(self._now(), body, group))
        if len(waiting) == 1 and group not in self._out:
            self._offer(group)
        self.length += 1
        self.longest = max(self.longest, self.length)

    def take(self) -> Waiting | None:
        """Return the message that waits longest, if a consumer is free."""
        if not self.free or not self._ready:
            return None
        _, _, group = heapq.heappop(self._ready)
        self._out.add(group)
        self.free -= 1
        self.length -= 1
        return self._groups[group].popleft()

    def done(self, message: Waiting) -> None:
        """Note that a consumer has ended with a message."""
        self.free += 1
        self._out.discard(message.group)
        if self._groups[message.group]:
            self._offer(message.group)
        else:
            del self._groups[message.group]

    def _offer(self, group: str) -> None:
        self._count += 1
        heapq.heappush(self._ready, (self._groups[group][0].sent_at, self._count, group))


class QueueClient:
    """boto3's ``sqs`` client, as far as the handlers use it."""

    def __init__(self, queues: Mapping[str, Queue]) -> None:
        self._queues = queues

    def send_message_batch(self, *, QueueUrl: str, Entries: Sequence[Mapping[str, str]]) -> dict[str, Any]:
        """Take up to ten messages."""
        for entry in Entries:
            self._queues[QueueUrl].put(json.loads(entry["MessageBody"]), entry.get("MessageGroupId", ""))
        return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}
