"""What the commands of ``mwl-cloud sources`` do that need more than what is stored.

All raise `MwlError`, in words for whoever called. Those that need no project are in
`infra.commands.stored_sources`. What talks to DynamoDB and REDCap is loaded once the environment is read.
"""

from __future__ import annotations

import secrets
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from infra.commands import no_tables
from infra.commands.deployment import relay_store, services
from infra.commands.environment import load
from infra.commands.no_tables import names_a_file, needs_none
from infra.commands.preview_tables import show_preview
from infra.commands.screen import console
from infra.commands.tools import text_of
from lambdas.settings import RedcapSettings
from shared.errors import AlreadyExists, ExitCode, MwlError, NotFound, Rejected

if TYPE_CHECKING:
    from lambdas.redcap.project import RedcapProject
    from lambdas.sources.definition import SourceDefinition
    from lambdas.sources.state import SourceState
    from lambdas.store.sources import SourceStore
    from lambdas.sync.connect import Connect
    from lambdas.sync.preview import Preview

REDCAP_SECONDS = 120.0
SECRET_BYTES = 32


def _connect(settings: RedcapSettings) -> Connect:
    from lambdas.sync.connect import connector

    return connector(settings, now=time.time, sleep=time.sleep, read_seconds=REDCAP_SECONDS)


def apply(file: Path) -> None:
    """Check a definition against its REDCap project, and store it."""
    definition = _definition(file)
    settings = load(RedcapSettings)
    from lambdas.store.audit.entry import COMMAND
    from lambdas.store.sources import SourceStore
    from lambdas.sync.project_check import check_project

    with closing(_connect(settings)(definition)) as redcap:
        checked = check_project(definition, redcap, time.time())
        shared = _shared_patient_ids(definition, redcap, settings)
    SourceStore(settings.tables()).put(definition, by=COMMAND, checked=checked.check)
    typer.echo(f"source {definition.id} stored; the schedule reads it within a minute")
    if checked.warning:
        typer.echo(f"REDCap's clock: {checked.warning}", err=True)
    for reason in shared:
        typer.echo(f"will be held: {reason}", err=True)


def _definition(file: Path) -> SourceDefinition:
    """Return what a file defines; raise `Rejected` or `NotFound` if that is nothing."""
    text = text_of(file)
    from lambdas.sources.file import parse_definition

    return parse_definition(text)


def _shared_patient_ids(
    definition: SourceDefinition, redcap: RedcapProject, settings: RedcapSettings
) -> list[str]:
    """Return why scans of the first records would be held: their Patient ID is another person's."""
    if definition.allow_shared_patient_id:
        return []
    from lambdas.store.dry_worklist import DryWorklist
    from lambdas.sync.preview import AT_APPLY, preview

    worklist = DryWorklist(settings.tables(), now=time.time)
    today = definition.local(datetime.now(UTC)).date()
    return preview(definition, redcap, worklist, today=today, scope=AT_APPLY).shared_patient_ids()


def show_preview_of(source: str, *, record: str, limit: int | None, as_json: bool) -> None:
    """Print what a sync would do; raise `typer.Exit` with 1 if it would reject rows or stop.

    Also if the definition would not be applied.
    """
    found = _of_file_alone(source, record, limit) if needs_none(source) else _of_source(source, record, limit)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        show_preview(console(), found)
    if found.rejected or found.blocked or found.misfits:
        raise typer.Exit(ExitCode.NO)


def _of_source(source: str, record: str, limit: int | None) -> Preview:
    from infra.commands.admin_settings import AdminSettings

    settings = load(AdminSettings)
    from lambdas.store.dry_worklist import DryWorklist
    from lambdas.store.sources import SourceStore
    from lambdas.sync.preview import Scope, preview
    from lambdas.sync.scanner_view import known_scanners

    definition, state = _meant(source, SourceStore(settings.tables()))
    with closing(_connect(settings)(definition)) as redcap:
        return preview(
            definition,
            redcap,
            DryWorklist(settings.tables(), now=time.time),
            scanners=known_scanners(relay_store(), definition.sites()),
            today=definition.local(datetime.now(UTC)).date(),
            left=state.sites,
            scope=Scope(record=record, limit=limit),
        )


def _of_file_alone(source: str, record: str, limit: int | None) -> Preview:
    definition = _definition(Path(source))
    from lambdas.store.dry_worklist import DryWorklist
    from lambdas.sync.preview import Scope, preview

    with closing(no_tables.connect(definition)) as redcap:
        return preview(
            definition,
            redcap,
            DryWorklist(None, now=time.time),
            today=definition.local(datetime.now(UTC)).date(),
            scope=Scope(record=record, limit=limit),
        )


def _meant(source: str, stored: SourceStore) -> tuple[SourceDefinition, SourceState]:
    """Return the definition meant, and what is remembered of its source."""
    if not names_a_file(source):
        try:
            return stored.get(source), stored.state(source)
        except NotFound:
            raise NotFound("is neither a file nor a source id", where=source) from None
    definition = _definition(Path(source))
    try:
        return definition, stored.state(definition.id)
    except NotFound:
        from lambdas.sources.state import SourceState

        return definition, SourceState()


def delete(source_id: str, *, withdraw: bool) -> None:
    """Delete a source; with ``withdraw`` take its open items off the worklist."""
    from lambdas.store.audit.entry import COMMAND

    withdrawn = services().remove_source(source_id, withdraw=withdraw, by=COMMAND)
    typer.echo(f"deleted, and {withdrawn} of its items withdrawn")


def make_trigger(source_id: str, *, rotate: bool) -> None:
    """Make a Data Entry Trigger's URL, and print it; with ``rotate`` the one before ends."""
    from infra.commands.admin_settings import TriggerSettings

    settings = load(TriggerSettings)
    from lambdas.api.services import services_from
    from lambdas.store.audit.entry import COMMAND

    deployed = services_from(settings)
    definition = deployed.sources.get(source_id)
    try:
        with closing(_connect(settings)(definition)) as redcap:
            project_id = str(redcap.project_info().get("project_id") or "")
    except MwlError as error:
        project_id = ""
        typer.echo(f"mwl-cloud: the project's id could not be read: {error}", err=True)
    secret = secrets.token_urlsafe(SECRET_BYTES)
    try:
        deployed.triggers.make(source_id, secret, project_id=project_id, replace=rotate, by=COMMAND)
    except AlreadyExists as error:
        raise Rejected(error.what, where=error.where, hint="--rotate makes a new URL") from None
    typer.echo(f"{settings.api_url.rstrip('/')}/hooks/redcap/{source_id}/{secret}")
    base = "" if settings.api_url else ", after the API's address"
    typer.echo(f"for the Data Entry Trigger of the project{base}; shown only now", err=True)
