"""``mwl-relay echo``, ``find``, ``mpps create`` and ``mpps set``: ask a relay as a scanner would."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import uuid4

import typer

from edge_relay.commands.connection import Connection, asking
from edge_relay.commands.errors import table
from shared.errors import Rejected
from shared.text.quantity import quantity

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


@asking
def echo(connection: Connection) -> None:
    """Ask a relay whether it is there (C-ECHO)."""
    from edge_relay.client import scu

    scu.echo(connection.peer())
    typer.echo(f"{connection.called} at {connection.host}:{connection.port} answers")


@asking
def find(
    connection: Connection,
    modality: Annotated[str, typer.Option(help="Only this modality, e.g. MR.")] = "",
    station: Annotated[str, typer.Option(help="Only this scheduled station's AE title.")] = "",
    date: Annotated[
        str,
        typer.Option(help="Start date, 2026-11-20, or a range, 2026-11-20..2026-11-22."),
    ] = "",
    patient_name: Annotated[str, typer.Option(help="Name; wild cards * and ? are allowed.")] = "",
    patient_id: Annotated[str, typer.Option(help="Patient ID; wild cards are allowed.")] = "",
    status: Annotated[str, typer.Option(help="Step status, e.g. COMPLETED; default: all open steps.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print DICOM JSON, for programs.")] = False,
) -> None:
    """Show what a scanner would see (C-FIND). Shows patient data."""
    from edge_relay.client import scu
    from edge_relay.commands import scanner_part
    from edge_relay.dicom.json_model import to_json

    query = scu.worklist_query(
        modality=modality,
        station_aetitle=station,
        date=_dates(date),
        patient_name=patient_name,
        patient_id=patient_id,
        status=status,
    )
    found = scu.find(connection.peer(), query)
    if as_json:
        import json

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
        table(quantity(len(found), "item"), columns, [scanner_part.row(answer) for answer in found])


def _dates(text: str) -> str:
    from edge_relay.commands.query_dates import query_dates

    try:
        return query_dates(text)
    except Rejected as error:
        raise typer.BadParameter(error.what, param_hint="--date") from None


@mpps_app.command()
@asking
def create(
    connection: Connection,
    step_id: Annotated[str, typer.Argument(help="Scheduled Procedure Step ID, see: mwl-relay find")],
    uid: Annotated[str, typer.Option(help="SOP Instance UID; empty: the relay makes one.")] = "",
) -> None:
    """Say that the step STEP_ID of the worklist has begun (N-CREATE); prints the SOP Instance UID."""
    from edge_relay.client import scu
    from edge_relay.commands import scanner_part

    peer = connection.peer()
    typer.echo(scu.create_step(peer, scanner_part.begun(peer, step_id), uid or None))


@mpps_app.command(name="set")
@asking
def set_(
    connection: Connection,
    uid: Annotated[str, typer.Argument(help="SOP Instance UID, as mpps create printed it.")],
    status: Annotated[Ending, typer.Option(help="How the step ended.")] = Ending.COMPLETED,
    wrong_entry: Annotated[
        bool,
        typer.Option(help="DISCONTINUED: the wrong entry was selected. The item is scheduled again."),
    ] = False,
) -> None:
    """Say that a step has ended (N-SET)."""
    from edge_relay.client import scu

    if wrong_entry and status is not Ending.DISCONTINUED:
        raise Rejected("goes with --status DISCONTINUED only", where="--wrong-entry")
    now = datetime.now().astimezone()
    changes = (
        scu.step_completed(now, f"2.25.{uuid4().int}")
        if status is Ending.COMPLETED
        else scu.step_discontinued(now, wrong_entry=wrong_entry)
    )
    scu.set_step(connection.peer(), changes, uid)
    typer.echo(status.value)
