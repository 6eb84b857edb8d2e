"""The DICOM services: which handler answers which request, and which outcome becomes which DIMSE status.

    C-ECHO     Verification              0000
    C-FIND     Modality Worklist         FF00/FF01 a match, 0000 the end, FE00 cancelled   PS3.4 K.4.1.1.4
    N-CREATE   Performed Procedure Step  0000, or what the state machine refuses with      PS3.4 F.7.2.1
    N-SET      Performed Procedure Step  0000, or what the state machine refuses with      PS3.4 F.7.2.2
    N-GET      MPPS Retrieve             0000, 0001 some attributes not held, 0112         PS3.4 F.8.2.1

No handler lets an exception out: `FIND_FAULTS` says what each becomes, the step intake answers for the
others. What a scanner did is logged by AE title and count, never by identifier.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from time import monotonic
from typing import Final, Literal, Protocol

from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    ModalityPerformedProcedureStep,
    ModalityPerformedProcedureStepRetrieve,
    ModalityWorklistInformationFind,
    Verification,
)

from edge_relay.health.rare_log import RareLog
from edge_relay.health.report import Health
from edge_relay.mpps.intake import StepAnswer, StepRequest
from edge_relay.services.admission import Admission
from edge_relay.upper_layer.command import CommandField
from edge_relay.upper_layer.message import Request
from edge_relay.upper_layer.negotiation import Proposal, Rejection
from edge_relay.upper_layer.operation import Operation, Response
from edge_relay.worklist.finding import find
from edge_relay.worklist.overlay import Overlay
from edge_relay.worklist.reader import WorklistReader
from shared.dicom.dimse_status import (
    CANCELLED,
    IDENTIFIER_DOES_NOT_MATCH,
    NO_SUCH_SOP_CLASS,
    OUT_OF_RESOURCES,
    PENDING,
    PENDING_INCOMPLETE,
    SOP_CLASS_NOT_SUPPORTED,
    SUCCESS,
    UNABLE_TO_PROCESS,
    UNRECOGNIZED_OPERATION,
)
from shared.errors import MwlError, Rejected, Unavailable

log = logging.getLogger(__name__)

Faults = tuple[tuple[type[Exception], int, str], ...]
FIND_FAULTS: Final[Faults] = (  # first match wins; PS3.4 Table K.4-1
    (Rejected, IDENTIFIER_DOES_NOT_MATCH, "identifier: {}"),
    (Unavailable, OUT_OF_RESOURCES, "{}"),
    (sqlite3.Error, OUT_OF_RESOURCES, "the worklist cannot be read at the moment"),
    (Exception, UNABLE_TO_PROCESS, "internal fault"),
)


class Steps(Protocol):
    """Takes MPPS messages; `edge_relay.mpps.intake.StepIntake` is one."""

    def submit(self, request: StepRequest) -> Future[StepAnswer]:
        """Return the answer to come; it always comes."""


@dataclass(frozen=True)
class Services:
    """What the handlers work with.

    :param admission: who may connect, and the profile of each.
    :param worklist: the cache, as the event loop's thread reads it.
    :param overlay: the statuses the journal knows better than the cache, by item id.
    :param today: the scanners' date.
    :param shown: notes which items a scanner is shown, by their ids.
    :param old: says how old the worklist is, if it is too old; else nothing.
    :param refuse_old: whether a query is then refused.
    """

    admission: Admission
    worklist: WorklistReader
    overlay: Callable[[], Mapping[str, Overlay]]
    steps: Steps
    health: Health
    today: Callable[[], date]
    old: Callable[[], str] = lambda: ""
    shown: Callable[[str, Sequence[str]], None] = lambda _title, _items: None
    refuse_old: Callable[[], bool] = lambda: False


class Scp:
    """The application behind the upper layer: `edge_relay.upper_layer.association.Application`."""

    def __init__(self, services: Services) -> None:
        self._services: Final = services
        self._rarely: Final = RareLog(log, monotonic)

    def admit(self, proposal: Proposal, address: str) -> Rejection | None:
        """Return why an association is refused, None if it may be opened."""
        return self._services.admission.decide(proposal, address)

    def opened(self, calling_ae_title: str) -> None:
        """Note that an association is open."""
        self._services.admission.opened(calling_ae_title)
        self._services.health.association_opened(self._title(calling_ae_title))

    def closed(self, calling_ae_title: str) -> None:
        """Note that one is no longer."""
        self._services.admission.closed(calling_ae_title)
        self._services.health.association_closed(self._title(calling_ae_title))

    def _title(self, calling: str) -> str:
        return self._services.admission.title(calling)

    def refused(self, calling_ae_title: str, address: str, why: str) -> None:
        """Note who was refused: the usual cause is an AE title missing in the configuration."""
        self._rarely.warning(
            "association of %r from %s refused or aborted: %s", calling_ae_title, address, why
        )
        self._services.health.association_refused(calling_ae_title, address, why)

    def perform(self, request: Request) -> Operation:
        """Begin to answer a request by the handler the table names."""
        command = request.command
        entry = HANDLERS.get((request.context.abstract_syntax, command.field))
        if command.sop_class_uid != request.context.abstract_syntax:
            is_c_service = command.field < CommandField.N_EVENT_REPORT
            status = SOP_CLASS_NOT_SUPPORTED if is_c_service else NO_SUCH_SOP_CLASS
            return iter((Response(status, comment="not the SOP class of this context"),))
        if entry is None:
            return iter((Response(UNRECOGNIZED_OPERATION, comment="not an operation of this SOP class"),))
        return entry(request, self._services)

    def answered(self, request: Request, status: int, seconds: float, answers: int) -> None:
        """Note how a request was answered."""
        service = request.command.field.name.replace("_", "-")
        calling = self._title(request.calling_ae_title)
        if status not in {SUCCESS, CANCELLED}:
            self._rarely.warning("%s of %s answered with %04X", service, calling, status)
        elif service.startswith("N-"):
            log.info("%s of %s answered", service, calling)
        self._services.health.answered(calling, service, status, seconds, answers)


def on_echo(request: Request, services: Services) -> Operation:  # noqa: ARG001
    """Answer C-ECHO."""
    return iter((Response(SUCCESS),))


def on_find(request: Request, services: Services) -> Operation:
    """Answer a worklist query from the cache, with the statuses the journal knows better."""
    return _found(request, services)


def _found(request: Request, services: Services) -> Iterator[Response | None]:
    try:
        if request.data is None:
            raise Rejected("there is none")  # noqa: TRY301  one table answers for all
        calling = request.calling_ae_title
        old = services.old()
        if old and services.refuse_old():
            raise Unavailable(old)  # noqa: TRY301  as above
        found = find(
            request.data,
            implicit=request.context.implicit,
            scanner=services.admission.profile(calling),
            charset=services.admission.charset(calling),
            today=services.today(),
            worklist=services.worklist,
            overlay=services.overlay(),
            own=services.admission.is_ourselves(calling),
        )
        status = PENDING_INCOMPLETE if found.incomplete else PENDING
        with _shown(calling, services) as shown, closing(found.answers) as answers:
            for answer in answers:  # after a C-CANCEL they are not drawn to the end
                if answer is None:
                    yield None
                    continue
                if not answer.lossless:
                    log.warning(
                        "item %s has text that the character set of %s lacks",
                        answer.item_id,
                        calling,
                    )
                shown.append(answer.item_id)
                yield Response(status, answer.identifier)
        yield Response(SUCCESS, comment=old)
    except Exception as error:  # noqa: BLE001  the table has an answer for every one
        yield _failure(error)


@contextmanager
def _shown(calling: str, services: Services) -> Iterator[list[str]]:
    """Note in the end which items were handed to a scanner, be it none, also after a C-CANCEL or a fault."""
    item_ids: list[str] = []
    try:
        yield item_ids
    finally:
        services.shown(services.admission.title(calling), item_ids)


def on_step(request: Request, services: Services) -> Operation:
    """Hand an N-CREATE, N-SET or N-GET to the intake; Success only once what it says is on the disk."""
    command = request.command
    answer: Future[Response] = Future()
    asked = StepRequest(
        kind=_STEP_KINDS[command.field],
        sop_instance_uid=command.sop_instance_uid,
        data=request.data or b"",
        implicit=request.context.implicit,
        calling_aetitle=services.admission.title(request.calling_ae_title),
        strict=services.admission.profile(request.calling_ae_title).mpps == "strict",
        tags=command.tags,
    )
    services.steps.submit(asked).add_done_callback(lambda done: answer.set_result(_step_response(done)))
    return answer


def _step_response(done: Future[StepAnswer]) -> Response:
    answer = done.result()
    return Response(
        answer.status, answer.data, answer.comment, answer.error_id, sop_instance_uid=answer.sop_instance_uid
    )


def _failure(error: Exception) -> Response:
    status, comment = next((status, text) for fault, status, text in FIND_FAULTS if isinstance(error, fault))
    said = f"{error.where} {error.what}".strip() if isinstance(error, MwlError) else type(error).__name__
    log.warning("a query failed with %04X: %s", status, said)
    return Response(status, comment=comment.format(said))


_STEP_KINDS: Final[dict[CommandField, Literal["N-CREATE", "N-SET", "N-GET"]]] = {
    CommandField.N_CREATE: "N-CREATE",
    CommandField.N_SET: "N-SET",
    CommandField.N_GET: "N-GET",
}

Handler = Callable[[Request, Services], Operation]

HANDLERS: Final[dict[tuple[str, CommandField], Handler]] = {
    # abstract syntax                         request                  handler
    (Verification, CommandField.C_ECHO): on_echo,
    (ModalityWorklistInformationFind, CommandField.C_FIND): on_find,
    (ModalityPerformedProcedureStep, CommandField.N_CREATE): on_step,
    (ModalityPerformedProcedureStep, CommandField.N_SET): on_step,
    (ModalityPerformedProcedureStepRetrieve, CommandField.N_GET): on_step,
}
"""Everything this relay answers to."""

SERVICES: Final = tuple(dict.fromkeys(syntax for syntax, _ in HANDLERS))
"""The SOP classes offered."""
