"""Section 8: ports, TLS, and who is let in (PS3.15)."""

from __future__ import annotations

from collections.abc import Iterator

from edge_relay.config import StatusSettings, TlsSettings
from edge_relay.conformance.markdown import table, text, yes_no
from edge_relay.conformance.subject import Subject


def section(subject: Subject) -> str:
    """Return the section."""
    return text(
        "## 8 Security",
        "### 8.1 Introduction",
        """
        The relay is meant for a hospital's own network. Without TLS, DICOM is not encrypted and a scanner is
        known only by its AE title and address.
        """,
        "### 8.2 External network requirements",
        """
        HTTPS to the cloud, called by the relay, and name resolution for it. A synchronised clock is
        recommended: which day is today follows from it (`time_zone`). No LDAP, DHCP or Syslog is used.
        """,
        "### 8.3 TCP ports",
        table(("Port", "Protocol", "Open to"), _ports(subject)),
        "### 8.4 DICOM security profiles",
        table(
            ("Profile", "PS3.15", "Supported"),
            (
                ("BCP 195 RFC 8996, 9325 TLS Secure Transport Connection Profile", "B.12", _tls(subject)),
                (
                    "Secure use, audit trail, user identity, media, confidentiality, digital signature",
                    "",
                    "N",
                ),
            ),
        ),
        """
        TLS 1.2 and 1.3. With TLS 1.2: ECDHE key exchange with AES-GCM or ChaCha20-Poly1305; no compression,
        no renegotiation. Client certificates are required unless set otherwise (`client_certificates`) and
        checked against `client_ca`; which certificate belongs to which AE title is not checked. Certificates
        and keys are PEM files; renewed ones are used for connections made some five seconds later, without a
        restart. Revocation is not checked. If a TLS record's integrity check fails, the connection is closed;
        scanners see a closed connection, and the relay counts the association as ended by the transport
        (A-P-ABORT, no provider reason).
        """,
        "### 8.5 User Identity Negotiation",
        "Not supported; a proposal is ignored.",
        "### 8.6 Web services security",
        "Not applicable.",
        "### 8.7 Other security features",
        """
        - Association level: only calling AE titles with a profile are accepted (`allow_any_scanner` lifts
          that, for tests), only for the relay's own AE title, and, where the profile names any, only from its
          addresses.
        - Limits on connections, associations, PDU and message lengths, elements, and every wait; see 7.1 and
          7.2.2.3.
        - Application level: a scanner sees its own items only, if its profile says so
          (`restrict_to_station`).
        - Logs and Error Comments hold no patient data.
        """,
    )


def _ports(subject: Subject) -> Iterator[tuple[str, ...]]:
    relay, tls = subject.relay, subject.tls
    if tls is None or tls.plain_port:
        yield _port(relay.port, "relay.port"), "DICOM", f"{relay.host} (`host`)"
    if tls is not None:
        yield _port(tls.port, "tls.port"), "DICOM over TLS", f"{relay.host} (`host`)"
    elif subject.settings is None:
        shown = _port(TlsSettings.model_fields["port"].default, "tls.port")
        yield shown, "DICOM over TLS, if configured", f"{relay.host} (`host`)"
    status = subject.settings.status if subject.settings else StatusSettings()
    if status.port:
        yield (
            _port(status.port, "status.port"),
            "HTTP, status page and metrics",
            f"{status.host} (`status.host`)",
        )


def _port(number: int, key: str) -> str:
    return f"{number or 'a free one'} (`{key}`)"


def _tls(subject: Subject) -> str:
    if subject.settings is None:
        return f"{yes_no(True)}, if configured"
    if subject.tls is None:
        return f"{yes_no(False)}: not configured"
    return f"{yes_no(True)}; client certificates {subject.tls.client_certificates}"
