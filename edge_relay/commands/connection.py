"""The options that say which relay to ask, for the commands that ask one as a scanner would."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Concatenate

import typer

from edge_relay.commands.errors import reported
from shared.errors import NotFound, Rejected

if TYPE_CHECKING:
    from ssl import SSLContext

    from edge_relay.client.scu import Peer

Host = Annotated[str, typer.Option(envvar="MWL_RELAY_HOST", help="Where the relay listens.")]
Port = Annotated[int, typer.Option(min=1, max=65535, envvar="MWL_RELAY_PORT", help="Its DICOM port.")]
Called = Annotated[str, typer.Option(envvar="MWL_RELAY_AET", help="Its AE title.")]
Calling = Annotated[
    str, typer.Option(help="Our AE title; the relay must know it. Empty: the relay's own, which it knows.")
]
Tls = Annotated[
    str, typer.Option(help="Speak TLS, and trust the certificate or CA in this PEM file. Empty: no TLS.")
]
TlsClient = Annotated[
    str, typer.Option(help="PEM file with a client certificate and its key, if the relay asks for one.")
]


@dataclass(frozen=True)
class Connection:
    """Whom to ask, as the options say; each field is an option of the same name."""

    host: Host = "127.0.0.1"
    port: Port = 11112
    called: Called = "MWL_RELAY"
    calling: Calling = ""
    tls: Tls = ""
    tls_client: TlsClient = ""

    def peer(self) -> Peer:
        """Return the relay as the DICOM client knows it; raise `Rejected` if a PEM file cannot be used."""
        from edge_relay.client.scu import Peer

        return Peer(self.host, self.port, self.called, self.calling or self.called, tls=self._tls_context())

    def _tls_context(self) -> SSLContext | None:
        if not self.tls:
            return None
        from edge_relay.services.tls import tls_for_client

        return tls_for_client(Path(self.tls), Path(self.tls_client) if self.tls_client else None)


def asking(command: Callable[Concatenate[Connection, ...], None]) -> Callable[..., None]:
    """Give a command the options of the connection, after its arguments and before its own options.

    What it raises is reported; a `Rejected` is the relay's answer there, not a mistake in how we were called.
    """

    @wraps(command)
    def with_options(**given: Any) -> None:
        from edge_relay.upper_layer.pynetdicom_tuning import quiet

        with reported((Rejected, NotFound)):
            quiet()
            connection = {name: given.pop(name) for name in signature(Connection).parameters}
            command(Connection(**connection), **given)

    _, *own = signature(command, eval_str=True).parameters.values()
    arguments = [each for each in own if each.default is Parameter.empty]
    options = [each for each in own if each.default is not Parameter.empty]
    shown = [*arguments, *signature(Connection, eval_str=True).parameters.values(), *options]
    with_options.__signature__ = Signature(shown)  # type: ignore[attr-defined]  # typer reads it
    with_options.__annotations__ = {each.name: each.annotation for each in shown}
    return with_options
