"""The relay's own DICOM client: echo, worklist query and MPPS, as a scanner would do them.

For people who set up or check a relay; the same calls prove its health over the wire.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import evt
from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association
from pynetdicom.pdu import A_ASSOCIATE_RJ
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    ModalityPerformedProcedureStep,
    ModalityWorklistInformationFind,
    Verification,
)

from edge_relay.client import no_connection
from edge_relay.client.tls_trouble import COMMAND_LINE, TlsNames, tls_trouble
from edge_relay.upper_layer.pynetdicom_tuning import (
    EventHandler,
    close_broken_connections,
    no_delay,
    wait_only_while_connected,
)
from edge_relay.worklist.attributes import WORKLIST, Sequence, Tree
from shared.dicom.character_sets import UTF8
from shared.dicom.dimse_status import ALL_PENDING, SUCCESS
from shared.errors import Forbidden, Rejected, Unavailable
from shared.steps.procedure_step import WRONG_WORKLIST_ENTRY
from shared.worklist_item import WorklistItem

_REJECT_REASONS: Final = {  # PS3.8 Table 9-21, source 1
    3: "the calling AE title is not known there",
    7: "the called AE title is not its own",
}


@dataclass(frozen=True)
class Peer:
    """Whom to call, and under which name.

    :param tls: None: no encryption.
    :param tls_names: what a person can mend who reads that TLS came to nothing.
    """

    host: str
    port: int
    called_ae: str
    calling_ae: str
    timeout_seconds: float = 10.0
    tls: ssl.SSLContext | None = None
    tls_names: TlsNames = COMMAND_LINE


def echo(peer: Peer) -> None:
    """Ask whether the peer answers; raise `Unavailable` or `Forbidden` if it does not."""
    with associated(peer, Verification) as association:
        _check(association.send_c_echo(), "C-ECHO")


def find(peer: Peer, query: Dataset) -> list[Dataset]:
    """Return the worklist items a query finds."""
    with associated(peer, ModalityWorklistInformationFind) as association:
        return found_by(association, query, ModalityWorklistInformationFind)


def found_by(association: Association, query: Dataset, service: str, *, says: bool = True) -> list[Dataset]:
    """Return what a query finds over an association.

    :param says: whether an error quotes the peer's words; no if they could name a participant.
    """
    found = []
    for status, identifier in association.send_c_find(query, service):
        if getattr(status, "Status", None) in ALL_PENDING and identifier is not None:
            found.append(identifier)
        else:
            _check(status, "C-FIND", says=says)
    return found


def create_step(peer: Peer, attributes: Dataset, sop_instance_uid: str | None) -> str:
    """Send an N-CREATE; return the SOP Instance UID, which the peer may have made."""
    made: list[str] = []

    def remember(event: evt.Event) -> None:
        # pynetdicom hands the caller no part of the response's command set but the status.
        made.append(str(getattr(event.message.command_set, "AffectedSOPInstanceUID", "")))

    with associated(peer, ModalityPerformedProcedureStep) as association:
        association.bind(evt.EVT_DIMSE_RECV, remember)
        asked = UID(sop_instance_uid) if sop_instance_uid else None
        status, _ = association.send_n_create(attributes, ModalityPerformedProcedureStep, asked)
        _check(status, "N-CREATE")
    return sop_instance_uid or made[-1]


def set_step(peer: Peer, attributes: Dataset, sop_instance_uid: str) -> None:
    """Send an N-SET."""
    with associated(peer, ModalityPerformedProcedureStep) as association:
        status, _ = association.send_n_set(attributes, ModalityPerformedProcedureStep, UID(sop_instance_uid))
        _check(status, "N-SET")


def worklist_query(
    *,
    modality: str = "",
    station_aetitle: str = "",
    date: str = "",
    patient_name: str = "",
    patient_id: str = "",
    status: str = "",
) -> Dataset:
    """Return a query for everything of the items that match; an empty argument matches all."""
    query = _universal(WORKLIST)
    query.SpecificCharacterSet = UTF8
    query.PatientName = patient_name
    query.PatientID = patient_id
    step = query.ScheduledProcedureStepSequence[0]
    step.Modality = modality
    step.ScheduledStationAETitle = station_aetitle
    step.ScheduledProcedureStepStartDate = date
    step.ScheduledProcedureStepStatus = status
    return query


def step_began(
    *,
    study_instance_uid: str,
    scheduled_step_id: str,
    accession_number: str,
    patient_id: str,
    patient_name: str,
    modality: str,
    station_aetitle: str,
    now: datetime,
) -> Dataset:
    """Return the attribute list of an N-CREATE (PS3.4 Table F.7.2-1, types 1 and 2).

    :param now: local time at the scanner.
    """
    scheduled = Dataset()
    scheduled.StudyInstanceUID = study_instance_uid
    scheduled.ReferencedStudySequence = []
    scheduled.AccessionNumber = accession_number
    scheduled.RequestedProcedureID = ""
    scheduled.RequestedProcedureDescription = ""
    scheduled.ScheduledProcedureStepID = scheduled_step_id
    scheduled.ScheduledProcedureStepDescription = ""
    scheduled.ScheduledProtocolCodeSequence = []
    began = Dataset()
    began.SpecificCharacterSet = UTF8
    began.ScheduledStepAttributesSequence = [scheduled]
    began.PatientName = patient_name
    began.PatientID = patient_id
    began.PatientBirthDate = ""
    began.PatientSex = ""
    began.ReferencedPatientSequence = []
    began.PerformedProcedureStepID = now.strftime("P%y%m%d%H%M%S")
    began.PerformedStationAETitle = station_aetitle
    began.PerformedStationName = ""
    began.PerformedLocation = ""
    began.PerformedProcedureStepStartDate = now.strftime("%Y%m%d")
    began.PerformedProcedureStepStartTime = now.strftime("%H%M%S")
    began.PerformedProcedureStepStatus = "IN PROGRESS"
    began.PerformedProcedureStepDescription = ""
    began.PerformedProcedureTypeDescription = ""
    began.ProcedureCodeSequence = []
    began.PerformedProcedureStepEndDate = ""
    began.PerformedProcedureStepEndTime = ""
    began.Modality = modality
    began.StudyID = ""
    began.PerformedProtocolCodeSequence = []
    began.PerformedSeriesSequence = []
    return began


def exam_began(item: WorklistItem, station_aetitle: str, now: datetime) -> Dataset:
    """Return the attribute list of an N-CREATE for an exam of the worklist; ``now`` as in `step_began`."""
    return step_began(
        study_instance_uid=item.study_instance_uid,
        scheduled_step_id=item.scheduled_procedure_step_id,
        accession_number=item.accession_number,
        patient_id=item.patient_id,
        patient_name=item.patient_name,
        modality=item.modality,
        station_aetitle=station_aetitle,
        now=now,
    )


def step_completed(now: datetime, series_instance_uid: str) -> Dataset:
    """Return the modification list of an N-SET that completes a step of one series."""
    series = Dataset()
    series.PerformingPhysicianName = ""
    series.ProtocolName = "unspecified"
    series.OperatorsName = ""
    series.SeriesInstanceUID = series_instance_uid
    series.SeriesDescription = ""
    series.RetrieveAETitle = ""
    series.ReferencedImageSequence = []
    series.ReferencedNonImageCompositeSOPInstanceSequence = []
    ended = _ended("COMPLETED", now)
    ended.PerformedSeriesSequence = [series]
    return ended


def step_discontinued(now: datetime, *, wrong_entry: bool) -> Dataset:
    """Return the modification list of an N-SET that ends a step without completing it.

    :param wrong_entry: the wrong worklist entry had been selected: the item is put back.
    """
    ended = _ended("DISCONTINUED", now)
    if wrong_entry:
        reason = Dataset()  # PS3.16 CID 9300
        reason.CodeValue = WRONG_WORKLIST_ENTRY
        reason.CodingSchemeDesignator = "DCM"
        reason.CodeMeaning = "Incorrect worklist entry selected"
        ended.PerformedProcedureStepDiscontinuationReasonCodeSequence = [reason]
    return ended


def _ended(status: str, now: datetime) -> Dataset:
    ended = Dataset()
    ended.PerformedProcedureStepStatus = status
    ended.PerformedProcedureStepEndDate = now.strftime("%Y%m%d")
    ended.PerformedProcedureStepEndTime = now.strftime("%H%M%S")
    return ended


def _universal(tree: Tree) -> Dataset:
    dataset = Dataset()
    for tag, entry in tree.items():
        if isinstance(entry, Sequence):
            dataset.add_new(tag, "SQ", [_universal(entry.children)])
        else:
            dataset.add_new(tag, entry.vr, None)
    return dataset


@contextmanager
def associated(peer: Peer, service: str) -> Iterator[Association]:
    """Have an association for a service; raise `Unavailable`, `Forbidden` or `Rejected` if there is none."""
    _check_reachable(peer)
    close_broken_connections()
    ae = ApplicationEntity(peer.calling_ae)
    ae.add_requested_context(service, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
    ae.connection_timeout = ae.acse_timeout = ae.dimse_timeout = peer.timeout_seconds
    rejections: list[int] = []

    def remember(event: evt.Event) -> None:
        # pynetdicom takes a rejection that comes quickly for a failure to connect, and forgets the reason.
        if isinstance(event.pdu, A_ASSOCIATE_RJ):
            rejections.append(int(event.pdu.reason_diagnostic or 0))

    handlers: list[EventHandler] = [
        (evt.EVT_CONN_OPEN, no_delay),
        (evt.EVT_CONN_OPEN, wait_only_while_connected),
        (evt.EVT_PDU_RECV, remember),
    ]
    association = ae.associate(
        peer.host,
        peer.port,
        ae_title=peer.called_ae,
        evt_handlers=handlers,
        tls_args=(peer.tls, peer.host) if peer.tls else None,
    )
    if not association.is_established:
        raise _not_established(association, peer, rejections)
    try:
        yield association
    except RuntimeError:  # pynetdicom's word for "it has ended meanwhile"
        if association.is_established:
            raise
        raise Unavailable("ended the association before it was asked anything", where=_where(peer)) from None
    finally:
        if association.is_established:
            association.release()


def _check_reachable(peer: Peer) -> None:
    # pynetdicom does not say why it could not connect.
    try:
        socket.create_connection((peer.host, peer.port), peer.timeout_seconds).close()
    except OSError as error:
        where = f"{peer.host}:{peer.port}"
        why = f"cannot be reached: {error.strerror or error}"
        raise Unavailable(why, where=where, hint=no_connection.hint(error)) from None


def _not_established(association: Association, peer: Peer, rejections: list[int]) -> Exception:
    where = _where(peer)
    if rejections:
        reason = rejections[-1]
        return Forbidden(
            f"refused the association: {_REJECT_REASONS.get(reason, f'reason {reason}')}",
            where=where,
            hint="AE titles are in relay.toml: its own under [relay], scanners' under [[scanners]]",
        )
    if association.acceptor.primitive is not None and not association.accepted_contexts:
        hint = "is it the worklist's port? other DICOM servers store images only"
        return Rejected("does not offer this service", where=where, hint=hint)
    if peer.tls is not None:
        hint = tls_trouble(peer.host, peer.port, peer.tls, peer.timeout_seconds, peer.tls_names)
        return Unavailable("did not answer over TLS", where=where, hint=hint)
    return Unavailable("does not answer", where=where, hint=no_connection.NO_DICOM)


def _where(peer: Peer) -> str:
    return f"{peer.called_ae} at {peer.host}:{peer.port}"


def _check(status: Dataset, service: str, *, says: bool = True) -> None:
    code = getattr(status, "Status", None)
    if code is None:
        what = f"no answer to {service}, or the association was aborted"
        raise Unavailable(what, hint="try again; if it stays so, the peer's log says why")
    if code != SUCCESS and code not in ALL_PENDING:
        comment = str(getattr(status, "ErrorComment", "")).strip() if says else ""
        raise Rejected(f"{service} answered {code:04X}" + (f": {comment}" if comment else ""))
