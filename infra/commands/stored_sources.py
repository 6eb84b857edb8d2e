"""What ``mwl-cloud sources list`` and ``sync`` do.

They ask no REDCap project, so nothing that talks to REDCap is loaded. Both raise `MwlError`,
in words for whoever called.
"""

from __future__ import annotations

import time

import typer
from pydantic import Field

from infra.commands.environment import load
from infra.commands.screen import show_table
from lambdas.settings import StoreSettings
from shared.errors import ExitCode


class SyncQueueSettings(StoreSettings):
    """What asking for a sync needs besides."""

    sync_queue_url: str = Field(description="SyncQueue.")


def show_all() -> None:
    """Print all sources; raise `typer.Exit` with 1 if one needs attention."""
    settings = load(StoreSettings)
    from lambdas.store.sources import SourceStore
    from lambdas.sync.status import reason_of, status_of

    now = time.time()
    known = SourceStore(settings.tables()).all()
    rows = []
    for source in known:
        report = source.state.report
        finished = report.finished_at.isoformat(sep=" ", timespec="seconds") if report else "never"
        state = source.state
        counts = [str(n or "") for n in (state.rejected_count, state.held_count, state.notes_count)]
        said = (status_of(source, now).value, reason_of(source, now))
        rows.append((source.source_id, finished, *said, *counts))
    columns = ("source", "last sync", "status", "reason", "rows rejected", "held", "values changed")
    show_table("Sources", columns, rows)
    if any(status_of(source, now).needs_attention for source in known):
        raise typer.Exit(ExitCode.NO)


def ask_for_sync(source_id: str, *, record: str, confirm_withdrawals: bool) -> None:
    """Ask for a sync of one source, or of one of its records."""
    settings = load(SyncQueueSettings)
    from lambdas.store.sources import SourceStore

    SourceStore(settings.tables()).find(source_id)
    import boto3  # takes a while to load, and the list needs no queue

    from lambdas.aws.sync_requests import SyncRequests

    client = boto3.client("sqs", region_name=settings.aws_region)
    SyncRequests(lambda: client, settings.sync_queue_url).send(
        source_id, record=record, confirm_withdrawals=confirm_withdrawals
    )
    typer.echo("asked; see: mwl-cloud sources list")
