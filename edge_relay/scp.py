"""The DICOM services: which handler answers which event, and which outcome becomes which DIMSE status.

    C-ECHO     Verification               0000
    C-FIND     Modality Worklist          FF00/FF01 a match, 0000 the end, FE00 cancelled   PS3.4 K.4.1.1.4
    N-CREATE   Performed Procedure Step   0000, or what the state machine refuses with      PS3.4 F.7.2.1
    N-SET      Performed Procedure Step   0000, or what the state machine refuses with      PS3.4 F.7.2.2

No handler lets an exception out: `FIND_FAULTS` and `STEP_FAULTS` say what each becomes. What a scanner did is
logged by AE title and count, never by identifier.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from typing import Final
from uuid import UUID

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import evt
from pynetdicom.ae import ApplicationEntity
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    ModalityPerformedProcedureStep,
    ModalityWorklistInformationFind,
    Verification,
)

from edge_relay import mpps, mwl
from edge_relay.cache import Cache, CachedItem
from edge_relay.charset import CharacterSet
from edge_relay.config import Scanner, Settings
from edge_relay.health import Health
from edge_relay.journal import Journal, Overlay
from edge_relay.pynetdicom_tuning import (
    MAX_PDU_BYTES,
    EventHandler,
    Limits,
    Server,
    let_reads_in,
    make_server,
)
from shared.errors import MwlError, Rejected, Unavailable
from shared.procedure_step import EventKind, ProcedureStepEvent, Refusal
from shared.step_dataset import references
from shared.worklist_item import WorklistItem

log = logging.getLogger(__name__)

SUCCESS: Final = 0x0000
PENDING: Final = 0xFF00
PENDING_INCOMPLETE: Final = 0xFF01  # an optional key was not supported, PS3.4 Table K.4-1
CANCELLED: Final = 0xFE00

Faults = tuple[tuple[type[Exception], int, str], ...]
FIND_FAULTS: Final[Faults] = (  # first match wins; PS3.4 Table K.4-1
    (Rejected, 0xA900, "identifier: {}"),
    (sqlite3.Error, 0xA700, "the worklist cannot be read at the moment"),
    (Unavailable, 0xA700, "the worklist cannot be read at the moment"),
    (Exception, 0xC001, "internal fault"),
)
STEP_FAULTS: Final[Faults] = (  # PS3.7 Annex C
    (Rejected, 0x0106, "{}"),
    (Unavailable, 0x0213, "the step cannot be stored at the moment, send it again"),
    (sqlite3.Error, 0x0213, "the step cannot be stored at the moment, send it again"),
    (Exception, 0x0110, "internal fault"),
)

_SYNTAXES: Final = [ImplicitVRLittleEndian, ExplicitVRLittleEndian]  # never deflated: 0.4 MB may be 386 MB
_SERVICES: Final = (Verification, ModalityWorklistInformationFind, ModalityPerformedProcedureStep)
_LONGEST_COMMENT: Final = 64  # Error Comment (0000,0902) is an LO
_READS_EVERY: Final = 16  # answers sent between two looks for a C-CANCEL
_ACSE_SECONDS: Final = 30

Answer = tuple[int | Dataset, Dataset | None]


@dataclass(frozen=True)
class Services:
    """What the handlers work with.

    :param now: the time by the cloud's clock, aware, UTC.
    :param new_uuid: makes a random UUID, for event ids and for SOP instances the scanner left to us.
    """

    settings: Settings
    cache: Cache
    journal: Journal
    health: Health
    now: Callable[[], datetime]
    new_uuid: Callable[[], UUID]

    def scanner(self, event: evt.Event) -> Scanner:
        """Return the profile of the scanner that sent a message."""
        return self.settings.scanner(_calling(event))


def listen(services: Services) -> Server:
    """Bind the port and return the server, not yet accepting; raise `OSError` if the port is taken."""
    relay = services.settings.relay
    ae = ApplicationEntity(relay.ae_title)
    for service in _SERVICES:
        ae.add_supported_context(service, _SYNTAXES)
    ae.require_called_aet = True
    if not relay.allow_any_scanner:
        # Our own title too, from this machine: the commands use it (see on_requested).
        ae.require_calling_aet = [relay.ae_title, *(s.ae_title for s in services.settings.scanners)]
    ae.maximum_associations = relay.max_associations
    ae.maximum_pdu_size = MAX_PDU_BYTES
    ae.acse_timeout = _ACSE_SECONDS
    ae.network_timeout = relay.network_timeout_seconds
    ae.dimse_timeout = relay.network_timeout_seconds
    return make_server(ae, (relay.host, relay.port), handlers(services), Limits(relay.pdu_timeout_seconds))


def handlers(services: Services) -> list[EventHandler]:
    """Return the event table: the whole of what this relay answers to."""
    return [
        (evt.EVT_REQUESTED, on_requested, [services]),
        (evt.EVT_REJECTED, on_rejected),
        (evt.EVT_C_ECHO, on_echo),
        (evt.EVT_C_FIND, on_find, [services]),
        (evt.EVT_N_CREATE, on_n_create, [services]),
        (evt.EVT_N_SET, on_n_set, [services]),
    ]


def on_requested(event: evt.Event, services: Services) -> None:
    """Turn away whoever calls itself by our own title from another machine: it would be nobody's scanner."""
    settings, association = services.settings, event.assoc
    calling = str(getattr(association.requestor.primitive, "calling_ae_title", "")).strip()
    listed = settings.relay.allow_any_scanner or calling in {s.ae_title for s in settings.scanners}
    if listed or calling != settings.relay.ae_title or ip_address(association.requestor.address).is_loopback:
        return
    association.acse.send_reject(0x01, 0x01, 0x03)  # calling AE title not recognised, PS3.8 Table 9-21
    association.requestor.ae_title = calling
    on_rejected(event)
    association.kill()


def on_rejected(event: evt.Event) -> None:
    """Say who was turned away: the usual cause is an AE title missing in the configuration."""
    requestor = event.assoc.requestor
    log.warning("association of %r from %s refused", requestor.ae_title, requestor.address)


def on_echo(event: evt.Event) -> int:  # noqa: ARG001
    """Answer C-ECHO."""
    return SUCCESS


def on_find(event: evt.Event, services: Services) -> Iterator[Answer]:
    """Answer a worklist query from the cache, with the statuses the journal knows better."""
    answers = 0
    try:
        scanner = services.scanner(event)
        query = mwl.parse_query(
            event.identifier, mwl.Reading(scanner.combine_date_and_time, scanner.ignore_accents)
        )
        charset = CharacterSet(scanner.charset or services.settings.relay.charset)
        status = PENDING_INCOMPLETE if query.incomplete else PENDING
        for item in find(query, services):
            if event.is_cancelled:
                yield CANCELLED, None
                return
            response, lossless = mwl.respond(query, item, charset)
            if not lossless:
                log.warning(
                    "item %s has text that the character set of %s cannot carry", item.id, _calling(event)
                )
            yield status, response
            answers += 1
            if answers % _READS_EVERY == 0 and not _peer_keeps_up(event, services):
                return
        services.health.asked(_calling(event), answers)
    except Exception as error:  # noqa: BLE001  the table below has an answer for every one
        yield _failure(error, FIND_FAULTS, event), None


def find(query: mwl.Query, services: Services) -> Iterator[WorklistItem]:
    """Yield the items that answer a query, by start."""
    overlay = services.journal.overlay()
    for cached in services.cache.select(query.conditions):
        item = with_overlay(cached, overlay.get(cached.item.id))
        if mwl.matches(query, item):
            yield item


def with_overlay(cached: CachedItem, entry: Overlay | None) -> WorklistItem:
    """Return the item with the status the journal lays over it, if it still does."""
    if entry is None or not entry.covers(cached.feed_seq):
        return cached.item
    return cached.item.model_copy(update={"performed_procedure_step_status": entry.status})


def on_n_create(event: evt.Event, services: Services) -> tuple[int | Dataset, Dataset | None]:
    """Record that a scanner began a step; Success only once it is on the disk."""
    asked = getattr(event.request, "AffectedSOPInstanceUID", None)
    uid = str(asked) if asked else f"2.25.{services.new_uuid().int}"
    status = _record(event, services, EventKind.N_CREATE, uid, lambda: event.attribute_list)
    if asked or status != SUCCESS:
        return status, None
    made = Dataset()
    made.AffectedSOPInstanceUID = uid  # pynetdicom moves it into the command set (PS3.7 10.1.5.1.4)
    return status, made


def on_n_set(event: evt.Event, services: Services) -> tuple[int | Dataset, Dataset | None]:
    """Record what a scanner says of a step it began; Success only once it is on the disk."""
    uid = str(getattr(event.request, "RequestedSOPInstanceUID", ""))
    return _record(event, services, EventKind.N_SET, uid, lambda: event.modification_list), None


def _record(
    event: evt.Event, services: Services, kind: EventKind, uid: str, read: Callable[[], Dataset]
) -> int | Dataset:
    try:
        message = mpps.event_from(
            kind,
            uid,
            _decoded(read),
            calling_aetitle=_calling(event),
            received_at=services.now(),
            event_id=services.new_uuid().hex,
        )
        outcome = (
            message
            if isinstance(message, Refusal)
            else services.journal.append(message, _linked(message, services))
        )
    except Exception as error:  # noqa: BLE001  the table has an answer for every one
        return _failure(error, STEP_FAULTS, event)
    if isinstance(outcome, Refusal):
        log.warning("%s of %s refused with %04X", kind.value, _calling(event), outcome.status)
        return _status(outcome.status, outcome.comment, outcome.error_id)
    log.info("%s of %s journaled, %d items", kind.value, _calling(event), len(outcome.item_ids))
    return SUCCESS


def _decoded(read: Callable[[], Dataset]) -> Dataset:
    try:
        return read()
    except Exception:  # noqa: BLE001  pydicom raises whatever the bytes provoke
        raise Rejected("the attribute list cannot be decoded") from None


def _linked(message: ProcedureStepEvent, services: Services) -> tuple[str, ...]:
    """Return the items a step is linked to; none if the cache cannot be read: the scan is real anyhow."""
    candidates: list[WorklistItem] = []
    try:
        for reference in references(message.dataset):
            field, value = (
                ("study_instance_uid", reference.study_instance_uid)
                if reference.study_instance_uid
                else ("accession_number", reference.accession_number)
            )
            if value:
                condition = mwl.Condition(field, values=(value,))
                candidates += (cached.item for cached in services.cache.select([condition]))
    except sqlite3.Error as error:
        log.warning("the cache could not be read to link a step (%s)", type(error).__name__)
    return mpps.linked_items(message, candidates)


def _peer_keeps_up(event: evt.Event, services: Services) -> bool:
    if let_reads_in(event.assoc, services.settings.relay.pdu_timeout_seconds):
        return True
    log.warning("%s does not take its answers; association aborted", _calling(event))
    event.assoc.abort()
    return False


def _failure(error: Exception, faults: Faults, event: evt.Event) -> Dataset:
    status, comment = next((status, text) for fault, status, text in faults if isinstance(error, fault))
    said = f"{error.where} {error.what}".strip() if isinstance(error, MwlError) else type(error).__name__
    log.warning("answered %04X to %s: %s", status, _calling(event), said)
    return _status(status, comment.format(said))


def _status(status: int, comment: str, error_id: int | None = None) -> Dataset:
    dataset = Dataset()
    dataset.Status = status
    # An LO has no backslash, and the command set only the default character repertoire.
    dataset.ErrorComment = comment.replace("\\", "/").encode("ascii", "replace").decode()[:_LONGEST_COMMENT]
    if error_id is not None:
        dataset.ErrorID = error_id
    return dataset


def _calling(event: evt.Event) -> str:
    return str(event.assoc.requestor.ae_title).strip()
