"""The DICOM ports, as the settings want them."""

from __future__ import annotations

from importlib.metadata import version
from time import monotonic
from typing import Final

from edge_relay.config import Settings, TlsSettings
from edge_relay.services.scp import SERVICES, Scp
from edge_relay.services.tls import ServerTls, TlsFiles
from edge_relay.upper_layer.application import Acceptor, ConnectionLimits, Limits, Port
from edge_relay.upper_layer.listener import Listener
from edge_relay.upper_layer.negotiation import Negotiator

# What was built after a release (1.2.3.post1.dev4+gabc) names that release: there is little room.
IMPLEMENTATION_VERSION_NAME: Final = f"MWLRELAY_{version('mwl-relay').partition('.post')[0]}"[:16]

_CONNECTIONS_AN_ASSOCIATION = 2  # those not yet associated, or already over, are connections as well


def make_tls(settings: Settings) -> ServerTls | None:
    """Return the TLS side, None if it is not asked for; raise `Rejected` if its files cannot be used."""
    return None if settings.tls is None else ServerTls(files_of(settings.tls), monotonic)


def files_of(tls: TlsSettings) -> TlsFiles:
    """Return the files that the settings name."""
    return TlsFiles(tls.certificate, tls.private_key, tls.client_ca, tls.client_certificates)


def make_listener(settings: Settings, scp: Scp, tls: ServerTls | None) -> Acceptor:
    """Return the bound ports, not yet accepting; raise `OSError` if one is taken."""
    relay = settings.relay
    ports = []
    if settings.tls is None or settings.tls.plain_port:
        ports.append(Port(relay.host, relay.port))
    if settings.tls is not None and tls is not None:
        ports.append(Port(relay.host, settings.tls.port, tls.context))
    limits = Limits(
        max_pdu_bytes=relay.max_pdu_bytes,
        max_message_bytes=relay.max_message_bytes,
        artim_seconds=relay.artim_seconds,
        idle_seconds=relay.network_timeout_seconds,
        pdu_seconds=relay.pdu_timeout_seconds,
    )
    connections = ConnectionLimits(
        total=relay.max_associations * _CONNECTIONS_AN_ASSOCIATION,
        per_address=relay.max_connections_per_address,
    )
    if relay.acceptor == "pynetdicom":
        from edge_relay.upper_layer.pynetdicom_acceptor import (  # noqa: PLC0415  (seldom needed)
            PynetdicomAcceptor,
        )

        return PynetdicomAcceptor(ports, scp, SERVICES, limits, connections, IMPLEMENTATION_VERSION_NAME)
    negotiator = Negotiator(SERVICES, relay.max_pdu_bytes, IMPLEMENTATION_VERSION_NAME)
    return Listener(ports, scp, negotiator, limits, connections)
