"""The relay's own acceptor and pynetdicom's: the same bytes in, the same responses out, apart from timing.

Two relays with the same worklist, one served by each. What a scanner sends, legal or odd, is sent to both as
the same bytes; command sets and data sets of the responses are compared byte by byte.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.dsutils import encode
from pynetdicom.pdu import A_ASSOCIATE_AC
from pynetdicom.pdu_primitives import (
    SCP_SCU_RoleSelectionNegotiation,
)

from edge_relay.relay import Relay
from edge_relay.upper_layer.application import Acceptor, ConnectionLimits, Limits, Port
from edge_relay.upper_layer.message import Request
from edge_relay.upper_layer.operation import Operation, Response
from edge_relay.upper_layer.pdu import Framer, Pdu, PduType, pdvs
from edge_relay.upper_layer.pynetdicom_acceptor import PynetdicomAcceptor
from tests.fuzz import corpus
from tests.interop.exams import EXAMS, SCANNERS
from tests.rigs import upper_layer
from tests.rigs.association import association_request
from tests.rigs.mpps import began, completed, discontinued, encoded, progress, put, unscheduled
from tests.rigs.relay import FakeCloud, eventually, running_relay
from tests.rigs.upper_layer import Toy

# pydicom warns, when it writes, of a set it does not know; the relay silences it, and pytest undoes that.
pytestmark = pytest.mark.filterwarnings("ignore:Unknown encoding:UserWarning")

PATIENCE = 20.0
STEPS = ("2.25.71", "2.25.72", "2.25.73", "2.25.74", "")
"""SOP instances; the last is left to the relay."""

PENDING = {0xFF00, 0xFF01}
AFFECTED_INSTANCE, DATA_SET_TYPE, STATUS, GROUP_LENGTH, COMMENT = 0x1000, 0x0800, 0x0900, 0x0000, 0x0902


class Both(NamedTuple):
    """A relay on each acceptor."""

    own: Relay
    pynetdicom: Relay


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    with ExitStack() as stack:
        relays = []
        for acceptor in ("asyncio", "pynetdicom"):
            cloud = stack.enter_context(FakeCloud())
            cloud.put(*EXAMS)
            # What the cloud would make of a report, and when, is not what this is about.
            cloud.mpps_faults.extend(["500"] * 1_000_000)
            relay = stack.enter_context(
                running_relay(
                    tmp_path_factory.mktemp(acceptor),
                    cloud,
                    acceptor=acceptor,
                    scanners=[*SCANNERS, {"ae_title": "STRICT", "mpps": "strict"}],
                )
            )
            relays.append(relay)
        eventually(lambda: all(relay.cache.count() == len(EXAMS) for relay in relays))
        yield Both(*relays)


# ---------------------------------------------------------------------- what is asked


class Asked(NamedTuple):
    """One request, and the service whose presentation context it is made in."""

    service: str
    command: bytes
    data: bytes | None


TEXTS = (
    "", "*", "?", "jane", "Doe*", "doe^j*", "Doe^Jane\\Doe^John", "MR", "mr\\CT", "MR1", "SCHEDULED",
    "O'Brien", "20261120", "20261120-20261122", "-20261121", "20261199", "0800-1200", "083000", "25",
    "1.2.826.0.1.3680043.10.1", "1.2.826.0.1.3680043.10.1\\1.2.826.0.1.3680043.10.2", "1.2.*", "x" * 70,
    "Müller*", "a=b=c=d", "\\", " ", "^^^^^^",
)  # fmt: skip
KEYS = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "PatientWeight", "AccessionNumber",
    "StudyInstanceUID", "RequestedProcedureID", "RequestedProcedureDescription", "ReferringPhysicianName",
    "MedicalAlerts", "EthnicGroup", "PatientReligiousPreference", "PregnancyStatus", "StudyDate",
    "IssuerOfPatientID", "RequestedProcedureCodeSequence",
)  # fmt: skip
STEP_KEYS = (
    "Modality", "ScheduledStationAETitle", "ScheduledProcedureStepStartDate",
    "ScheduledProcedureStepStartTime", "ScheduledPerformingPhysicianName",
    "ScheduledProcedureStepDescription", "ScheduledProcedureStepID", "ScheduledProcedureStepStatus",
    "ScheduledStationName", "ScheduledProtocolCodeSequence",
)  # fmt: skip
NO_TEXT = {"PatientWeight": "", "PregnancyStatus": None}
CHARACTER_SETS = ("", "ISO_IR 192", "ISO_IR 100", "\\ISO 2022 IR 87", "GB18030")


def _values(keys: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    text = st.one_of(st.sampled_from(TEXTS), st.just(""))
    return st.dictionaries(st.sampled_from(keys), text, max_size=5).map(
        lambda chosen: {
            key: NO_TEXT.get(key, [] if key.endswith("Sequence") else value) for key, value in chosen.items()
        }
    )


@st.composite
def identifiers(draw: st.DrawFn) -> Dataset:
    dataset = put(Dataset(), **draw(_values(KEYS)))
    if (term := draw(st.sampled_from(CHARACTER_SETS))) and dataset:
        put(dataset, SpecificCharacterSet=term)
    steps = draw(st.integers(-1, 2))
    if steps >= 0:
        items = [put(Dataset(), **draw(_values(STEP_KEYS))) for _ in range(steps)]
        put(dataset, ScheduledProcedureStepSequence=items)
    return dataset


LISTS: tuple[Callable[[], Dataset], ...] = (
    began,
    unscheduled,
    progress,
    completed,
    discontinued,
    lambda: discontinued(wrong_entry=True),
)
SPOILED = (
    "PerformedProcedureStepStatus", "PerformedProcedureStepStartDate", "PerformedProcedureStepEndDate",
    "Modality", "PerformedStationAETitle", "PerformedProcedureStepID", "PatientName",
)  # fmt: skip


@st.composite
def attribute_lists(draw: st.DrawFn) -> Dataset:
    dataset = draw(st.sampled_from(LISTS))()
    for keyword in draw(st.lists(st.sampled_from(SPOILED), max_size=2)):
        if draw(st.booleans()) and keyword in dataset:
            del dataset[keyword]
        else:
            put(
                dataset,
                **{keyword: draw(st.sampled_from(("", "COMPLETED", "20261131", "x" * 20, "DISCONTINUED")))},
            )
    return dataset


def _bytes(draw: st.DrawFn, dataset: Dataset, *, implicit: bool) -> bytes:
    """Encode a data set; now and then it is cut off, or is none."""
    data = encode(dataset, implicit, is_little_endian=True)
    assume(data is not None)
    assert data is not None
    kind = draw(st.integers(0, 9))
    if kind == 2:
        return data.replace(b"ISO_IR 192", b"ISO_IR 999") or b"\0"
    if kind == 0:
        return data[: draw(st.integers(1, max(1, len(data))))] or b"\0"
    return draw(st.binary(min_size=1, max_size=60)) if kind == 1 else data or b"\x08\0\x05\0\0\0\0\0"


@st.composite
def requests(draw: st.DrawFn, *, implicit: bool) -> Asked:
    kind = draw(st.sampled_from(("find", "find", "find", "create", "set", "get", "echo", "odd")))
    instance = draw(st.sampled_from(STEPS))
    known = instance or STEPS[0]
    if kind == "find":
        command = corpus.command(corpus.C_FIND, corpus.WORKLIST)
        return Asked(corpus.WORKLIST, command, _bytes(draw, draw(identifiers()), implicit=implicit))
    if kind == "create":
        command = corpus.command(corpus.N_CREATE, corpus.STEP, instance=instance)
        return Asked(corpus.STEP, command, _bytes(draw, draw(attribute_lists()), implicit=implicit))
    if kind == "set":
        command = corpus.command(corpus.N_SET, corpus.STEP, instance=known)
        return Asked(corpus.STEP, command, _bytes(draw, draw(attribute_lists()), implicit=implicit))
    if kind == "get":
        tags = draw(st.lists(st.sampled_from((0x00100010, 0x00400252, 0x00400244, 0x00081199)), max_size=3))
        command = corpus.command(
            corpus.N_GET, corpus.STEP_RETRIEVE, instance=known, tags=tags, has_data=False
        )
        return Asked(corpus.STEP_RETRIEVE, command, None)
    if kind == "echo":
        command = corpus.command(corpus.C_ECHO, corpus.VERIFICATION, has_data=False)
        return Asked(corpus.VERIFICATION, command, None)
    return draw(st.sampled_from(ODD))


N_EVENT_REPORT, N_ACTION, N_DELETE, C_STORE = 0x0100, 0x0130, 0x0150, 0x0001
ODD = (
    Asked(corpus.STEP, corpus.command(N_DELETE, corpus.STEP, instance="2.25.71", has_data=False), None),
    Asked(corpus.STEP, corpus.command(corpus.N_GET, corpus.STEP, instance="2.25.71", has_data=False), None),
    Asked(
        corpus.STEP_RETRIEVE,
        corpus.command(corpus.N_SET, corpus.STEP_RETRIEVE, instance="2.25.71"),
        encoded(progress(), implicit=True),
    ),
    Asked(corpus.WORKLIST, corpus.command(corpus.C_ECHO, corpus.WORKLIST, has_data=False), None),
    Asked(corpus.WORKLIST, corpus.command(corpus.C_ECHO, corpus.VERIFICATION, has_data=False), None),
    Asked(corpus.VERIFICATION, corpus.command(corpus.C_FIND, corpus.WORKLIST), b"\x10\0\x10\0\0\0\0\0"),
    Asked(
        corpus.STEP,
        corpus.command(corpus.N_SET, corpus.STEP_RETRIEVE, instance="2.25.71"),
        b"\x10\0\x10\0\0\0\0\0",
    ),
    Asked(corpus.WORKLIST, corpus.command(corpus.C_FIND, corpus.WORKLIST, has_data=False), None),
)
"""Requests that are no operation of their SOP class, are made in another one's context, or lack data."""


# ---------------------------------------------------------------------- what is answered


class Answer(NamedTuple):
    """One response: the elements of its command set, and its data set."""

    command: dict[int, bytes]
    data: bytes

    @property
    def status(self) -> int:
        return int.from_bytes(self.command[STATUS], "little")


class Scanner:
    """A scanner on a socket."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._socket = socket.create_connection(address, PATIENCE)
        self._framer = Framer(1 << 24)
        self._arrived: list[Pdu] = []

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def pdu(self) -> Pdu | None:
        """Return the next PDU, None if the connection was closed."""
        while not self._arrived:
            try:
                data = self._socket.recv(65_536)
            except ConnectionError:
                return None
            if not data:
                return None
            self._arrived += self._framer.feed(data)
        return self._arrived.pop(0)

    def answers(self) -> list[Answer | PduType | None]:
        """Return the next responses up to a final one, or what came in place of one."""
        found: list[Answer | PduType | None] = []
        while True:
            answer = self._answer()
            found.append(answer)
            if not isinstance(answer, Answer) or answer.status not in PENDING:
                return found

    def _answer(self) -> Answer | PduType | None:
        parts = {True: b"", False: b""}
        while True:
            pdu = self.pdu()
            if pdu is None or pdu.type is not PduType.P_DATA_TF:
                return None if pdu is None else pdu.type
            for value in pdvs(pdu.raw):
                parts[value.is_command] += value.data
                if value.is_last:
                    elements = _elements(parts[True])
                    if not value.is_command or elements[DATA_SET_TYPE] == b"\x01\x01":
                        return Answer(elements, parts[False])

    def close(self) -> None:
        self._socket.close()


def _elements(command: bytes) -> dict[int, bytes]:
    found = {}
    at = 0
    while at < len(command):
        _, element, length = struct.unpack_from("<HHL", command, at)
        found[element] = command[at + 8 : at + 8 + length]
        at += 8 + length
    return found


def comparable(asked: Asked, answers: list[Answer | PduType | None]) -> list[Any]:
    """Return what must be the same of both: all, but for what is random."""
    made = asked.command == corpus.command(corpus.N_CREATE, corpus.STEP)
    found: list[Any] = []
    for answer in answers:
        if not isinstance(answer, Answer):
            found.append(answer)
            continue
        elements = {key: value for key, value in answer.command.items() if key != GROUP_LENGTH}
        if DATA_SET_TYPE in elements and elements[DATA_SET_TYPE] != b"\x01\x01":
            elements[DATA_SET_TYPE] = b"any other value: there is one"  # PS3.7 E.1
        if made and AFFECTED_INSTANCE in elements:
            elements[AFFECTED_INSTANCE] = b"made"
        found.append((elements, answer.data))
    return found


def conversation(relay: Relay, calling: str, asked: list[Asked], *, implicit: bool) -> list[Any]:
    """Ask on one association, one request after the other; return what was answered."""
    scanner = Scanner(relay.address)
    try:
        scanner.send(corpus.associate(implicit=implicit, calling=calling))
        accepted = scanner.pdu()
        assert accepted is not None
        assert accepted.type is PduType.A_ASSOCIATE_AC
        found = []
        for each in asked:
            scanner.send(b"".join(corpus.message(each.service, each.command, each.data)))
            answers = scanner.answers()
            found.append(comparable(each, answers))
            if not isinstance(answers[-1], Answer):
                return found
        scanner.send(corpus.RELEASE_RQ)
        released = scanner.pdu()
        found.append([released and released.type])
        return found
    finally:
        scanner.close()


def compare(both: Both, calling: str, asked: list[Asked], *, implicit: bool) -> list[Any]:
    own = conversation(both.own, calling, asked, implicit=implicit)
    assert conversation(both.pynetdicom, calling, asked, implicit=implicit) == own
    return own


# ---------------------------------------------------------------------- the same answers


CALLING = [scanner["ae_title"] for scanner in SCANNERS] + ["STRICT"]


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), calling=st.sampled_from(CALLING), implicit=st.booleans())
def test_whatever_a_scanner_asks_both_answer_the_same(
    both: Both, data: st.DataObject, calling: str, implicit: bool
) -> None:
    asked = data.draw(st.lists(requests(implicit=implicit), min_size=1, max_size=6))
    compare(both, calling, asked, implicit=implicit)


@pytest.mark.parametrize("implicit", [True, False])
def test_both_know_every_request_of_the_corpus(both: Both, implicit: bool) -> None:
    find = corpus.command(corpus.C_FIND, corpus.WORKLIST)
    asked = [Asked(corpus.WORKLIST, find, each) for each in corpus.IDENTIFIERS[implicit]]
    answered = compare(both, "SCANNER1", asked, implicit=implicit)
    assert sum(len(answers) > 1 for answers in answered) > len(asked) // 2, "hardly anything was found"
    assert answered[-1] == [PduType.A_RELEASE_RP]


@pytest.mark.parametrize("odd", ODD)
def test_what_is_no_operation_there_is_refused_alike_and_the_association_goes_on(
    both: Both, odd: Asked
) -> None:
    echo = Asked(
        corpus.VERIFICATION, corpus.command(corpus.C_ECHO, corpus.VERIFICATION, has_data=False), None
    )
    refused, (echoed,), _ = compare(both, "SCANNER1", [odd, echo], implicit=True)
    assert refused[0][0][STATUS] != b"\0\0"
    assert echoed[0][STATUS] == b"\0\0"
    assert COMMENT in refused[0][0]


class Refusing(Toy):
    """Refuses everything, and says more than an answer can hold."""

    def perform(self, request: Request) -> Operation:
        return iter((Response(0xC001, comment="Zoë\\日本 " + "x" * 100),))


@contextmanager
def on_pynetdicom(toy: Toy) -> Iterator[tuple[Toy, Acceptor]]:
    services = [corpus.VERIFICATION, corpus.WORKLIST]
    acceptor = PynetdicomAcceptor([Port("127.0.0.1", 0)], toy, services, Limits(), ConnectionLimits())
    acceptor.start()
    try:
        yield toy, acceptor
    finally:
        acceptor.stop(1.0)


@pytest.mark.parametrize("on_acceptor", [upper_layer.serving, on_pynetdicom])
@pytest.mark.parametrize(
    "asked",
    [
        Asked(corpus.VERIFICATION, corpus.command(corpus.C_ECHO, corpus.VERIFICATION, has_data=False), None),
        Asked(corpus.WORKLIST, corpus.command(corpus.C_FIND, corpus.WORKLIST), b"\x10\0\x10\0\0\0\0\0"),
    ],
    ids=["C-ECHO", "C-FIND"],
)
def test_a_comment_of_any_text_is_cut_to_64_characters_of_ascii_by_both(
    on_acceptor: Callable[[Toy], AbstractContextManager[tuple[Toy, Acceptor]]], asked: Asked
) -> None:
    with on_acceptor(Refusing()) as (_, acceptor):
        scanner = Scanner(acceptor.addresses[0])
        try:
            scanner.send(corpus.associate(implicit=True))
            assert scanner.pdu() is not None
            scanner.send(b"".join(corpus.message(asked.service, asked.command, asked.data)))
            (answer,) = scanner.answers()
        finally:
            scanner.close()
    assert isinstance(answer, Answer)
    assert answer.command[COMMENT] == b"Zo?/?? " + b"x" * 57


# ---------------------------------------------------------------------- the same associations


def scanner_request(
    contexts: Iterable[tuple[str, Sequence[str]]] = ((corpus.WORKLIST, (ImplicitVRLittleEndian,)),),
    roles: Iterable[tuple[bool, bool]] = (),
    **asked: Any,
) -> bytes:
    wanted = []
    for scu, scp in roles:
        role = SCP_SCU_RoleSelectionNegotiation()
        role.sop_class_uid, role.scu_role, role.scp_role = corpus.WORKLIST, scu, scp
        wanted.append(role)
    return association_request(contexts, more=wanted, **asked)


def outcome(relay: Relay, raw: bytes) -> Any:
    """Return what an A-ASSOCIATE-RQ leads to."""
    scanner = Scanner(relay.address)
    try:
        scanner.send(raw)
        pdu = scanner.pdu()
        if pdu is None or pdu.type is not PduType.A_ASSOCIATE_AC:
            return pdu
        answer = A_ASSOCIATE_AC()
        answer.decode(pdu.raw)
        said: Any = answer.to_primitive()
        results = {
            each.context_id: (each.result, each.transfer_syntax[:1] if each.result == 0 else [])
            for each in said.presentation_context_definition_results_list
        }
        information = {type(item).__name__: str(item) for item in said.user_information}
        return said.calling_ae_title, said.called_ae_title, results, information
    finally:
        scanner.close()


SYNTAXES = (
    (ImplicitVRLittleEndian,), (ExplicitVRLittleEndian,), (ExplicitVRLittleEndian,
    ImplicitVRLittleEndian), (DeflatedExplicitVRLittleEndian,), (DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian), ("1.2.3",),
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    calling=st.sampled_from(["SCANNER1", "SCANNER1", "JAPAN", "STRANGER", "MWL_RELAY", "scanner1"]),
    called=st.sampled_from(["MWL_RELAY", "MWL_RELAY", "MWL_RELAY", "OTHER"]),
    contexts=st.lists(
        st.tuples(
            st.sampled_from([*corpus.SERVICES, "1.2.840.10008.5.1.4.1.2.1.1"]), st.sampled_from(SYNTAXES)
        ),
        min_size=1,
        max_size=5,
    ),
    longest=st.sampled_from([0, 6, 1023, 1024, 16_384, 65_536, 1 << 20]),
    application_context=st.sampled_from([corpus.APPLICATION_CONTEXT] * 4 + ["1.2.3"]),
    roles=st.lists(st.sampled_from([(True, False), (False, True), (True, True)]), max_size=1),
)
def test_both_admit_reject_and_negotiate_alike(both: Both, roles: Any, contexts: Any, **asked: Any) -> None:
    raw = scanner_request(contexts, roles, **asked)
    own = outcome(both.own, raw)
    assert own is not None
    assert outcome(both.pynetdicom, raw) == own


@pytest.mark.parametrize(
    ("raw", "rejection"),
    [
        (scanner_request(calling="STRANGER"), (1, 1, 3)),
        (scanner_request(called="OTHER"), (1, 1, 7)),
        (scanner_request(application_context="1.2.3"), (1, 1, 2)),
        (scanner_request(longest=7), (1, 1, 1)),
    ],
    ids=["unknown caller", "somebody else called", "no DICOM", "useless PDUs"],
)
def test_who_is_refused_is_told_the_same_reason(both: Both, raw: bytes, rejection: tuple[int, ...]) -> None:
    for relay in both:
        pdu = outcome(relay, raw)
        assert pdu.type is PduType.A_ASSOCIATE_RJ
        assert tuple(pdu.raw[-3:]) == rejection


def instance_of(field: int, instance: str) -> bytes:
    """Return the command set of a request for an instance that pydicom would not let us name."""
    command = corpus.command(field, corpus.STEP, instance="2.25.1")
    tag = AFFECTED_INSTANCE if field == corpus.N_CREATE else AFFECTED_INSTANCE + 1
    raw = instance.encode() + b"\0" * (len(instance) % 2)
    head = struct.pack("<HHL", 0, tag, 6)
    assert head in command
    command = command.replace(head + b"2.25.1", struct.pack("<HHL", 0, tag, len(raw)) + raw)
    return command[:8] + struct.pack("<L", len(command) - 12) + command[12:]


@pytest.mark.parametrize("instance", ["abc", "1" * 65, "1.02", "1..2", "1.2.840.10008.1.2"])
@pytest.mark.parametrize("field", [corpus.N_CREATE, corpus.N_SET])
def test_an_instance_uid_that_is_none_is_refused_with_0117_by_both(
    both: Both, field: int, instance: str
) -> None:
    asked = [
        Asked(corpus.STEP, instance_of(field, instance), encoded(began(), implicit=True)),
        Asked(corpus.VERIFICATION, corpus.command(corpus.C_ECHO, corpus.VERIFICATION, has_data=False), None),
    ]
    for relay in both:
        refused, echoed, _ = conversation(relay, "SCANNER1", asked, implicit=True)
        assert refused[0][0][STATUS] == b"\x17\x01"
        assert echoed[0][0][STATUS] == b"\0\0"


def test_a_step_is_taken_by_both_alike_up_to_its_end(tmp_path: Path, both: Both) -> None:
    uid = "2.25.990"
    create, change = (
        corpus.command(field, corpus.STEP, instance=uid) for field in (corpus.N_CREATE, corpus.N_SET)
    )
    get = corpus.command(corpus.N_GET, corpus.STEP_RETRIEVE, instance=uid, has_data=False)
    asked = [
        Asked(corpus.STEP, create, encoded(began(), implicit=True)),
        Asked(corpus.STEP, create, encoded(began(), implicit=True)),
        Asked(corpus.STEP, change, encoded(progress(), implicit=True)),
        Asked(corpus.STEP_RETRIEVE, get, None),
        Asked(corpus.STEP, change, encoded(completed(), implicit=True)),
        Asked(corpus.STEP, change, encoded(discontinued(), implicit=True)),
    ]
    answered = compare(both, "SCANNER1", asked, implicit=True)
    statuses = [int.from_bytes(answers[0][0][STATUS], "little") for answers in answered[:-1]]
    assert statuses == [0, 0x0111, 0, 0, 0, 0x0110]
    assert len(answered[3][0][1]) > 100, "N-GET returned next to nothing"
