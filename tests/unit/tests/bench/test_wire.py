"""The load client's bytes are what pynetdicom would send, and it understands what pynetdicom answers."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian
from pynetdicom.dimse_messages import C_FIND_RSP, N_CREATE_RSP, DIMSEMessage
from pynetdicom.dimse_primitives import C_FIND, N_CREATE
from pynetdicom.dsutils import decode, encode
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RJ, A_ASSOCIATE_RQ, A_RELEASE_RQ, P_DATA_TF
from pynetdicom.pdu_primitives import A_ASSOCIATE

from tests.bench import items, wire

UID_OF_STEP = "2.25.4711"


def commands(request: wire.Writes) -> tuple[Dataset, bytes]:
    """Return the command set and the data set of a request, decoded by pynetdicom and pydicom."""
    written = b"".join(request)
    length = 6 + int.from_bytes(written[2:6], "big")
    parts = []
    for pdu in (written[:length], written[length:]):
        taken = P_DATA_TF()
        taken.decode(pdu)
        (pdv,) = taken.presentation_data_value_items
        assert pdv.presentation_context_id == wire.CONTEXT
        parts.append(pdv.presentation_data_value or b"")
    assert parts[0][0] == 0b11, "a command, and its last fragment"
    assert parts[1][0] == 0b10, "a data set, and its last fragment"
    command = decode(BytesIO(parts[0][1:]), is_implicit_vr=True, is_little_endian=True)
    return command, parts[1][1:]


def responses(*messages: DIMSEMessage, longest_pdu: int = wire.LONGEST_PDU) -> bytes:
    """Return how pynetdicom would send messages."""
    sent = b""
    for message in messages:
        for primitive in message.encode_msg(wire.CONTEXT, longest_pdu):
            pdu = P_DATA_TF()
            pdu.from_primitive(primitive)
            sent += pdu.encode()
    return sent


def found(status: int, identifier: Dataset | None = None) -> DIMSEMessage:
    """Return a C-FIND response."""
    primitive = C_FIND()
    primitive.MessageIDBeingRespondedTo = 1
    primitive.AffectedSOPClassUID = UID(wire.WORKLIST)
    primitive.Status = status
    if identifier is not None:
        primitive.Identifier = BytesIO(encode(identifier, False, True) or b"")
    message = C_FIND_RSP()
    message.primitive_to_message(primitive)
    return message


def fed(received: bytes, size: int) -> list[wire.Answer]:
    """Return the answers that came of bytes read so many at a time."""
    answers = wire.Answers()
    pieces = [received[at : at + size] for at in range(0, len(received), size)]
    return [answer for piece in pieces if (answer := answers.feed(piece)) is not None]


def accepting(result: int = 0) -> bytes:
    """Return an A-ASSOCIATE-AC that answers the one context with a result."""
    asked = A_ASSOCIATE_RQ()
    asked.decode(wire.associate("MWL", "SCANNER1", wire.WORKLIST))
    primitive = asked.to_primitive()
    answer = A_ASSOCIATE()
    answer.application_context_name = primitive.application_context_name
    answer.calling_ae_title = primitive.calling_ae_title
    answer.called_ae_title = primitive.called_ae_title
    (context,) = primitive.presentation_context_definition_list
    context.result = result
    context.transfer_syntax = [ExplicitVRLittleEndian]
    answer.presentation_context_definition_results_list = [context]
    answer.user_information = primitive.user_information
    pdu = A_ASSOCIATE_AC()
    pdu.from_primitive(answer)
    return pdu.encode()


def test_the_association_request_says_who_calls_whom_for_what() -> None:
    pdu = A_ASSOCIATE_RQ()
    pdu.decode(wire.associate("MWL", "SCANNER1", wire.WORKLIST))
    asked = pdu.to_primitive()
    assert (asked.called_ae_title, asked.calling_ae_title) == ("MWL", "SCANNER1")
    assert asked.maximum_length_received == wire.LONGEST_PDU
    (context,) = asked.presentation_context_definition_list
    assert (context.context_id, context.abstract_syntax) == (wire.CONTEXT, wire.WORKLIST)
    assert context.transfer_syntax == [ExplicitVRLittleEndian]


def test_a_find_request_is_a_command_and_its_identifier() -> None:
    query = items.one(3)
    command, data = commands(wire.find(wire.encoded(query)))
    assert (command.AffectedSOPClassUID, command.CommandField) == (wire.WORKLIST, 0x0020)
    assert (command.MessageID, command.Priority, command.CommandDataSetType) == (1, 0, 1)
    assert data == encode(query, is_implicit_vr=False, is_little_endian=True)


@pytest.mark.parametrize("uid", ["2.25.1", "2.25.12"], ids=["even length", "odd length"])
def test_an_n_create_names_the_instance_it_makes(uid: str) -> None:
    command, _ = commands(wire.create(uid, b"\0" * 8))
    assert (command.AffectedSOPClassUID, command.AffectedSOPInstanceUID) == (wire.PERFORMED_STEP, uid)
    assert (command.CommandField, command.CommandDataSetType) == (0x0140, 1)


def test_an_n_set_names_the_instance_it_changes() -> None:
    command, _ = commands(wire.change(UID_OF_STEP, b"\0" * 8))
    assert command.RequestedSOPClassUID == wire.PERFORMED_STEP
    assert command.RequestedSOPInstanceUID == UID_OF_STEP
    assert command.CommandField == 0x0120


def test_the_group_length_of_a_command_is_right() -> None:
    command, _ = commands(wire.create(UID_OF_STEP, b"\0" * 8))
    length = command.CommandGroupLength
    del command.CommandGroupLength
    assert length == len(encode(command, True, True) or b"")


def test_a_request_is_written_as_findscu_writes_it() -> None:
    header, command, second_header, data = wire.find(b"\0" * 24)
    assert len(header) == len(second_header) == 12
    assert int.from_bytes(header[2:6], "big") == len(command) + 6
    assert data == b"\0" * 24


def test_an_association_is_accepted_once_the_whole_answer_is_there() -> None:
    whole = accepting()
    assert wire.accepted(whole)
    assert not any(wire.accepted(whole[:length]) for length in range(len(whole)))


def test_a_context_that_was_not_accepted_is_an_error() -> None:
    with pytest.raises(wire.WireError, match="context"):
        wire.accepted(accepting(result=3))


def test_a_rejection_is_an_error() -> None:
    pdu = A_ASSOCIATE_RJ()
    pdu.result, pdu.source, pdu.reason_diagnostic = 1, 1, 7
    with pytest.raises(wire.WireError, match="refused"):
        wire.accepted(pdu.encode())


@pytest.mark.slow
@given(
    matches=st.integers(0, 40),
    size=st.integers(1, 9000),
    longest_pdu=st.sampled_from([1024, wire.LONGEST_PDU]),
)
def test_answers_are_counted_however_they_are_cut(matches: int, size: int, longest_pdu: int) -> None:
    one = found(0xFF00, items.everything())
    received = responses(*[one] * matches, found(0x0000), longest_pdu=longest_pdu)
    assert fed(received, size) == [wire.Answer(0x0000, matches)]


def test_nothing_is_an_answer_before_the_last_response() -> None:
    answers = wire.Answers()
    received = responses(*[found(0xFF00, items.everything())] * 40, found(0x0000))
    assert answers.feed(received[:-1]) is None
    assert answers.feed(received[-1:]) == (0x0000, 40)


def test_an_association_takes_one_answer_after_another() -> None:
    received = responses(found(0xFF01, items.everything()), found(0x0000))
    answers = wire.Answers()
    assert [answers.feed(received) for _ in range(3)] == [(0, 1)] * 3


def test_a_failure_is_an_answer_too() -> None:
    assert fed(responses(found(0xA700)), 7) == [(0xA700, 0)]


def test_a_command_and_its_data_set_may_share_a_pdu() -> None:
    separate = responses(found(0xFF00, items.everything()))
    length = 6 + int.from_bytes(separate[2:6], "big")
    pdvs = separate[6:length] + separate[length + 6 :]
    joined = b"\x04\0" + len(pdvs).to_bytes(4, "big") + pdvs
    assert fed(joined + responses(found(0x0000)), 50) == [(0x0000, 1)]


def test_a_response_with_a_data_set_is_over_when_that_is_there() -> None:
    primitive = N_CREATE()
    primitive.MessageIDBeingRespondedTo = 1
    primitive.AffectedSOPClassUID = UID(wire.PERFORMED_STEP)
    primitive.AffectedSOPInstanceUID = UID(UID_OF_STEP)
    primitive.Status = 0x0000
    primitive.AttributeList = BytesIO(encode(items.everything(), False, True) or b"")
    message = N_CREATE_RSP()
    message.primitive_to_message(primitive)
    received, answers = responses(message), wire.Answers()
    assert answers.feed(received[:-1]) is None
    assert answers.feed(received[-1:]) == (0x0000, 0)


def test_what_is_no_response_is_an_error() -> None:
    with pytest.raises(wire.WireError, match="05"):
        wire.Answers().feed(A_RELEASE_RQ().encode())


def test_pynetdicom_understands_the_release() -> None:
    assert A_RELEASE_RQ().encode() == wire.RELEASE_RQ
