"""A scanner at a relay that is killed again and again: it reports, asks, repeats what was not answered."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

from pydicom.dataset import Dataset

from edge_relay.client import scu
from infra.local.stack import LocalStack
from shared.errors import Conflict, MwlError
from shared.steps.procedure_step import EventKind
from tests.rigs.patience import PATIENCE

_PAUSE_SECONDS: Final = 0.1
Shown = tuple[str, str, str]


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


def is_known(error: MwlError) -> bool:
    """Tell whether it was refused because it had been taken before: 0111, or 0110 with A710."""
    return "0111" in str(error) or "may no longer be updated" in str(error)


@dataclass
class Reported:
    """What was acknowledged of one step: of which study, and which services in order."""

    study_instance_uid: str
    kinds: list[EventKind] = field(default_factory=list)


@dataclass
class Tally:
    """What one scanner did. Only its own thread writes here."""

    reports: int = 0
    queries: int = 0
    unanswered: int = 0
    wrong_answers: list[str] = field(default_factory=list)
    longest_silence: float = 0.0
    acknowledged: dict[str, Reported] = field(default_factory=dict)


class Scanner:
    """Reports and asks until told to stop.

    :param may_call: set while there is a relay to call, so that nobody tries in vain all the time.
    """

    def __init__(self, stack: LocalStack, chance: random.Random, may_call: threading.Event) -> None:
        self.tally: Final = Tally()
        self._stack, self._chance, self._may_call = stack, chance, may_call
        self._stopping = threading.Event()
        self._exams = stack.worklist()
        self._all = {_shown(exam) for exam in self._exams}
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
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._may_call.wait(PATIENCE)
            uid = f"2.25.{UUID(int=self._chance.getrandbits(128), version=4).int}"
            exam = self._chance.choice(self._exams)
            began, ended = began_of(exam), ended_step()
            study = str(exam.StudyInstanceUID)
            if self._report(uid, study, EventKind.N_CREATE, partial(scu.create_step, attributes=began)):
                self._ask()
                self._report(uid, study, EventKind.N_SET, partial(scu.set_step, attributes=ended))

    def _report(self, uid: str, study: str, kind: EventKind, send: Callable[..., object]) -> bool:
        while not self._stopping.is_set():
            try:
                # Each relay has a port of its own: where it is, is looked up each time.
                send(self._stack.peer, sop_instance_uid=uid)
            except Conflict:
                pass  # known already: the answer to the first time was lost with the relay
            except MwlError as error:
                if not is_known(error):
                    self.tally.unanswered += 1
                    self._stopping.wait(_PAUSE_SECONDS)
                    self._may_call.wait(PATIENCE)
                    continue
            self._hear()
            self.tally.acknowledged.setdefault(uid, Reported(study)).kinds.append(kind)
            self.tally.reports += 1
            return True
        return False

    def _ask(self) -> None:
        try:
            answers = self._stack.worklist()
        except MwlError:
            return
        self._hear()
        self.tally.queries += 1
        strangers = {_shown(exam) for exam in answers} - self._all
        self.tally.wrong_answers += [f"shown, and not on the list: {uid}" for _, _, uid in strangers]

    def _hear(self) -> None:
        now = time.monotonic()
        self.tally.longest_silence = max(self.tally.longest_silence, now - self._heard)
        self._heard = now


def _shown(exam: Dataset) -> Shown:
    return str(exam.PatientID), str(exam.PatientName), str(exam.StudyInstanceUID)
