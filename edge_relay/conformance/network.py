"""Sections 7.1 and 7.2: associations (PS3.8), and who may have one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pydicom.uid import UID

from edge_relay.conformance.markdown import table, text
from edge_relay.conformance.subject import Subject
from edge_relay.services.ports import IMPLEMENTATION_VERSION_NAME
from edge_relay.services.scp import HANDLERS, SERVICES
from edge_relay.upper_layer import negotiation
from edge_relay.upper_layer.application import Limits
from edge_relay.upper_layer.message import MOST_LARGE_MESSAGES
from edge_relay.upper_layer.negotiation import (
    APPLICATION_CONTEXT,
    IMPLEMENTATION_CLASS_UID,
    TRANSFER_SYNTAXES,
    Rejection,
)
from edge_relay.upper_layer.pdu import LEAST_PDU_BYTES, AbortReason

_RESULTS: Final = {1: "permanent", 2: "transient"}  # PS3.8 Table 9-21
_SOURCES: Final = {1: "service user", 2: "service provider (ACSE)", 3: "service provider (presentation)"}


def operations(sop_class_uid: str) -> list[str]:
    """Return the DIMSE operations of a SOP class that are answered."""
    found = [field.name.replace("_", "-") for uid, field in HANDLERS if uid == sop_class_uid]
    return [*found, "C-CANCEL"] if "C-FIND" in found else found


def section(subject: Subject) -> str:
    """Return both sections."""
    return text(
        "## 7 Network and media communication details",
        "### 7.1 General",
        "TCP/IP; IPv4, or IPv6 if `host` is such an address. Names are resolved (DNS) for the cloud only.",
        table(("Parameter", "Value"), _parameters(subject)),
        """
        An association performs one request at a time; up to four more are read in advance and wait. Command
        set and data set are sent in separate P-DATA-TF PDUs with one PDV each. PDUs with several PDVs are
        accepted.
        """,
        "### 7.2 Specifications of the relay AE",
        "#### 7.2.1 Association initiation",
        """
        To archives only, if `[[archives]]` lists any (5.2.4): one association at a time, with one
        presentation context (Explicit and Implicit VR Little Endian) and no other negotiation. It is released
        after each exam. The calling AE title is `calling_ae_title` of the archive, else the relay's own.
        With `tls_ca` the association is over TLS 1.2 or 1.3 (8.4).
        Associations to relays: see 4.2.
        """,
        "#### 7.2.2 Association acceptance",
        "##### 7.2.2.1 Presentation contexts",
        table(
            ("Abstract syntax", "UID", "Transfer syntaxes", "UID", "Role", "Extended negotiation"),
            _contexts(),
        ),
        f"""
        If a context proposes {TRANSFER_SYNTAXES[0].name}, it is chosen. A context with another abstract
        syntax is refused with result 3, a context with only other transfer syntaxes with result 4; the
        association is accepted all the same. Proposals of SCP/SCU roles, asynchronous operations, SOP Class
        extended negotiation and user identity are not answered, so the default applies. Deflated transfer
        syntax is refused on purpose: a few hundred kilobytes can inflate to hundreds of megabytes.
        """,
        """
        Items, sub-items and fields of an A-ASSOCIATE-RQ that the relay does not know or need are ignored, as
        PS3.8 9.3.1 and Annex D require: unknown items in any number and order, reserved bytes, and an
        Implementation Version Name that is too long or not ASCII. A presentation context that cannot be read
        is refused with result 3, also if none can be read; one with an even id cannot be answered and is
        left out, and of two with the same id the first counts. Only what is cut off is aborted. Whoever is
        refused or aborted appears in the relay's status with AE title and address, as far as they were read.
        """,
        "##### 7.2.2.2 Rejection",
        table(("Result", "Source", "Reason", "When"), _rejections()),
        """
        Checks are made in this order: application context, called AE title, calling AE title, address, number
        of associations, PDU length. The case of AE titles matters; leading and trailing spaces do not. The
        relay's own AE title is always accepted from its own machine. A connection that exceeds
        `max_connections_per_address`, or twice `max_associations` in total, is closed without reading from it
        and without an A-ASSOCIATE-RJ.
        """,
        "##### 7.2.2.3 Abort",
        table(("Source", "Reason", "When"), _aborts()),
        """
        The relay closes a connection if no A-ASSOCIATE-RQ arrives within `artim_seconds`. It aborts an
        association and closes its connection if a PDU takes longer than `pdu_timeout_seconds` to arrive or
        to be read by the peer, or if no request arrives for `network_timeout_seconds`. When the relay stops,
        it first finishes the answers in progress, within `stop_timeout_seconds`, then aborts all
        associations as service user. A-RELEASE-RQ is answered at once, even while a request is being
        answered; the rest of its answers is not sent.
        """,
    )


def _parameters(subject: Subject) -> Iterator[tuple[str, str]]:
    relay = subject.relay
    yield "AE title", f"{relay.ae_title} (`ae_title`)"
    yield "Application Context Name", APPLICATION_CONTEXT
    yield "Implementation Class UID", IMPLEMENTATION_CLASS_UID
    yield "Implementation Version Name", IMPLEMENTATION_VERSION_NAME
    yield "Maximum length received", f"{relay.max_pdu_bytes} bytes per PDU (`max_pdu_bytes`)"
    yield (
        "Maximum length sent",
        "as the peer allows, at most 65536 bytes, also if it sets no limit; a peer must allow "
        f"{LEAST_PDU_BYTES} or more",
    )
    yield (
        "Longest message",
        f"N-CREATE and N-SET {relay.max_message_bytes} bytes (`max_message_bytes`), any other "
        f"{min(Limits.large_message_bytes, relay.max_message_bytes)}; command set and data set together",
    )
    yield (
        f"Messages of more than {Limits.large_message_bytes} bytes at once",
        f"{MOST_LARGE_MESSAGES}; the relay reads no further from other peers until their turn, and does not "
        "count the wait against them",
    )
    yield (
        "Associations at once",
        f"{relay.max_associations} (`max_associations`), a profile may set fewer for its scanner",
    )
    yield "Connections of one address", f"{relay.max_connections_per_address} (`max_connections_per_address`)"
    yield "Outstanding asynchronous transactions", "1: not negotiated"
    yield "Association request time-out (ARTIM)", f"{relay.artim_seconds:g} s (`artim_seconds`)"
    yield "PDU time-out", f"{relay.pdu_timeout_seconds:g} s (`pdu_timeout_seconds`)"
    yield "Idle time-out", f"{relay.network_timeout_seconds:g} s (`network_timeout_seconds`)"


def _contexts() -> Iterator[tuple[str, ...]]:
    for service in SERVICES:
        for syntax in TRANSFER_SYNTAXES:
            yield UID(service).name, service, syntax.name, str(syntax), "SCP", "none"


def rejections() -> list[Rejection]:
    """Return every way an association is refused."""
    return [each for each in vars(negotiation).values() if isinstance(each, Rejection)]


def _rejections() -> Iterator[tuple[str, ...]]:
    for each in sorted(
        rejections(), key=lambda rejection: (rejection.result, rejection.source, rejection.reason)
    ):
        result = f"{each.result}, {_RESULTS[each.result]}"
        reason = f"{each.reason}, {_REASONS[each.source, each.reason]}"
        yield result, f"{each.source}, {_SOURCES[each.source]}", reason, each.why


_REASONS: Final = {  # PS3.8 Table 9-21
    (1, 1): "no reason given",
    (1, 2): "application context name not supported",
    (1, 3): "calling AE title not recognized",
    (1, 7): "called AE title not recognized",
    (2, 2): "protocol version not supported",
    (3, 1): "temporary congestion",
    (3, 2): "local limit exceeded",
}


def _aborts() -> Iterator[tuple[str, ...]]:
    yield "0, service user", "0", "the relay stops; or the first PDU is not a valid A-ASSOCIATE-RQ"
    for reason in AbortReason:
        words = reason.name.lower().replace("_", " ").replace("pdu", "PDU")
        yield "2, service provider", f"{reason.value}, {words}", _ABORTS[reason]


_ABORTS: Final = {
    AbortReason.NOT_SPECIFIED: "a time limit was exceeded; or an internal error",
    AbortReason.UNRECOGNIZED_PDU: "a PDU of unknown type",
    AbortReason.UNEXPECTED_PDU: "a PDU that the association's state does not allow (PS3.8 Table 9-10)",
    AbortReason.UNRECOGNIZED_PARAMETER: "not used",
    AbortReason.UNEXPECTED_PARAMETER: "a PDV out of order, or for a context that was not accepted",
    AbortReason.INVALID_PARAMETER: "a PDU, PDV, command set or message that is malformed or too long",
}
