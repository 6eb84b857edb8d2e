"""The step intake: N-CREATE, N-SET and N-GET, one after the other on one thread, answered from the disk.

Whatever was submitted while the last commit was under way shares the next one. A message is answered only
after its commit has reached the disk; what one message is refused for undoes none of the others. Messages
keep the order they were submitted in. Every message is answered, whatever happens:

    0000, 0001   done; 0001 if N-GET asked for attributes that are not held     PS3.4 Table F.8.2-2
    0105 - 0121  what the message or the state machine is refused for           PS3.7 Annex C
    0110         the attribute list cannot be decoded, or a fault of ours
    0213         the journal cannot be written, or too much is waiting: to be sent again
"""

from __future__ import annotations

import logging
import sqlite3
import traceback
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import groupby
from threading import Condition, Thread
from typing import Final, Literal, Protocol
from uuid import UUID

from edge_relay.dicom.json_model import decode_counted, encode, selected
from edge_relay.dicom.reference_lists import ReferenceList
from edge_relay.mpps import event as mpps
from edge_relay.mpps import links as step_links
from edge_relay.mpps.journal import Batch, Journal
from shared.dicom.dimse_status import (
    NO_SUCH_SOP_INSTANCE,
    NOT_ALL_ATTRIBUTES,
    PROCESSING_FAILURE,
    RESOURCE_LIMITATION,
    SUCCESS,
)
from shared.errors import Rejected, Unavailable
from shared.steps.event_body import carried
from shared.steps.procedure_step import DataSetJson, EventKind, ProcedureStepEvent, Refusal, Step, StepStatus
from shared.steps.step_dataset import merged

log = logging.getLogger(__name__)

MOST_WAITING: Final = 256
_SURELY_CARRIED: Final = 16_384  # bytes: as JSON it is some four times as long
_OF_ONE_EVENT: Final = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError)


@dataclass(frozen=True, slots=True)
class StepRequest:
    """One message of a scanner.

    :param sop_instance_uid: empty if an N-CREATE leaves it to us.
    :param data: the encoded attribute or modification list; empty for N-GET.
    :param implicit: the transfer syntax is implicit VR little endian, else explicit.
    :param strict: the scanner's profile wants what the standard does not allow refused.
    :param tags: N-GET's Attribute Identifier List; empty asks for all.
    """

    kind: Literal["N-CREATE", "N-SET", "N-GET"]
    sop_instance_uid: str
    data: bytes
    implicit: bool
    calling_aetitle: str
    strict: bool
    tags: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class StepAnswer:
    """What the scanner is answered.

    :param comment: Error Comment (0000,0902); the command set's encoder cuts it to 64 ASCII characters.
    :param error_id: Error ID (0000,0903).
    :param sop_instance_uid: the step's, also if we made it.
    :param data: N-GET's attribute list, encoded as the request was.
    :param item_count: how many worklist items the step is linked to.
    """

    status: int
    comment: str = ""
    error_id: int | None = None
    sop_instance_uid: str = ""
    data: bytes | None = None
    item_count: int = 0


@dataclass(frozen=True, slots=True)
class _Job:
    request: StepRequest
    future: Future[StepAnswer]
    looked_up: bool = False


@dataclass(frozen=True, slots=True)
class _Message:
    """A request as far as it can be judged without the journal."""

    event: ProcedureStepEvent
    item_ids: tuple[str, ...]
    lists: tuple[ReferenceList, ...] = ()


class Elsewhere(Protocol):
    """Finds steps that are not known here; `edge_relay.exchange.step_finder.StepFinder` is one."""

    def look_up(self, sop_instance_uid: str, done: Callable[[], None]) -> bool:
        """Bring a step into the journal if it is known elsewhere, then call ``done``; False if it cannot."""


class StepIntake:
    """Takes the MPPS messages of all scanners.

    :param elsewhere: where steps are looked for that the journal does not know.
    :param now: the time by the cloud's clock, aware, UTC.
    :param new_uuid: makes a random UUID, for event ids and for SOP instances left to us.
    """

    def __init__(
        self,
        journal: Journal,
        worklist: step_links.Worklist,
        *,
        now: Callable[[], datetime],
        new_uuid: Callable[[], UUID],
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self._elsewhere: Final = elsewhere
        self._journal: Final = journal
        self._worklist: Final = worklist
        self._now: Final = now
        self._new_uuid: Final = new_uuid
        self._waiting: Final[deque[_Job]] = deque()
        self._changed: Final = Condition()
        self._stopping = False
        self._thread: Final = Thread(target=self._run, name="step-intake", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def submit(self, request: StepRequest) -> Future[StepAnswer]:
        """Return the answer to come. It always comes, at once if too much is waiting or we are stopping.

        A request whose future is cancelled before its turn is left out.
        """
        job = _Job(request, Future())
        with self._changed:
            taken = not self._stopping and len(self._waiting) < MOST_WAITING
            if taken:
                self._waiting.append(job)
                self._changed.notify()
        if not taken:
            job.future.set_result(StepAnswer(RESOURCE_LIMITATION, "too busy at the moment, send it again"))
        return job.future

    def stop(self, timeout: float) -> bool:
        """Finish what was submitted; return whether that was done within the time given, in seconds."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while jobs := self._next():
            live = [job for job in jobs if job.looked_up or job.future.set_running_or_notify_cancel()]
            for reading, run in groupby(live, lambda job: job.request.kind == "N-GET"):
                group = list(run)
                answers = map(self._get, group) if reading else self._record(group)
                for job, answer in zip(group, answers, strict=True):
                    if answer.status != NO_SUCH_SOP_INSTANCE or not self._is_looked_up(job):
                        job.future.set_result(answer)

    def _is_looked_up(self, job: _Job) -> bool:
        """Tell whether a step that is not known here is looked for elsewhere first."""
        if job.looked_up or self._elsewhere is None:
            return False
        again = replace(job, looked_up=True)
        return self._elsewhere.look_up(job.request.sop_instance_uid, lambda: self._submit_again(again))

    def _submit_again(self, job: _Job) -> None:
        with self._changed:
            taken = not self._stopping
            if taken:
                self._waiting.append(job)
                self._changed.notify()
        if not taken:
            job.future.set_result(StepAnswer(RESOURCE_LIMITATION, "stopping, send it again"))

    def _next(self) -> list[_Job]:
        """Return all that is waiting, as soon as there is any; nothing once stopped and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopping)
            jobs = list(self._waiting)
            self._waiting.clear()
        return jobs

    def _record(self, jobs: list[_Job]) -> Iterable[StepAnswer]:
        """Journal messages with one commit; return their answers once it has reached the disk."""
        messages = [self._read(job.request) for job in jobs]
        if not any(isinstance(message, _Message) for message in messages):
            return [message for message in messages if isinstance(message, StepAnswer)]
        try:
            with self._journal.batch() as batch:
                answers = [
                    message if isinstance(message, StepAnswer) else _appended(batch, job.request, message)
                    for job, message in zip(jobs, messages, strict=True)
                ]
        except Exception as error:  # noqa: BLE001  nothing of it is on the disk: none may be told it was
            return [_failure(error, job.request) for job in jobs]
        for uid in sorted(batch.superseded):
            log.warning("step %s was never ended, a later one of its scanner was: it counts no more", uid)
        return answers

    def _read(self, request: StepRequest) -> _Message | StepAnswer:
        try:
            attributes, unread, lists = decode_counted(request.data, implicit=request.implicit)
        except Rejected as error:
            said = f"the attribute list cannot be decoded: {error}"
            return StepAnswer(PROCESSING_FAILURE, said)
        except Exception as error:  # noqa: BLE001  a scanner's bytes must not end the thread
            return _failure(error, request)
        try:
            kind = EventKind(request.kind)
            made = f"2.25.{self._new_uuid().int}" if kind is EventKind.N_CREATE else ""
            event = mpps.event_from(
                kind,
                request.sop_instance_uid or made,
                attributes,
                strict=request.strict,
                calling_aetitle=request.calling_aetitle,
                received_at=self._now(),
                event_id=self._new_uuid().hex,
            )
            if isinstance(event, Refusal):
                return _refused(event)
            event = mpps.with_warnings(event, unread)
            if len(request.data) > _SURELY_CARRIED:
                carried(event)  # what the cloud will not take must not be answered with Success
            item_ids: tuple[str, ...] = ()
            if kind is EventKind.N_CREATE:
                event, item_ids = self._linked(event)
            return _Message(event, item_ids, lists)
        except Rejected as error:
            return StepAnswer(PROCESSING_FAILURE, f"the attribute list cannot be kept: {error}")
        except Exception as error:  # noqa: BLE001  as above
            return _failure(error, request)

    def _linked(self, event: ProcedureStepEvent) -> tuple[ProcedureStepEvent, tuple[str, ...]]:
        """Return the event and the items it is of; without any if the cache cannot be read."""
        try:
            item_ids, by_study_alone = step_links.links(event.dataset, self._worklist)
            candidate = None if item_ids else step_links.inferred(event.dataset, self._worklist)
        except (sqlite3.Error, Unavailable) as error:
            log.warning("the cache could not be read to link a step (%s)", type(error).__name__)
            return mpps.with_warnings(event, ["not linked: the worklist could not be read"]), ()
        if candidate is not None:
            said = f"not linked; inferred candidate by patient, modality and day: item {candidate}"
            event = mpps.with_warnings(event, [said])
        if by_study_alone:
            said = "linked by the study alone, the step id is another: item " + ", ".join(by_study_alone)
            event = mpps.with_warnings(event, [said])
        return event, item_ids

    def _get(self, job: _Job) -> StepAnswer:
        request = job.request
        try:
            asked = {f"{tag:08X}" for tag in request.tags}
            found = self._journal.attribute_list(request.sop_instance_uid, asked)
            if found is None:
                return StepAnswer(NO_SUCH_SOP_INSTANCE, "no such performed procedure step is held")
            attributes, held = found
            lacking: tuple[int, ...] = ()
            if request.tags:
                attributes, lacking = selected(attributes, request.tags)
            return StepAnswer(
                NOT_ALL_ATTRIBUTES if lacking else SUCCESS,
                "some attributes asked for are not held" if lacking else "",
                sop_instance_uid=request.sop_instance_uid,
                data=encode(
                    attributes,
                    implicit=request.implicit,
                    lists=[each for tag in sorted(attributes) for each in held.get(tag, ())],
                ),
            )
        except Exception as error:  # noqa: BLE001  as above
            return _failure(error, request)


def _appended(batch: Batch, request: StepRequest, message: _Message) -> StepAnswer:
    try:
        return _append(batch, request, message)
    except _OF_ONE_EVENT as error:
        return _failure(error, request)
    except sqlite3.Error:
        raise  # the disk: it concerns all of the batch
    except Exception as error:  # noqa: BLE001  a fault of this event alone
        return _failure(error, request)


def _append(batch: Batch, request: StepRequest, message: _Message) -> StepAnswer:
    event = message.event
    step = batch.append(event, message.item_ids, message.lists, partial(_judged, batch, request))
    if isinstance(step, Refusal):
        return _refused(step)
    return StepAnswer(SUCCESS, sop_instance_uid=event.sop_instance_uid, item_count=len(step.item_ids))


def _judged(
    batch: Batch, request: StepRequest, event: ProcedureStepEvent, after: Step
) -> ProcedureStepEvent | Refusal:
    """Return an event with all its warnings, or the refusal if it ends a step that lacks something."""
    if after.status is not StepStatus.IN_PROGRESS:
        held, strict = _held(batch, event.sop_instance_uid), request.strict
        attributes = merged(held or {}, event.dataset)
        judged = mpps.ended(event, after, attributes, strict=strict and held is not None)
        if isinstance(judged, Refusal):
            return judged
        event = judged
    if event.warnings:
        log.warning("%s of %s has mistakes: %s", request.kind, request.calling_aetitle, _in_one(event))
    return event


def _held(batch: Batch, sop_instance_uid: str) -> DataSetJson | None:
    """Return what a step was said to have so far; None if its records do not tell, which is not its fault."""
    try:
        return batch.attributes(sop_instance_uid)
    except Rejected:
        return None


def _in_one(event: ProcedureStepEvent) -> str:
    return "; ".join(event.warnings)


def _refused(refusal: Refusal) -> StepAnswer:
    return StepAnswer(refusal.status, refusal.comment, refusal.error_id)


def _failure(error: Exception, request: StepRequest) -> StepAnswer:
    """Return the answer to a failure; a surprise is logged by its place, as its message could hold data."""
    if isinstance(error, (Unavailable, sqlite3.Error)) and not isinstance(error, _OF_ONE_EVENT):
        return StepAnswer(RESOURCE_LIMITATION, "the step cannot be stored at the moment, send it again")
    place = traceback.extract_tb(error.__traceback__)[-1:]
    where = f" at {place[0].name}:{place[0].lineno}" if place else ""
    log.error(
        "%s of %s: internal fault %s%s", request.kind, request.calling_aetitle, type(error).__name__, where
    )
    return StepAnswer(PROCESSING_FAILURE, "internal fault")
