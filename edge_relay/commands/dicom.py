"""``mwl-relay echo``, ``find``, ``mpps create`` and ``mpps set``: ask a relay as a scanner would."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import uuid4

import typer

from edge_relay.commands.errors import reported, table
from shared.errors import NotFound, Rejected

Host = Annotated[str, typer.Option(envvar="MWL_RELAY_HOST", help="Where the relay listens.")]
Port = Annotated[int, typer.Option(envvar="MWL_RELAY_PORT", help="Its DICOM port.")]
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
DEFAULT_HOST, DEFAULT_PORT, DEFAULT_AET = "127.0.0.1", 11112, "MWL_RELAY"

mpps_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Report to a relay that a step began or ended, as a scanner would (DICOM MPPS).",
)


class Ending(StrEnum):
    """How a step ends."""

    COMPLETED = "COMPLETED"
    DISCONTINUED = "DISCONTINUED"


def add_commands(app: typer.Typer) -> None:
    """Put this module's commands into the application."""
    app.command()(echo)
    app.command()(find)
    app.add_typer(mpps_app, name="mpps")


def echo(
    host: Host = DEFAULT_HOST,
    port: Port = DEFAULT_PORT,
    called: Called = DEFAULT_AET,
    calling: Calling = "",
    tls: Tls = "",
    tls_client: TlsClient = "",
) -> None:
    """Ask a relay whether it is there (C-ECHO)."""
    from edge_relay.client import scu
    from edge_relay.commands import scanner_part

    with _asking():
        scu.echo(scanner_part.peer(host, port, called, calling, tls, tls_client))
        typer.echo(f"{called} at {host}:{port} answers")


def find(  # noqa: PLR0913, PLR0917  (each is an option of the command)
    host: Host = DEFAULT_HOST,
    port: Port = DEFAULT_PORT,
    called: Called = DEFAULT_AET,
    calling: Calling = "",
    tls: Tls = "",
    tls_client: TlsClient = "",
    modality: Annotated[str, typer.Option(help="Only this modality, e.g. MR.")] = "",
    station: Annotated[str, typer.Option(help="Only this scheduled station's AE title.")] = "",
    date: Annotated[str, typer.Option(help="Start date, YYYYMMDD, or a range: 20261120-20261122.")] = "",
    patient_name: Annotated[str, typer.Option(help="Name; wild cards * and ? are allowed.")] = "",
    patient_id: Annotated[str, typer.Option(help="Patient ID; wild cards are allowed.")] = "",
    status: Annotated[str, typer.Option(help="Step status, e.g. COMPLETED; default: all open steps.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print DICOM JSON, for programs.")] = False,
) -> None:
    """Show what a scanner would see (C-FIND). Shows patient data."""
    from edge_relay.client import scu
    from edge_relay.commands import scanner_part
    from edge_relay.dicom.json_model import to_json

    with _asking():
        query = scu.worklist_query(
            modality=modality,
            station_aetitle=station,
            date=date,
            patient_name=patient_name,
            patient_id=patient_id,
            status=status,
        )
        found = scu.find(scanner_part.peer(host, port, called, calling, tls, tls_client), query)
        if as_json:
            typer.echo(json.dumps([to_json(answer)[0] for answer in found], ensure_ascii=False, indent=2))
        else:
            columns = (
                "start",
                "station",
                "modality",
                "name",
                "id",
                "accession",
                "step",
                "status",
                "study UID",
            )
            table(f"{len(found)} items", columns, [scanner_part.row(answer) for answer in found])


@mpps_app.command()
def create(
    step_id: Annotated[str, typer.Argument(help="Scheduled Procedure Step ID, see: mwl-relay find")],
    host: Host = DEFAULT_HOST,
    port: Port = DEFAULT_PORT,
    called: Called = DEFAULT_AET,
    calling: Calling = "",
    tls: Tls = "",
    tls_client: TlsClient = "",
    uid: Annotated[str, typer.Option(help="SOP Instance UID; empty: the relay makes one.")] = "",
) -> None:
    """Say that the step STEP_ID of the worklist has begun (N-CREATE); prints the SOP Instance UID."""
    from edge_relay.client import scu
    from edge_relay.commands import scanner_part

    with _asking():
        relay = scanner_part.peer(host, port, called, calling, tls, tls_client)
        typer.echo(scu.create_step(relay, scanner_part.begun(relay, step_id), uid or None))


@mpps_app.command(name="set")
def set_(  # noqa: PLR0913, PLR0917  (each is an option of the command)
    uid: Annotated[str, typer.Argument(help="SOP Instance UID, as mpps create printed it.")],
    host: Host = DEFAULT_HOST,
    port: Port = DEFAULT_PORT,
    called: Called = DEFAULT_AET,
    calling: Calling = "",
    tls: Tls = "",
    tls_client: TlsClient = "",
    status: Annotated[Ending, typer.Option(help="How the step ended.")] = Ending.COMPLETED,
    wrong_entry: Annotated[
        bool,
        typer.Option(help="DISCONTINUED: the wrong entry was selected. The item is scheduled again."),
    ] = False,
) -> None:
    """Say that a step has ended (N-SET)."""
    from edge_relay.client import scu
    from edge_relay.commands import scanner_part

    with _asking():
        if wrong_entry and status is not Ending.DISCONTINUED:
            raise Rejected("goes with --status DISCONTINUED only", where="--wrong-entry")
        now = datetime.now().astimezone()
        changes = (
            scu.step_completed(now, f"2.25.{uuid4().int}")
            if status is Ending.COMPLETED
            else scu.step_discontinued(now, wrong_entry=wrong_entry)
        )
        scu.set_step(scanner_part.peer(host, port, called, calling, tls, tls_client), changes, uid)
        typer.echo(status.value)


@contextmanager
def _asking() -> Iterator[None]:
    # Here a Rejected is the peer's answer, not a mistake in how we were called.
    from edge_relay.upper_layer.pynetdicom_tuning import quiet

    with reported((Rejected, NotFound)):
        quiet()
        yield
