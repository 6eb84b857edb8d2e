"""``mwl-cloud restore``: after the worklist table was restored to an earlier point."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from infra.commands.tools import reported
from shared.errors import ExitCode

if TYPE_CHECKING:
    from datetime import datetime

    from infra.commands.restored_table import RelayHistory

restore = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="After the worklist table was restored to an earlier point; see docs/cloud.md.",
)
_AGREES = {
    None: "has not said",
    True: "agrees",
    False: "knows a later state: it begins anew, and sends again what is missing",
}


@restore.command()
def check() -> None:
    """Say which settings the table lacks, and which relays know a later state of it. Exit code 1 if any."""
    import boto3

    from infra.commands.deployment import TableSettings, relay_store, worklist_store
    from infra.commands.environment import load
    from infra.commands.restored_table import histories, lost_settings
    from infra.commands.screen import show_table

    with reported():
        settings, relays = load(TableSettings), relay_store()
        client = boto3.client("dynamodb", region_name=settings.aws_region)
        lost = lost_settings(client, settings.worklist_table)
        found = list(histories(worklist_store(), relays.all(), relays.heartbeats()))
        rows = [
            (each.site, str(each.changes), _moment(each.written_at), _relays(each.relays)) for each in found
        ]
        show_table("Sites", ("site", "changes", "last change, UTC", "relays"), rows)
        for setting in lost:
            typer.echo(setting)
        if lost or any(each.is_rewritten for each in found):
            raise typer.Exit(ExitCode.NO)
        typer.echo("nothing is missing")


@restore.command()
def announce() -> None:
    """Tell all relays that the table was restored: they fetch their list anew, and send what is missing."""
    from infra.commands.deployment import worklist_store

    with reported():
        worklist = worklist_store()
        sites = worklist.sites()
        for site in sites:
            worklist.writer.begin_epoch(site)
        typer.echo(f"announced to the relays of {len(sites)} sites: {', '.join(sites) or 'there are none'}")


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}" if at else ""


def _relays(relays: tuple[RelayHistory, ...]) -> str:
    return "\n".join(f"{relay.name} ({relay.relay_id}): {_AGREES[relay.agrees]}" for relay in relays)
