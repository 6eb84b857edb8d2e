"""Command sets, PS3.7 section 6.3: what another implementation writes we read, and the other way round."""

from __future__ import annotations

from contextlib import suppress
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import dimse_messages
from pynetdicom.dimse_primitives import C_CANCEL, C_ECHO, C_FIND, C_STORE, N_CREATE, N_GET, N_SET
from pynetdicom.dsutils import decode, encode

from edge_relay.upper_layer import command
from edge_relay.upper_layer.command import Command, CommandField
from edge_relay.upper_layer.pdu import BadPdu
from tests.rigs.mutations import mutations

VERIFICATION = "1.2.840.10008.1.1"
WORKLIST = "1.2.840.10008.5.1.4.31"
MPPS = "1.2.840.10008.3.1.2.3.3"
INSTANCE = "1.2.826.0.1.3680043.8.498.123"
AFFECTED = {"AffectedSOPClassUID": MPPS, "AffectedSOPInstanceUID": INSTANCE}
REQUESTED = {"RequestedSOPClassUID": MPPS, "RequestedSOPInstanceUID": INSTANCE}


def primitive(kind: type[Any], **values: Any) -> Any:
    made = kind()
    for name, value in values.items():
        setattr(made, name, value)
    return made


def encoded(message_name: str, asked: Any) -> bytes:
    """The command set of a request as pynetdicom sends it."""
    message = getattr(dimse_messages, message_name)()
    message.primitive_to_message(asked)
    parts = [
        pdv[1:]
        for data in message.encode_msg(1, 16_384)
        for _, pdv in data.presentation_data_value_list
        if pdv[0] & 1
    ]
    return b"".join(parts)


def some_data() -> BytesIO:
    return BytesIO(b"\x10\0\x10\0\0\0\0\0")


ECHO = encoded("C_ECHO_RQ", primitive(C_ECHO, MessageID=7, AffectedSOPClassUID=VERIFICATION))
FIND = encoded(
    "C_FIND_RQ",
    primitive(C_FIND, MessageID=65535, AffectedSOPClassUID=WORKLIST, Priority=2, Identifier=some_data()),
)
CANCEL = encoded("C_CANCEL_RQ", primitive(C_CANCEL, MessageIDBeingRespondedTo=9))
CREATE = encoded(
    "N_CREATE_RQ",
    primitive(N_CREATE, MessageID=1, **AFFECTED, AttributeList=some_data()),
)
CREATE_UNNAMED = encoded(
    "N_CREATE_RQ", primitive(N_CREATE, MessageID=1, AffectedSOPClassUID=MPPS, AttributeList=some_data())
)
SET = encoded(
    "N_SET_RQ",
    primitive(N_SET, MessageID=2, **REQUESTED, ModificationList=some_data()),
)
GET = encoded(
    "N_GET_RQ",
    primitive(N_GET, MessageID=3, **REQUESTED, AttributeIdentifierList=[0x00400252, 0x00100020]),
)
GET_ONE = encoded(
    "N_GET_RQ",
    primitive(N_GET, MessageID=3, **REQUESTED, AttributeIdentifierList=[0x00400252]),
)
GET_ALL = encoded(
    "N_GET_RQ",
    primitive(N_GET, MessageID=3, **REQUESTED),
)
STORE = encoded(
    "C_STORE_RQ",
    primitive(
        C_STORE,
        MessageID=4,
        AffectedSOPClassUID="1.2.840.10008.5.1.4.1.1.4",
        AffectedSOPInstanceUID=INSTANCE,
        Priority=0,
        DataSet=some_data(),
    ),
)
ALL = (ECHO, FIND, CANCEL, CREATE, CREATE_UNNAMED, SET, GET, GET_ONE, GET_ALL, STORE)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (ECHO, Command(CommandField.C_ECHO, 7, False, VERIFICATION)),
        (FIND, Command(CommandField.C_FIND, 65535, True, WORKLIST)),
        (CANCEL, Command(CommandField.C_CANCEL, 9, False)),
        (CREATE, Command(CommandField.N_CREATE, 1, True, MPPS, INSTANCE)),
        (CREATE_UNNAMED, Command(CommandField.N_CREATE, 1, True, MPPS)),
        (SET, Command(CommandField.N_SET, 2, True, MPPS, INSTANCE)),
        (GET, Command(CommandField.N_GET, 3, False, MPPS, INSTANCE, (0x00400252, 0x00100020))),
        (GET_ONE, Command(CommandField.N_GET, 3, False, MPPS, INSTANCE, (0x00400252,))),
        (GET_ALL, Command(CommandField.N_GET, 3, False, MPPS, INSTANCE)),
        (STORE, Command(CommandField.C_STORE, 4, True, "1.2.840.10008.5.1.4.1.1.4", INSTANCE)),
    ],
)
def test_requests_of_another_implementation_are_read(sent: bytes, expected: Command) -> None:
    assert command.read(sent) == expected


def answered(request: bytes, status: int, **options: Any) -> Dataset:
    return decode(BytesIO(command.write(command.read(request), status, **options)), True, True)


@pytest.mark.parametrize(
    ("request_set", "response_field", "sop_class", "instance"),
    [
        (ECHO, 0x8030, VERIFICATION, None),
        (FIND, 0x8020, WORKLIST, None),
        (CREATE, 0x8140, MPPS, INSTANCE),
        (CREATE_UNNAMED, 0x8140, MPPS, None),
        (SET, 0x8120, MPPS, INSTANCE),
        (GET, 0x8110, MPPS, INSTANCE),
    ],
)
def test_another_implementation_reads_our_answers(
    request_set: bytes, response_field: int, sop_class: str, instance: str | None
) -> None:
    found = answered(request_set, 0x0110, has_data_set=True)
    assert found.CommandField == response_field
    assert found.MessageIDBeingRespondedTo == command.read(request_set).message_id
    assert found.AffectedSOPClassUID == sop_class
    assert found.get("AffectedSOPInstanceUID") == instance
    assert found.CommandDataSetType != 0x0101
    assert found.Status == 0x0110
    assert "ErrorComment" not in found
    assert "ErrorID" not in found


@pytest.mark.parametrize("request_set", [ECHO, FIND, CREATE, CREATE_UNNAMED, SET, GET])
@pytest.mark.parametrize("options", [{}, {"comment": "odd"}, {"error_id": 0xA710, "comment": "even"}])
def test_the_elements_of_an_answer_ascend_and_their_length_is_told(
    request_set: bytes, options: dict[str, Any]
) -> None:
    raw = command.write(command.read(request_set), 0x0000, **options)
    found = decode(BytesIO(raw), True, True)
    tags = [element.tag for element in found]
    assert tags == sorted(tags)
    assert len(set(tags)) == len(tags)
    assert found.CommandGroupLength == len(raw) - 12
    assert encode(found, True, True) == raw


def test_an_answer_without_data_set_says_so() -> None:
    assert answered(ECHO, 0x0000).CommandDataSetType == 0x0101


def test_an_error_carries_its_comment_and_id() -> None:
    found = answered(SET, 0x0110, comment="no longer in progress", error_id=0xA710)
    assert found.ErrorComment == "no longer in progress"
    assert found.ErrorID == 0xA710


@pytest.mark.slow
@given(st.text(min_size=1, max_size=200))
def test_a_comment_is_always_a_legal_lo(comment: str) -> None:
    raw = command.write(command.read(ECHO), 0xC001, comment=comment)
    found = decode(BytesIO(raw), True, True)
    assert raw[12:].count(b"\\") == 0
    assert len(str(found.get("ErrorComment", ""))) <= 64
    assert all(0x20 <= each < 0x7F for each in str(found.ErrorComment).encode("ascii"))


def test_an_instance_we_named_is_told_in_place_of_the_request_s_own() -> None:
    assert answered(CREATE_UNNAMED, 0, sop_instance_uid="2.25.1").AffectedSOPInstanceUID == "2.25.1"


def elements(**values: Any) -> bytes:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    raw = encode(dataset, True, True)
    assert raw is not None
    return raw


GOOD: dict[str, Any] = {
    "AffectedSOPClassUID": UID(VERIFICATION),
    "CommandField": 0x30,
    "MessageID": 1,
    "CommandDataSetType": 0x0101,
}


@pytest.mark.parametrize("missing", list(GOOD))
def test_a_request_without_what_every_one_has_is_refused(missing: str) -> None:
    assert command.read(elements(**GOOD)).field is CommandField.C_ECHO
    with pytest.raises(BadPdu):
        command.read(elements(**{key: value for key, value in GOOD.items() if key != missing}))


@pytest.mark.parametrize(
    "changed", [{"CommandField": 0x8030}, {"CommandField": 0x0031}, {"AffectedSOPClassUID": UID("")}]
)
def test_what_is_no_request_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(BadPdu):
        command.read(elements(**{**GOOD, **changed}))


@pytest.mark.parametrize(
    "raw",
    [
        ECHO[:-1],
        ECHO[:-10] + b"\0",
        ECHO + ECHO[-10:],
        ECHO + b"\x08\0\x05\0\0\0\0\0",
        ECHO + b"\0\0\0\x01\xff\xff\xff\xff",
        ECHO + b"\0\0\x05\x10\x03\0\0\0abc",
        ECHO.replace(b"1.2.840.10008.1.1\0", b"1.2.840.10008.1.A\0"),
        ECHO.replace(b"1.2.840.10008.1.1\0", b"\xb2.2.840.10008.1.1\0"),
        b"".join(bytes((0, 0, each, 9, 0, 0, 0, 0)) for each in range(99)),
        b"",
    ],
)
def test_malformed_command_sets_are_refused(raw: bytes) -> None:
    with pytest.raises(BadPdu):
        command.read(raw)


@given(mutations(ALL, longest=500))
def test_mutations_raise_nothing_but_bad_pdu(raw: bytes) -> None:
    try:
        found = command.read(raw)
    except BadPdu:
        return
    # What is read can be answered.
    decode(BytesIO(command.write(found, 0)), True, True)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_nothing_but_bad_pdu(raw: bytes) -> None:
    with suppress(BadPdu):
        command.read(raw)


@pytest.mark.parametrize("instance", [b"abc\0", b"1." * 32 + b"1\0", "1.2.ü".encode()])
def test_an_instance_uid_that_is_none_is_the_services_to_refuse(instance: bytes) -> None:
    asked = primitive(N_SET, MessageID=1, RequestedSOPClassUID=MPPS, RequestedSOPInstanceUID=INSTANCE)
    asked.ModificationList = BytesIO(b"")
    raw = encoded("N_SET_RQ", asked)
    good = INSTANCE.encode() + b"\0" * (len(INSTANCE) % 2)
    header = b"\0\0\x01\x10"
    assert header + len(good).to_bytes(4, "little") + good in raw
    bad = instance + b" " * (len(instance) % 2)
    raw = raw.replace(
        header + len(good).to_bytes(4, "little") + good, header + len(bad).to_bytes(4, "little") + bad
    )
    read = command.read(raw)
    assert read.sop_instance_uid == bad.rstrip(b"\0 ").decode("ascii", "replace")
    assert bad.rstrip(b"\0 ") not in command.write(read, 0x0117)
