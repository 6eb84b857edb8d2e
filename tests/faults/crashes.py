"""Killing the relay at random moments while scanners report and ask, with the real API on moto behind it.

Each scanner does as scanners do: it begins a step, ends it, asks for its worklist, and sends again what was
not answered. What was answered with Success must be in the cloud in the end: once, in order.
"""

from __future__ import annotations

import math
import random
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from uuid import UUID

from pydicom.dataset import Dataset

from edge_relay.client import scu
from edge_relay.operations.status_socket import ask
from infra.local.stack import LocalStack
from shared.errors import Conflict, MwlError
from shared.steps.procedure_step import EventKind
from tests.faults.nursery import Nursery
from tests.faults.outcome import Outcome

PATIENCE_SECONDS = 60.0
_DELIVERY_SECONDS = 600.0
_LONGEST_LIFE_SECONDS = 3.0
_MOST_REPORTS = 3
_PAUSE_SECONDS = 0.1
_SHARE_IN_START_UP = 0.25
_START_UP_SECONDS = 0.4
_FIRST = (None, None, None, signal.SIGTERM, signal.SIGSTOP)
"""What a relay is sent a moment before SIGKILL."""


@dataclass
class Crashes:
    """What was done and what came of it."""

    kills: int = 0
    in_start_up: int = 0
    reports: int = 0
    queries: int = 0
    unanswered: int = 0
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    out_of_order: list[str] = field(default_factory=list)
    wrong_answers: int = 0
    others: list[str] = field(default_factory=list)
    longest_silence: float = 0.0

    def wrong(self) -> list[str]:
        """Return what must not be, in words."""
        told = [f"lost: {uid}" for uid in self.lost] + [f"twice: {uid}" for uid in self.duplicated]
        told += [f"out of order: {uid}" for uid in self.out_of_order] + self.others
        return told + ([f"{self.wrong_answers} wrong answers"] if self.wrong_answers else [])

    def counted(self) -> Outcome:
        """Return it as the other parts have it."""
        return Outcome(
            "crashes",
            faults=self.kills,
            operations=self.reports + self.queries,
            lost=self.lost,
            duplicated=self.duplicated,
            out_of_order=self.out_of_order,
            wrong_answers=["a list with somebody unknown"] * self.wrong_answers,
            others=self.others,
            longest_silence=self.longest_silence,
            told={
                "killed in start-up": str(self.in_start_up),
                "MPPS acknowledged": str(self.reports),
                "worklists answered": str(self.queries),
                "sent again, unanswered": str(self.unanswered),
            },
        )


def began_of(exam: Dataset) -> Dataset:
    """Return the attribute list of an N-CREATE of a step of an exam, made of the worklist's answer."""
    return scu.step_began(
        study_instance_uid=exam.StudyInstanceUID,
        scheduled_step_id=exam.ScheduledProcedureStepSequence[0].ScheduledProcedureStepID,
        accession_number=exam.AccessionNumber,
        patient_id=str(exam.PatientID),
        patient_name=str(exam.PatientName),
        modality="MR",
        station_aetitle="PRISMA1",
        now=datetime(2026, 11, 22, 9, 31),
    )


def ended_step() -> Dataset:
    """Return the modification list of the N-SET that completes it."""
    return scu.step_completed(datetime(2026, 11, 22, 10, 15), "2.25.5")


class Scanner:
    """One scanner: reports and asks until told to stop."""

    def __init__(self, stack: LocalStack, chance: random.Random, outcome: Crashes) -> None:
        self._stack, self._chance, self._outcome = stack, chance, outcome
        self._stopping = threading.Event()
        self.acknowledged: dict[str, list[EventKind]] = {}
        self._patients = {str(exam.PatientID) for exam in stack.worklist()}
        self._exams = stack.worklist()
        self._heard = time.monotonic()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stopping(self) -> None:
        """Begin nothing more."""
        self._stopping.set()

    def stop(self) -> None:
        """End, after what is under way."""
        self._stopping.set()
        self._thread.join(PATIENCE_SECONDS)

    def _run(self) -> None:
        while not self._stopping.is_set():
            uid = f"2.25.{UUID(int=self._chance.getrandbits(128), version=4).int}"
            exam = self._chance.choice(self._exams)
            began, ended = began_of(exam), ended_step()
            if self._reported(uid, EventKind.N_CREATE, partial(scu.create_step, attributes=began)):
                self._ask()
                self._reported(uid, EventKind.N_SET, partial(scu.set_step, attributes=ended))

    def _reported(self, uid: str, kind: EventKind, send: Callable[..., object]) -> bool:
        while not self._stopping.is_set():
            try:
                # Each relay has a port of its own: where it is, is looked up each time.
                send(self._stack.peer, sop_instance_uid=uid)
            except Conflict:
                pass  # known already: the answer to the first time was lost with the relay
            except MwlError as error:
                if not is_known(error):
                    self._outcome.unanswered += 1
                    time.sleep(_PAUSE_SECONDS)
                    continue
            self._hear()
            self._outcome.reports += 1
            self.acknowledged.setdefault(uid, []).append(kind)
            return True
        return False

    def _ask(self) -> None:
        try:
            answers = self._stack.worklist()
        except MwlError:
            return
        self._hear()
        self._outcome.queries += 1
        self._outcome.wrong_answers += not {str(exam.PatientID) for exam in answers} <= self._patients

    def _hear(self) -> None:
        now = time.monotonic()
        self._outcome.longest_silence = max(self._outcome.longest_silence, now - self._heard)
        self._heard = now


def run(stack: LocalStack, kills: int, scanners: int, seed: int, seconds: float = math.inf) -> Crashes:
    """Kill the relay so often, and no longer than so many seconds, while so many scanners work."""
    outcome, chance = Crashes(), random.Random(seed)
    working = [Scanner(stack, random.Random(seed * 1000 + n), outcome) for n in range(scanners)]
    until = time.monotonic() + seconds
    if stack.relay is not None:
        stack.relay.kill()
    with Nursery(stack.folder) as nursery:
        for scanner in working:
            scanner.start()
        while outcome.kills < kills and time.monotonic() < until:
            _one_life(stack, nursery, outcome, chance)
        for scanner in working:
            scanner.stopping()
    stack.start_relay()
    for scanner in working:
        scanner.stop()
    acknowledged = {uid: kinds for scanner in working for uid, kinds in scanner.acknowledged.items()}
    _compare(stack, acknowledged, outcome)
    return outcome


def _one_life(stack: LocalStack, nursery: Nursery, outcome: Crashes, chance: random.Random) -> None:
    """Start the relay, let it work or not even come to that, and kill it."""
    relay = nursery.relay()
    outcome.kills += 1
    if chance.random() < _SHARE_IN_START_UP:
        time.sleep(chance.uniform(0, _START_UP_SECONDS))
        outcome.in_start_up += 1
    else:
        stack.dicom_port = relay.port()
        _live(outcome, chance)
        how = chance.choice(_FIRST)
        if how is not None:
            relay.send(how)
            time.sleep(chance.uniform(0, _PAUSE_SECONDS))
        if how is signal.SIGSTOP and chance.random() < 0.5:
            relay.send(signal.SIGCONT)
            time.sleep(chance.uniform(0, _PAUSE_SECONDS))
    relay.kill()


def _live(outcome: Crashes, chance: random.Random) -> None:
    """Let the relay take a few reports, so that the kill falls into work, and then a random moment more."""
    enough = outcome.reports + chance.randint(0, _MOST_REPORTS)
    deadline = time.monotonic() + _LONGEST_LIFE_SECONDS
    while outcome.reports < enough and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(chance.uniform(0, 0.1))


def _compare(stack: LocalStack, acknowledged: dict[str, list[EventKind]], outcome: Crashes) -> None:
    """Compare what was acknowledged with what the cloud has, once the relay has nothing left to send."""
    deadline = time.monotonic() + _DELIVERY_SECONDS
    while (waiting := _waiting(stack)) and time.monotonic() < deadline:
        time.sleep(0.2)
    if waiting:
        outcome.others.append(f"{waiting} events still wait for delivery after {_DELIVERY_SECONDS:.0f} s")
    for uid, kinds in acknowledged.items():
        found = _recorded(stack, uid)
        if not set(kinds) <= set(found):
            outcome.lost.append(uid)
        if len(found) > len(set(found)):
            outcome.duplicated.append(uid)
        if found != sorted(found, key=[EventKind.N_CREATE, EventKind.N_SET].index):
            outcome.out_of_order.append(uid)


def _waiting(stack: LocalStack) -> int:
    """Return how many events the relay has still to send."""
    told = ask(stack.folder / "relay")
    return 1 if told is None else told.outbox + told.parked


def _recorded(stack: LocalStack, uid: str) -> list[EventKind]:
    return [event.kind for event in stack.services.steps.events(uid)]


def is_known(error: MwlError) -> bool:
    """Tell whether it was refused because it had been taken before: 0111, or 0110 with A710."""
    return "0111" in str(error) or "may no longer be updated" in str(error)
