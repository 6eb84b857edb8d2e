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
        The relay is made for a hospital's internal network. Without TLS, DICOM is not encrypted, and the
        relay recognises a scanner only by its AE title and address.
        """,
        "### 8.2 External network requirements",
        """
        The relay calls the cloud over HTTPS and needs name resolution for this. Its clock should be
        synchronised, because it decides which day is today (`time_zone`). It uses no LDAP, DHCP or Syslog.
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
        no renegotiation. Client certificates are required by default (`client_certificates`) and checked
        against `client_ca`. The relay does not check which certificate belongs to which AE title, nor
        revocation. Certificates and keys are PEM files; after a change, new connections use them within about
        five seconds, without a restart. If the integrity check of a TLS record fails, the relay closes the
        connection and treats the association as ended by the transport (A-P-ABORT, no provider reason).
        As SCU, towards an archive with `tls_ca`: TLS 1.2 and 1.3. The relay trusts that file only, does not
        compare host names, and shows `tls_client` if it is given. The files are read for each association.
        """,
        "### 8.5 User Identity Negotiation",
        "Not supported; a proposal is ignored.",
        "### 8.6 Web services security",
        "Not applicable.",
        "### 8.7 Other security features",
        """
        - Association level: the relay accepts only calling AE titles with a profile, only if they call its
          own AE title, and, if the profile lists addresses, only from these. `allow_any_scanner` turns the
          first check off, for tests.
        - Connections, associations, PDU and message lengths, elements and waiting times are limited; see 7.1
          and 7.2.2.3.
        - Application level: a profile can limit a scanner to its own items (`restrict_to_station`).
        - Logs and Error Comments contain no patient data.
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
