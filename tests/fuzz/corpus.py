"""What scanners send, as bytes: identifiers, attribute lists, command sets, requests, whole sessions."""

from __future__ import annotations

from collections.abc import Iterable
from struct import pack
from typing import Final

from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.dsutils import encode

from edge_relay.upper_layer.pdu import data_pdus
from tests.rigs import mpps as mpps_rig
from tests.rigs.relay import RELAY_AET, SCANNER
from tests.rigs.worklist import asking, encoded, everything, step

VERIFICATION: Final = "1.2.840.10008.1.1"
WORKLIST: Final = "1.2.840.10008.5.1.4.31"
STEP: Final = "1.2.840.10008.3.1.2.3.3"
STEP_RETRIEVE: Final = "1.2.840.10008.3.1.2.3.4"
SERVICES: Final = (VERIFICATION, WORKLIST, STEP, STEP_RETRIEVE)
APPLICATION_CONTEXT: Final = "1.2.840.10008.3.1.1.1"
RELEASE_RQ: Final = bytes.fromhex("05 00 00000004 00000000")
ABORT: Final = bytes.fromhex("07 00 00000004 00000000")
_LONGEST_PDU: Final = 16_384
_NO_DATA_SET, _DATA_SET = 0x0101, 0x0001

C_FIND, C_ECHO, C_CANCEL, N_GET, N_SET, N_CREATE = 0x0020, 0x0030, 0x0FFF, 0x0110, 0x0120, 0x0140


def _named(term: str, name: str) -> Dataset:
    return asking(SpecificCharacterSet=term, PatientName=name, PatientID="")


_ASKED: Final = (
    everything(),
    asking(PatientName="Doe*", PatientID="", PatientSex="F", PatientBirthDate="19800101-19801231"),
    asking(StudyInstanceUID="1.2.3\\1.2.4\\1.2.5", AccessionNumber="ACC-?00", PatientWeight=""),
    step(
        Modality="MR\\CT",
        ScheduledStationAETitle="MR*",
        ScheduledProcedureStepStartDate="20261120-20261122",
        ScheduledProcedureStepStartTime="0800-1200",
        ScheduledProcedureStepStatus="SCHEDULED",
    ),
    step(ScheduledProtocolCodeSequence=[asking(CodeValue="HEAD*", CodeMeaning="")]),
    asking(ScheduledProcedureStepSequence=[], ReferencedStudySequence=[], PatientReligiousPreference="x"),
    _named("ISO_IR 192", "Müller^Å*=山田^太?=*"),
    _named("ISO_IR 100", "Müller^Åse"),
    _named("\\ISO 2022 IR 87", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    _named("\\ISO 2022 IR 149", "Hong^Gildong=洪^吉洞=홍^길동"),
    _named("GB18030", "Wang^XiaoDong=王^小东"),
)
_REPORTED: Final = (
    mpps_rig.began(),
    mpps_rig.unscheduled(),
    mpps_rig.progress(),
    mpps_rig.completed(),
    mpps_rig.discontinued(wrong_entry=True),
    mpps_rig.with_images(20),
)

IDENTIFIERS: Final = {
    syntax: tuple(encoded(each, implicit=syntax) for each in _ASKED) for syntax in (True, False)
}
"""By syntax: True is implicit VR."""

ATTRIBUTE_LISTS: Final = {
    syntax: tuple(mpps_rig.encoded(each, implicit=syntax) for each in _REPORTED) for syntax in (True, False)
}
CREATES: Final = {syntax: lists[:2] for syntax, lists in ATTRIBUTE_LISTS.items()}
SETS: Final = {syntax: lists[2:] for syntax, lists in ATTRIBUTE_LISTS.items()}


def command(
    field: int, sop_class: str, *, instance: str = "", tags: Iterable[int] = (), has_data: bool = True
) -> bytes:
    """Return a request's command set."""
    dataset = Dataset()
    affected = field in {C_FIND, C_ECHO, N_CREATE}
    if affected:
        dataset.AffectedSOPClassUID = UID(sop_class)
        if instance:
            dataset.AffectedSOPInstanceUID = UID(instance)
    elif field != C_CANCEL:
        dataset.RequestedSOPClassUID = UID(sop_class)
        dataset.RequestedSOPInstanceUID = UID(instance)
    if list(tags):
        dataset.AttributeIdentifierList = list(tags)
    dataset.CommandField = field
    if field == C_CANCEL:
        dataset.MessageIDBeingRespondedTo = 1
    else:
        dataset.MessageID = 1
    if field == C_FIND:
        dataset.Priority = 0
    dataset.CommandDataSetType = _DATA_SET if has_data else _NO_DATA_SET
    body = encode(dataset, is_implicit_vr=True, is_little_endian=True) or b""
    return pack("<HHII", 0, 0, 4, len(body)) + body


COMMANDS: Final = (
    command(C_ECHO, VERIFICATION, has_data=False),
    command(C_FIND, WORKLIST),
    command(C_CANCEL, WORKLIST, has_data=False),
    command(N_CREATE, STEP, instance="2.25.1"),
    command(N_CREATE, STEP),
    command(N_SET, STEP, instance="2.25.1"),
    command(N_GET, STEP_RETRIEVE, instance="2.25.1", tags=(0x00100020, 0x00400252), has_data=False),
)


def _item(kind: int, body: bytes) -> bytes:
    return pack(">BxH", kind, len(body)) + body


def associate(
    services: tuple[str, ...] = SERVICES, *, implicit: bool = True, calling: str = SCANNER
) -> bytes:
    """Return an A-ASSOCIATE-RQ; the contexts are 1, 3, 5... in the order of the services (PS3.8 9.3.2)."""
    syntax = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    body = pack(">Hxx16s16s32x", 1, RELAY_AET.ljust(16).encode(), calling.ljust(16).encode())
    body += _item(0x10, APPLICATION_CONTEXT.encode())
    for number, uid in enumerate(services):
        syntaxes = _item(0x30, uid.encode()) + _item(0x40, syntax.encode())
        body += _item(0x20, bytes((2 * number + 1, 0, 0, 0)) + syntaxes)
    user = _item(0x51, pack(">I", _LONGEST_PDU)) + _item(0x52, b"2.25.1") + _item(0x55, b"FUZZ")
    user += _item(0x54, pack(">H", len(STEP)) + STEP.encode() + b"\1\0")
    body += _item(0x50, user)
    return pack(">BxI", 1, len(body)) + body


REQUESTS: Final = (
    associate(),
    associate((VERIFICATION,)),
    associate(implicit=False),
    associate(SERVICES * 8),
    associate(calling="STRANGER"),
)


def message(
    service: str, command_set: bytes, data: bytes | None = None, longest: int = _LONGEST_PDU
) -> tuple[bytes, ...]:
    """Return a message's PDUs one by one, in the context `associate` gives the service."""
    context_id = 2 * SERVICES.index(service) + 1
    pieces = [data_pdus(context_id, command_set, longest, is_command=True)]
    if data is not None:
        pieces.append(data_pdus(context_id, data, longest, is_command=False))
    return tuple(pieces)


def _session(*messages: tuple[bytes, ...], implicit: bool, end: bytes = RELEASE_RQ) -> tuple[bytes, ...]:
    return (associate(implicit=implicit), *(pdu for each in messages for pdu in each), end)


def _sessions(implicit: bool) -> Iterable[tuple[bytes, ...]]:
    asked, created, changed = IDENTIFIERS[implicit], CREATES[implicit], SETS[implicit]
    ask, cancel = command(C_FIND, WORKLIST), message(WORKLIST, COMMANDS[2])
    echo = message(VERIFICATION, COMMANDS[0])
    yield _session(echo, echo, implicit=implicit)
    for identifier in asked:
        yield _session(message(WORKLIST, ask, identifier), implicit=implicit)
    yield _session(*(message(WORKLIST, ask, each, 1024) for each in asked[:4]), echo, implicit=implicit)
    yield _session(message(WORKLIST, ask, asked[0]), cancel, echo, implicit=implicit, end=ABORT)
    yield _session(
        message(STEP, COMMANDS[4], created[0]),
        message(STEP, COMMANDS[3], created[1]),
        *(message(STEP, COMMANDS[5], each) for each in changed),
        message(STEP_RETRIEVE, COMMANDS[6]),
        implicit=implicit,
    )


SESSIONS: Final = tuple(session for implicit in (True, False) for session in _sessions(implicit))
"""Whole associations, PDU by PDU."""
