"""After a snapshot: sends again what the cloud lost, and takes back from it what the journal lost.

A snapshot may mean that the cloud's table was restored to an earlier point. The MPPS recorded since are gone
from it then. The journal keeps delivered events for `retain_delivered_days`: the cloud is told their names,
says which it does not have, and those become pending again. This is tried before the snapshot is taken over,
so that no scanner is shown an exam as still to be done that it has reported on, and tried again by the push
until it succeeded: a worklist does not wait for it.

What was recorded after this relay's last pull, and before the table was lost, no cursor knows of. So the same
is asked after every start, and once a day.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Final, Protocol

from edge_relay.exchange.loop import Exchange
from edge_relay.mpps.journal import Journal
from edge_relay.storage.sqlite_file import why
from edge_relay.worklist.cache import Cache
from shared.errors import Unavailable
from shared.steps.procedure_step import MOST_REFERENCES, EventReference, ProcedureStepEvent

log = logging.getLogger(__name__)

_MOST_UNFINISHED: Final = 100  # steps
_ASK_EVERY_SECONDS: Final = 24 * 3600.0


class Records(Protocol):
    """What this needs of the cloud; `edge_relay.exchange.cloud.Cloud` is one."""

    def lacking(self, events: Sequence[EventReference]) -> list[str]:
        """Return the ids of the events that are not recorded."""

    def recorded(self, sop_instance_uid: str) -> list[ProcedureStepEvent]:
        """Return what is recorded of a procedure step; nothing if it is not known."""


def send_again_if_due(records: Records, journal: Journal, cache: Cache) -> set[str]:
    """Ask which events the cloud lacks, if it was not asked since the last snapshot; send those again.

    :return: the ids of the items that these events are of.
    :raises Unavailable: it could not be asked, or the journal cannot be used: the next call asks again.
    """
    return set() if _is_verified(cache) else send_again(records, journal, cache)


def send_again(records: Records, journal: Journal, cache: Cache) -> set[str]:
    """Ask which of all delivered events the cloud lacks, and send those again; as `send_again_if_due`."""
    item_ids: set[str] = set()
    count = after = 0
    while some := journal.sent(after, MOST_REFERENCES):
        after = some[-1].seq
        lacking = records.lacking([each.event for each in some])
        item_ids |= journal.send_again(lacking) if lacking else set()
        count += len(lacking)
    with _cache_errors():
        cache.verified()
    if count:
        log.warning("the cloud lost %d MPPS events that it had confirmed; they are sent again", count)
    return item_ids


def checked_push(
    push: Exchange,
    records: Records,
    journal: Journal,
    cache: Cache,
    elapsed: Callable[[], float] = monotonic,
) -> Exchange:
    """Return an exchange that pushes, and then sees to what either side lost.

    :param elapsed: seconds, only ever forward.
    """
    retrieval = Retrieval(records, journal)
    asked_at: float | None = None

    def exchange_once() -> bool:
        nonlocal asked_at
        more = push()
        if asked_at is None or elapsed() - asked_at >= _ASK_EVERY_SECONDS or not _is_verified(cache):
            more = bool(send_again(records, journal, cache)) or more
            asked_at = elapsed()
        retrieval.take_back()
        return more

    return exchange_once


class Retrieval:
    """Takes back from the cloud what is missing from a damaged journal; each event is asked for once.

    Also the steps that had not ended when the relay started: meanwhile another relay may have ended them, and
    a journal restored to an older state does not know that something is missing.
    """

    def __init__(self, records: Records, journal: Journal) -> None:
        self._records: Final = records
        self._journal: Final = journal
        self._asked: Final[set[int]] = set()
        self._unfinished: set[str] | None = None

    def take_back(self) -> int:
        """Ask for the steps of what is missing; return how many of the missing events came back.

        :raises Unavailable: the cloud could not be asked, or the journal cannot be used.
        """
        found = 0
        if self._unfinished is None:
            self._unfinished = set(self._journal.in_progress(_MOST_UNFINISHED))
        missing = [event for event in self._journal.missing() if event.seq not in self._asked]
        wanted = {event.sop_instance_uid for event in missing} | self._unfinished
        for uid in sorted(wanted - {""}):
            found += self._journal.give_back(self._records.recorded(uid))
            self._unfinished.discard(uid)
            self._asked.update(event.seq for event in missing if event.sop_instance_uid == uid)
        if found:
            log.warning("%d MPPS events missing from journal.db were delivered; the cloud has them", found)
        return found


def _is_verified(cache: Cache) -> bool:
    with _cache_errors():
        return cache.is_verified()


@contextmanager
def _cache_errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise Unavailable(f"cannot be used: {why(error)}", where="cache.db") from error
