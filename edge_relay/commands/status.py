"""``mwl-relay status`` and ``list``: how the relay is doing, and what it holds."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge_relay.commands.errors import existing, reported, table
from edge_relay.commands.options import DEFAULT_CONFIG, DEFAULT_STATE, ConfigFile, Json, StateDir
from edge_relay.storage.state_files import CACHE_FILE, JOURNAL_FILE
from shared.errors import ExitCode, Rejected

if TYPE_CHECKING:
    from shared.worklist_item import WorklistItem

_MOST_WARNED = 100
_SHOWN = (
    "scheduled_start_date",
    "scheduled_start_time",
    "scheduled_station_aetitle",
    "modality",
    "patient_name",
    "patient_id",
    "accession_number",
    "performed_procedure_step_status",
    "id",
)


_WARNING = "With --check: seconds from which it is WARNING; without, the relay's own judgement counts."
WarningAge = Annotated[float | None, typer.Option(min=0, help=_WARNING)]
CriticalAge = Annotated[float, typer.Option(min=0, help="With --check: seconds from which it is CRITICAL.")]


def add_commands(app: typer.Typer) -> None:
    """Put this module's commands into the application."""
    app.command(name="status")(show_status)
    app.command(name="list")(list_)


def show_status(
    state_dir: StateDir = DEFAULT_STATE,
    as_json: Json = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="One line in the form that Nagios reads, and its exit codes."),
    ] = False,
    warning_age: WarningAge = None,
    critical_age: CriticalAge = 4 * 3600.0,
    warning_outbox_age: WarningAge = None,
    critical_outbox_age: CriticalAge = 24 * 3600.0,
) -> None:
    """Show how the relay is doing: cache, journal, outbox, scanners, who was refused.

    A relay that runs is asked itself; else what it wrote last is shown. Exit codes: 0 all is well, 1
    something needs attention, 2 (with --check only) it is critical: scanners are not served, or an age is
    beyond its limit, 3 the relay is not running.
    """
    from edge_relay.health import status
    from edge_relay.operations import status_table
    from edge_relay.operations.status_check import Limits, check_line, checked
    from edge_relay.operations.status_socket import ask

    with reported():
        found = ask(state_dir) or status.look(state_dir, datetime.now(UTC))
        if check:
            limits = Limits(warning_age, critical_age, warning_outbox_age, critical_outbox_age)
            level = checked(found, limits)
            typer.echo(check_line(found, level, limits))
            raise typer.Exit(level)
        if as_json:
            typer.echo(found.model_dump_json(indent=2))
        else:
            for section in status_table.sections(found):
                table(section.title, section.columns, section.rows, headed=True)
        if not found.running:
            raise typer.Exit(ExitCode.TRY_AGAIN)
        if found.problems:
            raise typer.Exit(ExitCode.NO)


def list_(
    state_dir: StateDir = DEFAULT_STATE,
    config_file: ConfigFile = DEFAULT_CONFIG,
    scanner: Annotated[
        str, typer.Option(help="Only what the scanner of this AE title would be shown if it asked now.")
    ] = "",
    outbox: Annotated[
        bool, typer.Option("--outbox", help="MPPS events not yet delivered, instead of the worklist.")
    ] = False,
    parked: Annotated[
        bool, typer.Option("--parked", help="Only events the cloud refused for good, with the reason.")
    ] = False,
    warned: Annotated[
        bool, typer.Option("--warned", help="The latest events with mistakes, and what was wrong.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the cached worklist, or what scanners reported. Shows patient data."""
    with reported():
        if sum((bool(scanner), outbox or parked, warned)) > 1:
            raise Rejected("use only one of --scanner, --outbox (or --parked), and --warned")
        if outbox or parked or warned:
            rows = _events(existing(state_dir / JOURNAL_FILE), parked=parked, warned=warned)
        else:
            cache = existing(state_dir / CACHE_FILE)
            rows = _shown_to(scanner, config_file, cache) if scanner else _all_cached(cache)
        if not (outbox or parked or warned):
            typer.echo(_as_of(state_dir), err=True)
        if as_json:
            import json

            typer.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        elif not rows:
            typer.echo("nothing")
        elif warned:
            for event in rows:
                typer.echo(_warned(event))
        else:
            table("", tuple(rows[0]), [tuple(map(str, row.values())) for row in rows])


def _as_of(state_dir: Path) -> str:
    """Say how old the list is, beside it: what reads the rows must not trip over it."""
    from edge_relay.health import status, words
    from edge_relay.operations.status_socket import ask

    found = ask(state_dir) or status.look(state_dir, datetime.now(UTC))
    if found.health is None or found.cache_age_seconds is None:
        return "worklist: it is not known how old it is"
    if found.health.pull.succeeded_at is None:
        return "worklist: not confirmed by the cloud since the relay started"
    return f"worklist as of {words.since(found.health.pull.succeeded_at, found.looked_at)}"


def _events(path: Path, *, parked: bool, warned: bool) -> list[dict[str, Any]]:
    from edge_relay.mpps.journal_reader import JournalReader

    with closing(JournalReader(path)) as reader:
        if warned:
            return [event._asdict() for event in reader.warned_events(_MOST_WARNED)]
        return [event._asdict() for event in reader.open_events() if not parked or event.state == "parked"]


def _warned(event: dict[str, Any]) -> str:
    """Say what was wrong with an event, in words."""
    at = datetime.fromisoformat(event["received_at"]).astimezone()
    where = (
        f"{at:%Y-%m-%d %H:%M} {event['calling_aetitle']}, {event['kind']} of step {event['sop_instance_uid']}"
    )
    return f"{where}: {'; '.join(event['warnings'])}"


def _shown_to(scanner: str, config_file: Path, cache: Path) -> list[dict[str, Any]]:
    from edge_relay import config
    from edge_relay.services.scanner_view import scanner_view_from_files

    return [_row(item) for item in scanner_view_from_files(scanner, config.load(config_file), cache)]


def _all_cached(path: Path) -> list[dict[str, Any]]:
    from edge_relay.worklist.cache_reader import CacheReader

    with closing(CacheReader(path)) as cache:
        return [_row(cached.item) for cached in cache.select()]


def _row(item: WorklistItem) -> dict[str, Any]:
    fields = item.model_dump(mode="json")
    return {name: fields[name] for name in _SHOWN}
