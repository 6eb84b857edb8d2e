"""``mwl-cloud sources``: definitions, how their syncs go, what a sync would do, and asking for one."""

from __future__ import annotations

import secrets
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import boto3
import typer
from pydantic import Field

from infra.commands import tools as cli_tools
from infra.commands.preview_tables import show_preview
from infra.commands.tools import console, reported, show_table, text_of
from lambdas.api.services import services_from
from lambdas.settings import load
from lambdas.sources.definition import SourceDefinition
from lambdas.sources.file import parse_definition
from lambdas.sources.state import SourceState
from lambdas.store.dry_worklist import DryWorklist
from lambdas.store.sources import SourceStore
from lambdas.sync.connect import Connect, RedcapSettings, connector
from lambdas.sync.preview import Scope, preview
from lambdas.sync.project_check import check_project
from lambdas.sync.scanner_view import known_scanners
from lambdas.sync.status import reason_of, status_of
from lambdas.sync.wake_up import SyncRequests
from shared.errors import AlreadyExists, ExitCode, MwlError, NotFound, Rejected

REDCAP_SECONDS = 120.0
SECRET_BYTES = 32

sources = typer.Typer(no_args_is_help=True, help="REDCap projects that worklist items come from.")

SourceId = Annotated[str, typer.Argument(help="See: mwl-cloud sources list")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


class SyncQueueSettings(RedcapSettings):
    """What asking for a sync needs besides."""

    sync_queue_url: str = Field(description="SyncQueue.")


class TriggerSettings(cli_tools.AdminSettings):
    """What making a trigger's URL needs besides."""

    api_url: str = Field(default="", description="The API's address; empty: the URL is shown without it.")


def _connect(settings: RedcapSettings) -> Connect:
    return connector(settings, now=time.time, sleep=time.sleep, read_seconds=REDCAP_SECONDS)


@sources.command("apply")
def apply_source(
    file: Annotated[Path, typer.Argument(help="The definition, TOML or JSON; see infra/sources.")],
) -> None:
    """Check a source definition against its REDCap project, and store it."""
    with reported():
        definition = parse_definition(text_of(file))
        settings = load(RedcapSettings)
        with closing(_connect(settings)(definition)) as redcap:
            check_project(definition, redcap)
        SourceStore(settings.tables()).put(definition)
        typer.echo(f"source {definition.id} stored; the schedule reads it within a minute")


@sources.command("list")
def list_sources() -> None:
    """List sources and how their last sync went. Exit code 1 if one needs attention."""
    with reported():
        now = time.time()
        known = SourceStore(load(RedcapSettings).tables()).all()
        rows = []
        for source in known:
            report = source.state.report
            finished = report.finished_at.isoformat(sep=" ", timespec="seconds") if report else "never"
            counts = (str(source.state.rejected_count or ""), str(source.state.held_count or ""))
            said = (status_of(source, now).value, reason_of(source, now))
            rows.append((source.source_id, finished, *said, *counts))
        show_table("Sources", ("source", "last sync", "status", "reason", "rows rejected", "held"), rows)
        if any(status_of(source, now).needs_attention for source in known):
            raise typer.Exit(ExitCode.NO)


@sources.command("sync")
def sync_source(
    source_id: SourceId,
    record: Annotated[str, typer.Option(help="This record alone.")] = "",
    confirm_withdrawals: Annotated[
        bool, typer.Option(help="You have looked: however many items may be withdrawn, this once.")
    ] = False,
) -> None:
    """Ask for a sync of one source now."""
    with reported():
        settings = load(SyncQueueSettings)
        SourceStore(settings.tables()).find(source_id)
        client = boto3.client("sqs", region_name=settings.aws_region)
        SyncRequests(lambda: client, settings.sync_queue_url).send(
            source_id, record=record, confirm_withdrawals=confirm_withdrawals
        )
        typer.echo("asked; see: mwl-cloud sources list")


@sources.command("preview")
def preview_source(
    source: Annotated[str, typer.Argument(help="A definition's file, or the id of a source.")],
    record: Annotated[str, typer.Option(help="This record alone.")] = "",
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many records.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a sync would do now. Nothing is written; patient data are shown.

    Exit code 1 if rows would be rejected, or the sync would stop."""
    with reported():
        services = cli_tools.services()
        definition, state = _meant(source, services.sources)
        with closing(_connect(services.settings)(definition)) as redcap:
            found = preview(
                definition,
                redcap,
                DryWorklist(services.settings.tables(), now=time.time),
                scanners=known_scanners(services.relays, definition.sites()),
                today=definition.local(datetime.now(UTC)).date(),
                left=state.sites,
                scope=Scope(record=record, limit=limit),
            )
        if as_json:
            typer.echo(found.model_dump_json(indent=2))
        else:
            show_preview(console, found)
        if found.rejected or found.blocked:
            raise typer.Exit(ExitCode.NO)


def _meant(source: str, stored: SourceStore) -> tuple[SourceDefinition, SourceState]:
    """Return the definition meant, and what is remembered of its source."""
    file = Path(source)
    if not file.exists():
        try:
            return stored.get(source), stored.state(source)
        except NotFound:
            raise NotFound("is neither a file nor a source", where=source) from None
    definition = parse_definition(text_of(file))
    try:
        return definition, stored.state(definition.id)
    except NotFound:
        return definition, SourceState()


@sources.command("delete")
def delete_source(
    source_id: SourceId,
    withdraw: Annotated[bool, typer.Option(help="Take its open items off the worklist.")] = False,
) -> None:
    """Delete a source. One with open items is refused without --withdraw; scanned exams stay."""
    with reported():
        withdrawn = cli_tools.services().remove_source(source_id, withdraw=withdraw)
        typer.echo(f"deleted, and {withdrawn} of its items withdrawn")


@sources.command("trigger")
def make_trigger(
    source_id: SourceId,
    rotate: Annotated[bool, typer.Option(help="In the place of the URL before, which ends.")] = False,
) -> None:
    """Make the URL for the project's Data Entry Trigger, so that a saved form is synced at once.

    It is shown once: paste it in REDCap under Project Setup, Additional customizations."""
    with reported():
        settings = load(TriggerSettings)
        services = services_from(settings)
        definition = services.sources.get(source_id)
        try:
            with closing(_connect(settings)(definition)) as redcap:
                project_id = str(redcap.project_info().get("project_id") or "")
        except MwlError as error:
            project_id = ""
            typer.echo(f"mwl-cloud: the project could not be asked for its id: {error}", err=True)
        secret = secrets.token_urlsafe(SECRET_BYTES)
        try:
            services.triggers.make(source_id, secret, project_id=project_id, replace=rotate)
        except AlreadyExists as error:
            raise Rejected(error.what, where=error.where, hint="--rotate makes a new URL") from None
        typer.echo(f"{settings.api_url.rstrip('/')}/hooks/redcap/{source_id}/{secret}")
        base = "" if settings.api_url else ", after the API's address"
        typer.echo(f"for the Data Entry Trigger of the project{base}; shown only now", err=True)
