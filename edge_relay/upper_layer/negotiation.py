"""Association negotiation: what a peer proposed, and the answer (PS3.8 section 7.1 and 9.3, PS3.7 Annex D).

The PDUs' many sub-items are read and written by pynetdicom's own classes, which know all of them. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final
from weakref import WeakKeyDictionary

from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
    SCP_SCU_RoleSelectionNegotiation,
)
from pynetdicom.presentation import PresentationContext, build_context, negotiate_as_acceptor

from edge_relay.upper_layer.message import Context
from edge_relay.upper_layer.needed_items import caller, needed
from edge_relay.upper_layer.pdu import LEAST_PDU_BYTES, BadPdu

APPLICATION_CONTEXT: Final = "1.2.840.10008.3.1.1.1"
TRANSFER_SYNTAXES: Final = (ImplicitVRLittleEndian, ExplicitVRLittleEndian)
"""What is accepted. Never deflated: 0.4 MB may inflate to 386 MB."""

IMPLEMENTATION_CLASS_UID: Final = UID("2.25.168874797831131777545475082316898558119")
"""Names this implementation (PS3.7 D.3.3.2); a random UUID's integer, chosen once."""

UNVERSIONED: Final = "MWLRELAY"
"""The Implementation Version Name (PS3.7 D.3.3.2.4) of whoever names no other."""

_UNLIMITED: Final = 0
_ECHOED: Final = slice(10, 74)  # AE titles and 32 reserved bytes, in RQ and AC (PS3.8 9.3.3)


@dataclass(frozen=True, eq=False)
class Proposal:
    """What an A-ASSOCIATE-RQ asks for. Each is equal to itself only, so that its answer can be remembered.

    :param max_pdu_bytes: longest PDU the peer takes; 0: no limit.
    :param echoed: its AE titles and the reserved bytes after them, which the answer repeats.
    :param version: Protocol-version: a bit for each the peer has, bit 0 for the one there is (PS3.8 9.3.2).
    """

    calling_ae_title: str
    called_ae_title: str
    application_context: str
    max_pdu_bytes: int
    contexts: tuple[PresentationContext, ...]
    roles: Mapping[UID, tuple[bool | None, bool | None]]
    version: int = 1
    echoed: bytes = b""


@dataclass(frozen=True)
class Rejection:
    """Why an association is refused: an A-ASSOCIATE-RJ's fields (PS3.8 Table 9-21), and why, in words."""

    result: int
    source: int
    reason: int
    why: str


UNKNOWN_CALLING: Final = Rejection(1, 1, 3, "the calling AE title is not known")
UNKNOWN_CALLED: Final = Rejection(1, 1, 7, "the called AE title is not ours")
NO_APPLICATION_CONTEXT: Final = Rejection(1, 1, 2, "the application context is not DICOM's")
PDU_TOO_SHORT: Final = Rejection(1, 1, 1, "the peer takes no PDU of useful length")
NO_CONTEXT: Final = Rejection(1, 1, 1, "no presentation context has an id that can be answered")
WRONG_VERSION: Final = Rejection(1, 2, 2, "the peer does not have version 1 of the protocol")
WRONG_ADDRESS: Final = Rejection(1, 1, 3, "the calling AE title is not allowed from this address")
LIMIT_REACHED: Final = Rejection(2, 3, 2, "too many associations are open")
SHUTTING_DOWN: Final = Rejection(2, 3, 1, "the relay is stopping")


@lru_cache(maxsize=64)
def read_request(raw: bytes) -> Proposal:
    """Return what an A-ASSOCIATE-RQ proposes; raise `BadPdu` if it cannot be read.

    Remembered by its bytes: a scanner asks with the same ones every time.
    """
    readable, by = readable_request(raw), caller(raw)
    try:
        pdu = A_ASSOCIATE_RQ()
        pdu.decode(readable)
        proposal = _proposal(pdu.to_primitive())
    except Exception:  # noqa: BLE001  the codec raises whatever the bytes provoke
        raise BadPdu("an A-ASSOCIATE-RQ that cannot be read") from None
    return replace(
        proposal,
        calling_ae_title=by.calling,
        called_ae_title=by.called,
        version=by.version,
        echoed=raw[_ECHOED],
    )


def readable_request(raw: bytes) -> bytes:
    """Return an A-ASSOCIATE-RQ that pynetdicom can read; raise `BadPdu` if it is cut off."""
    return needed(raw, TRANSFER_SYNTAXES)


def _proposal(asked: Any) -> Proposal:
    return Proposal(
        calling_ae_title=str(asked.calling_ae_title).strip(),
        called_ae_title=str(asked.called_ae_title).strip(),
        application_context=str(asked.application_context_name or ""),
        max_pdu_bytes=int(asked.maximum_length_received or _UNLIMITED),
        contexts=tuple(asked.presentation_context_definition_list),
        roles={
            item.sop_class_uid: (item.scu_role, item.scp_role)
            for item in asked.user_information
            if isinstance(item, SCP_SCU_RoleSelectionNegotiation) and item.sop_class_uid
        },
    )


def unusable(proposal: Proposal) -> Rejection | None:
    """Return why no association can be of use to anybody, None if one can."""
    if not proposal.version & 1:
        return WRONG_VERSION
    if not proposal.calling_ae_title:
        return UNKNOWN_CALLING
    if not proposal.contexts:
        return NO_CONTEXT
    return PDU_TOO_SHORT if 0 < proposal.max_pdu_bytes < LEAST_PDU_BYTES else None


@dataclass(frozen=True)
class Agreement:
    """What was agreed: the A-ASSOCIATE-AC to send, and the contexts that were accepted."""

    answer: bytes
    contexts: Mapping[int, Context]


class Negotiator:
    """Answers proposals.

    :param services: SOP Class UIDs offered.
    :param max_pdu_bytes: longest PDU we want to receive.
    :param version_name: our Implementation Version Name, at most 16 characters (PS3.7 D.3.3.2.4).
    """

    def __init__(self, services: Sequence[str], max_pdu_bytes: int, version_name: str = UNVERSIONED) -> None:
        self._supported: Final = [build_context(uid, list(TRANSFER_SYNTAXES)) for uid in services]
        longest = MaximumLengthNotification()
        longest.maximum_length_received = max_pdu_bytes
        implementation = ImplementationClassUIDNotification()
        implementation.implementation_class_uid = IMPLEMENTATION_CLASS_UID
        named = ImplementationVersionNameNotification()
        named.implementation_version_name = version_name
        self._about_us: Final = [longest, implementation, named]
        self._agreed: Final[WeakKeyDictionary[Proposal, Agreement]] = WeakKeyDictionary()

    def agree(self, proposal: Proposal) -> Agreement:
        """Return the acceptance of a proposal; contexts we do not offer are refused one by one in it.

        Remembered for as long as `read_request` remembers the proposal: to make it takes longer than all
        else that opening an association does.
        """
        agreement = self._agreed.get(proposal)
        if agreement is None:
            agreement = self._agreed[proposal] = self._agree(proposal)
        return agreement

    def _agree(self, proposal: Proposal) -> Agreement:
        results, roles = negotiate_as_acceptor(
            list(proposal.contexts), self._supported, dict(proposal.roles) or None
        )
        primitive: Any = A_ASSOCIATE()
        primitive.application_context_name = APPLICATION_CONTEXT
        primitive.calling_ae_title = primitive.called_ae_title = "?"
        primitive.result = 0x00
        primitive.result_source = 0x01
        primitive.presentation_context_definition_results_list = results
        primitive.user_information = [*self._about_us, *roles]
        answer = A_ASSOCIATE_AC()
        answer.from_primitive(primitive)
        contexts = {
            int(each.context_id): Context(
                int(each.context_id),
                str(each.abstract_syntax),
                each.transfer_syntax[0] == ImplicitVRLittleEndian,
            )
            for each in results
            if each.result == 0x00 and each.context_id is not None
        }
        encoded = answer.encode()
        return Agreement(encoded[: _ECHOED.start] + proposal.echoed + encoded[_ECHOED.stop :], contexts)
