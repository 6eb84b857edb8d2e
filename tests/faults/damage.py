"""Torn, flipped, zeroed and stale bytes in journal.db, cache.db and their ``-wal``, and what comes of them.

Each trial copies the files as a crash leaves them, harms one at one place, and opens it as the relay does.

status     each time it names what was found, and says nothing if nothing was
journal    what was acknowledged is delivered as it was, or named: as missing, as damaged, or because the
           journal as a whole is refused
cache      what is shown is as it was at the cursor the cache says it has; what is left out is listed
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

from edge_relay.exchange.portion import Portion
from edge_relay.exchange.push import push_once
from edge_relay.health.loop_health import LoopHealth
from edge_relay.health.report import HealthReport
from edge_relay.health.status import look
from edge_relay.mpps.journal import Journal
from edge_relay.worklist.cache import Cache
from edge_relay.worklist.row import blob_of
from shared.errors import Unavailable
from shared.feed import FeedItem, FeedPage, Tombstone
from shared.steps.procedure_step import EventResult, ProcedureStepEvent
from shared.worklist_item import WorklistItem
from tests.faults.outcome import Outcome
from tests.rigs.mpps import began, completed, event
from tests.rigs.relay import item

_STEPS: Final = 6
_ITEMS: Final = 60
_BLOCK: Final = 512
_CANNOT_BE_USED: Final = "MPPS reports cannot be stored|the journal cannot be read"
_SHOWN: Final = "SELECT item_id, elements FROM items WHERE elements IS NOT NULL"

Harm = Callable[[bytearray, Random], None]


def _flip(content: bytearray, chance: Random) -> None:
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)


def _tear(content: bytearray, chance: Random) -> None:
    del content[chance.randrange(len(content)) :]


def _zero(content: bytearray, chance: Random) -> None:
    _overwrite(content, chance, bytes(_BLOCK))


def _garble(content: bytearray, chance: Random) -> None:
    _overwrite(content, chance, chance.randbytes(_BLOCK))


def _stale(content: bytearray, chance: Random) -> None:
    at = _block(content, chance)
    _overwrite(content, chance, bytes(content[at : at + _BLOCK]))


def _block(content: bytearray, chance: Random) -> int:
    return chance.randrange(max(1, len(content) // _BLOCK)) * _BLOCK


def _overwrite(content: bytearray, chance: Random, block: bytes) -> None:
    at = _block(content, chance)
    room = len(content) - at
    content[at : at + len(block)] = block[:room]


HARMS: Final[tuple[Harm, ...]] = (_flip, _flip, _tear, _zero, _garble, _stale)


class _Cloud:
    """Takes everything, and notes it."""

    def __init__(self) -> None:
        self.taken: list[ProcedureStepEvent] = []

    def push(self, events: Sequence[ProcedureStepEvent]) -> list[EventResult]:
        self.taken += events
        return [EventResult(event_id=each.event_id, outcome="recorded") for each in events]


class _Trial(NamedTuple):
    folder: Path
    name: str
    chance: Random

    def harm(self) -> str:
        """Harm the file at one place; return how."""
        path = self.folder / self.name
        content = bytearray(path.read_bytes())
        harm = self.chance.choice(HARMS)
        if content:
            harm(content, self.chance)
        path.write_bytes(content)
        return f"{self.name}, {harm.__name__[1:]}"


def run(folder: Path, trials: int, seed: int) -> Outcome:
    """Harm the files so often; return what came of it."""
    outcome, chance = Outcome("damaged files"), Random(seed)
    journal, cache = folder / "left journal", folder / "left cache"
    acknowledged, truths = _journal(journal), _cache(cache)
    for file in cache.iterdir():
        shutil.copy(file, journal)
    Journal(cache / "journal.db").close()
    for number in range(trials):
        names = ("journal.db", "journal.db-wal", "cache.db", "cache.db-wal")
        name = names[number % len(names)]
        trial = _Trial(folder / "trial", name, Random(chance.getrandbits(64)))
        shutil.copytree(journal if name.startswith("journal") else cache, trial.folder)
        how = f"trial {number} ({trial.harm()})"
        outcome.faults += 1
        if name.startswith("journal"):
            _try_journal(trial.folder / "journal.db", acknowledged, how, outcome)
        else:
            _try_cache(trial.folder / "cache.db", truths, how, outcome)
        shutil.rmtree(trial.folder)
    return outcome


def _journal(left: Path) -> list[ProcedureStepEvent]:
    """Leave a journal in a folder as a crash does; return the events it had acknowledged."""
    opened = left.with_name("open journal")
    opened.mkdir(parents=True)
    acknowledged: list[ProcedureStepEvent] = []
    journal = Journal(opened / "journal.db")
    for number in range(_STEPS):
        for given in (
            event(10 * number + 1, began(), f"2.25.{number}"),
            event(10 * number + 2, completed(), f"2.25.{number}"),
        ):
            journal.append(given, ["a"])
            acknowledged.append(given.model_copy(update={"item_id": "a", "item_ids": ("a",)}))
        if number == _STEPS // 3:
            journal.checkpoint()
    shutil.copytree(opened, left, dirs_exist_ok=True)
    journal.close()
    return acknowledged


def _try_journal(path: Path, acknowledged: list[ProcedureStepEvent], how: str, outcome: Outcome) -> None:
    cloud = _Cloud()
    with closing(Journal(path)) as journal:
        if journal.problem:
            _count(outcome, "journals refused as a whole, and said so")
            _ask_status(path, how, outcome, _CANNOT_BE_USED, journal.problem)
            return
        try:
            while push_once(cloud, journal, Portion(50)).delivered:
                outcome.operations += 1
            parked = {each.event_id for each in journal.open_events()}
            missing = journal.missing()
        except Unavailable:
            _count(outcome, "journals found damaged in use, and said so")
            _ask_status(path, how, outcome, _CANNOT_BE_USED, journal.problem)
            return
        words = ["missing from the journal"] * bool(missing) + ["parked: "] * bool(parked)
        _ask_status(path, how, outcome, "|".join(words), journal.problem)
    named = parked | {each.event_id for each in missing}
    true = {each.event_id: each for each in acknowledged}
    # The id itself may be what was harmed: the event is set apart, and told by what its id is now.
    nameless = sum(each not in true for each in parked) + sum(not each.event_id for each in missing)
    outcome.wrong_answers += [
        f"{how}: an event was sent changed" for each in cloud.taken if true.get(each.event_id) != each
    ]
    sent = [each.event_id for each in cloud.taken]
    outcome.duplicated += [f"{how}: {each}" for each in set(sent) if sent.count(each) > 1]
    silent = [each for each in true if each not in sent and each not in named]
    outcome.lost += [f"{how}: {each}" for each in silent[nameless:]]
    for uid in {each.sop_instance_uid for each in cloud.taken}:
        kinds = [each.kind for each in cloud.taken if each.sop_instance_uid == uid]
        if kinds != sorted(kinds):
            outcome.out_of_order.append(f"{how}: {uid}")


def _ask_status(path: Path, how: str, outcome: Outcome, words: str, journal_problem: str = "") -> None:
    """See that the status names what was found, with these words; without any, that it says nothing."""
    now = datetime.now(UTC)
    report = HealthReport(
        pid=os.getpid(),
        started_at=now - timedelta(hours=1),
        written_at=now,
        address="a port",
        pull=LoopHealth(succeeded_at=now),
        journal=LoopHealth(failure=journal_problem),
    )
    said = "; ".join(look(path.parent, now, report).problems)
    if not words:
        outcome.wrong_answers += [f"{how}: nothing was found, and the status says: {said}"] if said else []
    elif re.search(words, said):
        outcome.named += 1
    else:
        outcome.unnamed.append(f"{how}: {words}: the status says {said or 'nothing'}")


def _count(outcome: Outcome, what: str) -> None:
    outcome.told[what] = str(int(outcome.told.get(what, "0")) + 1)


Truth = dict[str, bytes]


def _cache(left: Path) -> dict[str, Truth]:
    """Leave a cache in a folder as a crash does; return by cursor what it held."""
    opened = left.with_name("open cache")
    opened.mkdir(parents=True)
    first = {f"i{n}": item(f"i{n}", patient_name=f"Name{n}^X", patient_id=f"P{n}") for n in range(_ITEMS)}
    changed = {
        f"i{n}": item(f"i{n}", patient_name=f"Changed{n}^X", patient_id=f"P{n}") for n in range(_ITEMS // 3)
    }
    gone = [f"i{_ITEMS - 1}", f"i{_ITEMS - 2}"]
    cache = Cache(opened / "cache.db")
    cache.begin_snapshot()
    cache.apply_page(_page(first, 1, "c1", snapshot=True), "t1")
    cache._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    cache.apply_page(_page(changed, 1000, "c2", gone=gone), "t2")
    shutil.copytree(opened, left, dirs_exist_ok=True)
    cache.close()
    after = {key: each for key, each in (first | changed).items() if key not in gone}
    return {"c1": _blobs(first), "c2": _blobs(after)}


def _page(
    items: dict[str, WorklistItem],
    seq: int,
    cursor: str,
    *,
    snapshot: bool = False,
    gone: list[str] | None = None,
) -> FeedPage:
    return FeedPage(
        epoch="e",
        snapshot=snapshot,
        items=tuple(FeedItem(feed_seq=seq + n, item=each) for n, each in enumerate(items.values())),
        tombstones=tuple(Tombstone(feed_seq=seq + 500 + n, id=each) for n, each in enumerate(gone or [])),
        cursor=cursor,
        next=cursor,
        more=False,
    )


def _blobs(items: dict[str, WorklistItem]) -> Truth:
    return {key: blob_of(each)[0] for key, each in items.items()}


def _try_cache(path: Path, truths: dict[str, Truth], how: str, outcome: Outcome) -> None:
    with closing(Cache(path)) as cache, closing(cache.reader()) as reader:
        cache.ensure_on_disk()
        cursor = cache.bookmark().cursor
        left_out = {each.item_id for each in cache.unreadable()}
        words = "cannot be read: " if left_out else ""
        try:
            shown = {row[0]: row[1] for chunk in reader.chunks(_SHOWN) for row in chunk}
        except Unavailable:
            _count(outcome, "caches begun anew")
            shown, words = {}, "there is no worklist"
        outcome.operations += 1
        _ask_status(path, how, outcome, words)
    possible = [truths[cursor]] if cursor in truths else list(truths.values())
    for key, blob in shown.items():
        if not any(truth.get(key) == blob for truth in possible):
            outcome.wrong_answers.append(f"{how}: {key} is shown, and is not so")
    if cursor in truths:
        outcome.lost += [f"{how}: {key}" for key in truths[cursor].keys() - shown.keys() - left_out]
