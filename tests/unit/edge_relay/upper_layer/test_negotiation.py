"""Association negotiation, PS3.8 section 7.1: proposals of another implementation, and of nobody's."""

from __future__ import annotations

import struct
from time import thread_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.pdu import A_ASSOCIATE_AC
from pynetdicom.pdu_primitives import (
    AsynchronousOperationsWindowNegotiation,
    SCP_SCU_RoleSelectionNegotiation,
    SOPClassExtendedNegotiation,
    UserIdentityNegotiation,
)

from edge_relay.upper_layer.negotiation import (
    APPLICATION_CONTEXT,
    Agreement,
    Negotiator,
    Proposal,
    read_request,
)
from edge_relay.upper_layer.pdu import BadPdu
from tests.rigs.association import association_request
from tests.rigs.mutations import mutations

VERIFICATION = "1.2.840.10008.1.1"
WORKLIST = "1.2.840.10008.5.1.4.31"
IMPLICIT, EXPLICIT = str(ImplicitVRLittleEndian), str(ExplicitVRLittleEndian)
DEFLATED, JPEG = str(DeflatedExplicitVRLittleEndian), "1.2.840.10008.1.2.4.50"
OFFERED = Negotiator([VERIFICATION, WORKLIST], 65_536)


def request(*contexts: tuple[str, list[str]], longest: int = 16_384, more: tuple[Any, ...] = ()) -> bytes:
    return association_request(contexts, longest=longest, more=more)


def agreed(raw: bytes) -> tuple[Agreement, Any]:
    """What was agreed, and our answer as the peer reads it."""
    agreement = OFFERED.agree(read_request(raw))
    answer = A_ASSOCIATE_AC()
    answer.decode(agreement.answer)
    return agreement, answer.to_primitive()


def results(answer: Any) -> list[tuple[int, int]]:
    return [(each.context_id, each.result) for each in answer.presentation_context_definition_results_list]


def test_a_proposal_says_who_calls_whom_and_how_long_a_pdu_may_be() -> None:
    proposal = read_request(request((VERIFICATION, [IMPLICIT]), longest=12_345))
    assert (proposal.calling_ae_title, proposal.called_ae_title) == ("SCANNER1", "MWL_RELAY")
    assert proposal.application_context == APPLICATION_CONTEXT
    assert proposal.max_pdu_bytes == 12_345


def test_titles_padded_with_nul_are_read_like_those_padded_with_spaces() -> None:
    raw = request((VERIFICATION, [IMPLICIT])).replace(b"SCANNER1        ", b"SCANNER1" + b"\0" * 8)
    assert read_request(raw).calling_ae_title == "SCANNER1"


def test_no_limit_of_the_peer_is_zero() -> None:
    assert read_request(request((VERIFICATION, [IMPLICIT]), longest=0)).max_pdu_bytes == 0


@pytest.mark.parametrize(
    ("transfers", "implicit"),
    [
        ([IMPLICIT], True),
        ([EXPLICIT], False),
        ([EXPLICIT, IMPLICIT], True),
        ([DEFLATED, EXPLICIT], False),
    ],
)
def test_a_service_is_accepted_in_implicit_or_explicit_little_endian(
    transfers: list[str], implicit: bool
) -> None:
    agreement, answer = agreed(request((WORKLIST, transfers)))
    assert results(answer) == [(1, 0)]
    assert agreement.contexts[1] == (1, WORKLIST, implicit)
    (accepted,) = answer.presentation_context_definition_results_list[0].transfer_syntax
    assert accepted == (IMPLICIT if implicit else EXPLICIT)


@pytest.mark.parametrize("transfers", [[DEFLATED], [JPEG], [DEFLATED, JPEG], ["1.2.3"]])
def test_deflated_and_compressed_alone_are_refused_as_transfer_syntaxes(transfers: list[str]) -> None:
    agreement, answer = agreed(request((WORKLIST, transfers), (VERIFICATION, [IMPLICIT])))
    assert results(answer) == [(1, 4), (3, 0)]
    assert list(agreement.contexts) == [3]


def test_a_service_we_do_not_offer_is_refused_and_the_others_are_not() -> None:
    agreement, answer = agreed(request(("1.2.840.10008.5.1.4.1.1.4", [IMPLICIT]), (WORKLIST, [IMPLICIT])))
    assert results(answer) == [(1, 3), (3, 0)]
    assert list(agreement.contexts) == [3]


def test_an_association_may_have_no_service_at_all() -> None:
    agreement, answer = agreed(request(("1.2.840.10008.5.1.4.1.1.4", [JPEG])))
    assert results(answer) == [(1, 3)]
    assert agreement.contexts == {}


def test_the_same_service_may_be_proposed_once_a_transfer_syntax() -> None:
    agreement, _ = agreed(request((WORKLIST, [EXPLICIT]), (WORKLIST, [IMPLICIT]), (WORKLIST, [JPEG])))
    assert [(each.context_id, each.implicit) for each in agreement.contexts.values()] == [
        (1, False),
        (3, True),
    ]


def test_128_contexts_are_each_answered() -> None:
    syntaxes = [IMPLICIT, EXPLICIT, DEFLATED, JPEG]
    raw = request(*[(WORKLIST if number == 100 else f"1.2.3.{number}", syntaxes) for number in range(128)])
    agreement, answer = agreed(raw)
    assert results(answer) == [(2 * number + 1, 0 if number == 100 else 3) for number in range(128)]
    assert list(agreement.contexts) == [201]


def test_the_same_bytes_get_the_same_answer_and_others_another() -> None:
    one, other = request((WORKLIST, [IMPLICIT])), request((WORKLIST, [EXPLICIT]))
    assert agreed(one)[0] is agreed(one)[0]
    assert agreed(other)[0].contexts != agreed(one)[0].contexts
    assert Negotiator([VERIFICATION], 65_536).agree(read_request(one)).contexts == {}


def role(uid: str, scu: bool, scp: bool) -> SCP_SCU_RoleSelectionNegotiation:
    made = SCP_SCU_RoleSelectionNegotiation()
    made.sop_class_uid = uid
    made.scu_role, made.scp_role = scu, scp
    return made


@pytest.mark.parametrize(("scu", "scp"), [(True, False), (True, True), (False, True)])
def test_we_serve_whatever_roles_are_proposed(scu: bool, scp: bool) -> None:
    agreement, answer = agreed(request((WORKLIST, [IMPLICIT]), more=(role(WORKLIST, scu, scp),)))
    assert results(answer) == [(1, 0)]
    assert list(agreement.contexts) == [1]
    # No answer to a role selection: the default roles, PS3.7 D.3.3.4.
    assert not [
        each for each in answer.user_information if isinstance(each, SCP_SCU_RoleSelectionNegotiation)
    ]


def test_what_else_a_peer_negotiates_is_left_unanswered() -> None:
    window = AsynchronousOperationsWindowNegotiation()
    window.maximum_number_operations_invoked = window.maximum_number_operations_performed = 5
    extended = SOPClassExtendedNegotiation()
    extended.sop_class_uid = WORKLIST
    extended.service_class_application_information = b"\x01\x01"
    identity = UserIdentityNegotiation()
    identity.user_identity_type, identity.primary_field = 1, b"technician"
    _, answer = agreed(request((WORKLIST, [IMPLICIT]), more=(window, extended, identity)))
    assert results(answer) == [(1, 0)]
    assert [type(each).__name__ for each in answer.user_information] == [
        "MaximumLengthNotification",
        "ImplementationClassUIDNotification",
        "ImplementationVersionNameNotification",
    ]


def test_we_tell_the_longest_pdu_we_take() -> None:
    _, answer = agreed(request((WORKLIST, [IMPLICIT])))
    assert answer.maximum_length_received == 65_536
    assert (answer.calling_ae_title, answer.called_ae_title) == ("SCANNER1", "MWL_RELAY")


# ------------------------------------------------------------------------------------------- crafted by hand


def item(kind: int, body: bytes) -> bytes:
    return struct.pack(">BBH", kind, 0, len(body)) + body


def crafted(*items: bytes, calling: bytes = b"SCANNER1") -> bytes:
    body = struct.pack(">HH16s16s32x", 1, 0, b"MWL_RELAY".ljust(16), calling.ljust(16)) + b"".join(items)
    return struct.pack(">BBL", 1, 0, len(body)) + body


def context(number: int, *parts: bytes) -> bytes:
    return item(0x20, bytes((number, 0, 0, 0)) + b"".join(parts))


APPLICATION = item(0x10, APPLICATION_CONTEXT.encode())
ABSTRACT, TRANSFER = item(0x30, VERIFICATION.encode()), item(0x40, IMPLICIT.encode())
USER = item(0x50, item(0x51, struct.pack(">L", 16_384)) + item(0x52, b"1.2.3"))
PLAIN = crafted(APPLICATION, context(1, ABSTRACT, TRANSFER), USER)


def test_a_request_crafted_by_hand_is_read_too() -> None:
    assert [each.context_id for each in read_request(PLAIN).contexts] == [1]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        PLAIN[:6],
        PLAIN[:73],
        crafted(APPLICATION, b"\x20\0\xff\xff\x01\0\0\0", USER),
        crafted(APPLICATION, context(1, ABSTRACT, TRANSFER), b"\x50\0\0\x04\x51\0\0\x08"),
    ],
    ids=len,
)
def test_what_cannot_be_read_or_answered_is_refused(raw: bytes) -> None:
    with pytest.raises(BadPdu):
        OFFERED.agree(read_request(raw))


def distinct(number: int) -> bytes:
    return b"1.%d" % number


HEAVY = {  # each of nearly 64 KB, and more work for the codec than its bytes let one think
    "application contexts of no length": [item(0x10, b"")] * 16_000,
    "user information of no length": [item(0x50, b"")] * 16_000,
    "contexts": [context(1 + n % 128 * 2, item(0x30, distinct(n)), item(0x40, b"1.2")) for n in range(2500)],
    "transfer syntaxes": [context(1, ABSTRACT, *[item(0x40, distinct(n)) for n in range(6400)])],
    "roles": [
        item(
            0x50,
            b"".join(
                item(0x54, struct.pack(">H", len(distinct(n))) + distinct(n) + b"\1\1") for n in range(4000)
            ),
        )
    ],
    "common extended negotiation": [
        item(0x50, item(0x57, b"\0\x031.2\0\x031.3" + struct.pack(">H", 60_000) + b"\0\x011" * 20_000))
    ],
}


@pytest.mark.parametrize("items", HEAVY.values(), ids=HEAVY)
def test_a_proposal_with_more_items_than_anybody_needs_is_read_at_once(items: list[bytes]) -> None:
    raw = crafted(APPLICATION, context(1, ABSTRACT, TRANSFER), USER, *items)
    began = thread_time()
    proposal = read_request(raw)
    assert thread_time() - began < 0.5
    assert proposal.contexts[0].abstract_syntax == VERIFICATION
    assert len(proposal.contexts) <= 128


@pytest.mark.slow
@given(
    mutations(
        [PLAIN, request((WORKLIST, [IMPLICIT, EXPLICIT]), more=(role(WORKLIST, True, True),))], longest=1000
    )
)
def test_mutations_raise_nothing_but_bad_pdu(raw: bytes) -> None:
    try:
        proposal = read_request(raw)
    except BadPdu:
        return
    assert isinstance(proposal, Proposal)
    assert OFFERED.agree(proposal).answer[0] == 2


lengths = st.sampled_from([0, 1, 2, 3, 4, 8, 0xFF, 0xFFFF])
items = st.builds(
    lambda kind, length, body: struct.pack(">BBH", kind, 0, length) + body,
    st.sampled_from([0x10, 0x20, 0x30, 0x40, 0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59]),
    lengths,
    st.binary(max_size=12),
)


@given(st.lists(items, max_size=12))
def test_items_of_wrong_and_overlapping_lengths_raise_nothing_but_bad_pdu(made: list[bytes]) -> None:
    try:
        proposal = read_request(crafted(APPLICATION, context(1, ABSTRACT, TRANSFER), *made))
    except BadPdu:
        return
    OFFERED.agree(proposal)
