"""Killing the relay at random moments while scanners report and ask, with the real API on moto behind it.

Each scanner does as scanners do: it begins a step, ends it, asks for its worklist, and sends again what was
not answered. What was answered with Success must be in the cloud in the end: once, in order, of its exam.
"""

from __future__ import annotations

import math
import random
import signal
import threading
import time
from collections import Counter, defaultdict
from contextlib import closing
from datetime import UTC, datetime
from typing import Final

from edge_relay.health.status import RelayStatus, look
from edge_relay.mpps.journal import Journal
from edge_relay.mpps.journal_losses import Sent
from edge_relay.operations.status_socket import ask
from edge_relay.storage.state_files import JOURNAL_FILE
from infra.local.stack import LocalStack
from shared.feed import FeedItem
from shared.steps.procedure_step import EventKind, ProcedureStepEvent
from tests.faults.nursery import Nursery
from tests.faults.outcome import Outcome
from tests.faults.reporting import Reported, Scanner
from tests.rigs.patience import PATIENCE

_LONGEST_LIFE_SECONDS: Final = 3.0
_MOST_REPORTS: Final = 1
_SHARE_THAT_DELIVERS: Final = 0.04
_PAUSE_SECONDS: Final = 0.1
_SHARE_IN_START_UP: Final = 0.25
_START_UP_SECONDS: Final = 0.4
_FIRST: Final = (None, None, None, signal.SIGTERM, signal.SIGSTOP)
"""What a relay is sent a moment before SIGKILL."""
_STALLED_SECONDS: Final = 3 * PATIENCE
_ORDER: Final = [EventKind.N_CREATE, EventKind.N_SET]
_NOT_RUNNING: Final = "not running"


class _Run:
    """One run: the stack, its scanners, and what is counted."""

    def __init__(self, stack: LocalStack, scanners: int, seed: int) -> None:
        self.stack = stack
        self.chance = random.Random(seed)
        self.outcome = Outcome("crashes")
        self.may_call = threading.Event()
        self.may_call.set()
        self.state = stack.folder / "relay"
        self.in_start_up = self.lives_with_delivery = 0
        self.scanners = [
            Scanner(stack, random.Random(seed * 1000 + number), self.may_call) for number in range(scanners)
        ]

    @property
    def reports(self) -> int:
        """How many reports were acknowledged until now."""
        return sum(scanner.tally.reports for scanner in self.scanners)


def run(stack: LocalStack, kills: int, scanners: int, seed: int, seconds: float = math.inf) -> Outcome:
    """Kill the relay so often, and no longer than so many seconds, while so many scanners work.

    In the end no relay runs: its journal is compared with the cloud's table.
    """
    running = _Run(stack, scanners, seed)
    until = time.monotonic() + seconds
    if stack.relay is not None:
        stack.relay.kill()
    with Nursery(stack.folder) as nursery:
        for scanner in running.scanners:
            scanner.start()
        while running.outcome.faults < kills and time.monotonic() < until:
            _one_life(running, nursery)
        for scanner in running.scanners:
            scanner.stopping()
    stack.start_relay()
    running.may_call.set()
    for scanner in running.scanners:
        scanner.stop()
    _count(running)
    _compare(running)
    return running.outcome


def _one_life(running: _Run, nursery: Nursery) -> None:
    """Start the relay, let it work or not even come to that, and kill it; the status must say so."""
    chance = running.chance
    relay = nursery.relay()
    running.outcome.faults += 1
    in_start_up = chance.random() < _SHARE_IN_START_UP
    if in_start_up:
        time.sleep(chance.uniform(0, _START_UP_SECONDS))
        running.in_start_up += 1
    else:
        running.stack.dicom_port = relay.port()
        running.may_call.set()
        _live(running)
        how = chance.choice(_FIRST)
        if how is not None:
            relay.send(how)
            time.sleep(chance.uniform(0, _PAUSE_SECONDS))
        if how is signal.SIGSTOP and chance.random() < 0.5:
            relay.send(signal.SIGCONT)
            time.sleep(chance.uniform(0, _PAUSE_SECONDS))
    running.may_call.clear()
    relay.kill()
    said = "; ".join(look(running.state, datetime.now(UTC)).problems)
    if _NOT_RUNNING in said:
        running.outcome.named += 1
    else:
        running.outcome.unnamed.append(f"kill {running.outcome.faults}: the status says {said or 'nothing'}")


def _live(running: _Run) -> None:
    """Let the relay take a few reports, so that the kill falls into work, and then a random moment more.

    Most lives end before a call with many events does: some are long enough for all to be delivered.
    """
    enough = running.reports + running.chance.randint(0, _MOST_REPORTS)
    deadline = time.monotonic() + _LONGEST_LIFE_SECONDS
    while running.reports < enough and time.monotonic() < deadline:
        time.sleep(0.005)
    if running.chance.random() < _SHARE_THAT_DELIVERS:
        _let_deliver(running)
    time.sleep(running.chance.uniform(0, 0.1))


def _let_deliver(running: _Run) -> None:
    """Let the scanners pause until the relay has nothing left to send, if that comes soon."""
    running.may_call.clear()
    first, deadline = _left(_told(running)), time.monotonic() + PATIENCE
    while (left := _left(_told(running))) and time.monotonic() < deadline:
        time.sleep(0.05)
    running.lives_with_delivery += left < first


def _count(running: _Run) -> None:
    outcome, tallies = running.outcome, [scanner.tally for scanner in running.scanners]
    queries = sum(tally.queries for tally in tallies)
    outcome.operations = running.reports + queries
    outcome.wrong_answers += [wrong for tally in tallies for wrong in tally.wrong_answers]
    outcome.longest_silence = max(tally.longest_silence for tally in tallies)
    outcome.told |= {
        "killed in start-up": f"{running.in_start_up:,}",
        "killed after some was delivered": f"{running.lives_with_delivery:,}",
        "MPPS acknowledged": f"{running.reports:,}",
        "worklists answered": f"{queries:,}",
        "sent again, unanswered": f"{sum(tally.unanswered for tally in tallies):,}",
    }


def _compare(running: _Run) -> None:
    """Compare what was acknowledged with what the cloud has, once the relay has nothing left to send."""
    outcome, stack = running.outcome, running.stack
    _deliver(running)
    rows = stack.services.worklist.rows_after(stack.definition.site, 0, 500)[0]
    exams = {row.item.study_instance_uid: row.item.id for row in rows if isinstance(row, FeedItem)}
    recorded: dict[str, list[ProcedureStepEvent]] = {}
    if stack.relay is not None:
        stack.relay.stop()
    waiting = _waiting(running)
    for scanner in running.scanners:
        for uid, reported in scanner.tally.acknowledged.items():
            recorded[uid] = stack.services.steps.events(uid)
            item_id = exams[reported.study_instance_uid]
            _compare_step(uid, reported, recorded[uid], waiting[uid], item_id, outcome)
    _compare_journal(running, recorded)


def _waiting(running: _Run) -> dict[str, list[str]]:
    """Return what is in the journal and not delivered yet, by step: it is late, and not lost."""
    found = defaultdict[str, list[str]](list)
    with closing(Journal(running.state / JOURNAL_FILE)) as journal:
        for each in journal.open_events():
            found[each.sop_instance_uid].append(each.kind)
    return found


def _compare_step(
    uid: str,
    reported: Reported,
    events: list[ProcedureStepEvent],
    waiting: list[str],
    item_id: str,
    outcome: Outcome,
) -> None:
    found = [event.kind for event in events]
    outcome.lost += [f"{uid} {kind}" for kind in reported.kinds if kind not in [*found, *waiting]]
    outcome.duplicated += [f"{uid} {kind}" for kind, count in Counter(found).items() if count > 1]
    if found != sorted(found, key=_ORDER.index):
        outcome.out_of_order.append(uid)
    outcome.wrong_answers += [
        f"{uid} was recorded with exam {', '.join(event.linked()) or 'none'}, and was of {item_id}"
        for event in events
        if event.linked() != (item_id,)
    ]


def _compare_journal(running: _Run, recorded: dict[str, list[ProcedureStepEvent]]) -> None:
    """Compare the relay's journal with what the cloud has, event by event."""
    outcome = running.outcome
    with closing(Journal(running.state / JOURNAL_FILE)) as journal:
        delivered = {str(each.event.event_id): str(each.event.sop_instance_uid) for each in _sent(journal)}
        late = journal.open_events()
        outcome.others += [
            f"in the journal as {each.state}: {each.sop_instance_uid} {each.kind} {each.reason}"
            for each in late
        ]
        outcome.others += [f"missing from the journal: {each.event_id}" for each in journal.missing()]
    there = {str(event.event_id): uid for uid, events in recorded.items() for event in events}
    outcome.lost += [
        f"{uid}: {event_id} is delivered, says the journal, and the cloud does not have it"
        for event_id, uid in delivered.items()
        if uid in recorded and event_id not in there
    ]
    outcome.others += [
        f"{uid}: the cloud has {event_id}, and the journal does not"
        for event_id, uid in there.items()
        if event_id not in delivered and event_id not in {each.event_id for each in late}
    ]
    outcome.told["events compared, journal with cloud"] = f"{len(delivered):,}"


def _sent(journal: Journal) -> list[Sent]:
    found: list[Sent] = []
    while some := journal.sent(found[-1].seq if found else 0, 500):
        found += some
    return found


def _deliver(running: _Run) -> None:
    """Wait until the relay has nothing left to send, and nothing to complain of; as long as it gets on."""
    began_at = heard_at = time.monotonic()
    told = _told(running)
    first = left = _left(told)
    while (told is None or left or told.problems) and time.monotonic() < heard_at + _STALLED_SECONDS:
        time.sleep(0.1)
        told = _told(running)
        if _left(told) < left:
            left, heard_at = _left(told), time.monotonic()
    running.outcome.told["waiting after the last kill"] = f"{first:,}"
    running.outcome.told["delivered after it within"] = f"{time.monotonic() - began_at:.0f} s"
    if left:
        running.outcome.others.append(
            f"{left} events wait, and none was delivered for {_STALLED_SECONDS:.0f} s"
        )
    said = "; ".join(told.problems) if told else "nothing"
    if told is None or told.problems:
        running.outcome.wrong_answers.append(f"after the last kill the status says: {said}")


def _told(running: _Run) -> RelayStatus | None:
    return ask(running.state)


def _left(told: RelayStatus | None) -> float:
    if told is None or told.outbox is None or told.parked is None:
        return math.inf
    return told.outbox + told.parked
