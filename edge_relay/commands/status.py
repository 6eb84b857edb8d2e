"""``mwl-relay status`` and ``list``: how the relay is doing, and what it holds."""

from __future__ import annotations

import json
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
    from edge_relay.health.status import RelayStatus
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


def add_commands(app: typer.Typer) -> None:
    """Put this module's commands into the application."""
    app.command(name="status")(show_status)
    app.command(name="list")(list_)


def show_status(
    state_dir: StateDir = DEFAULT_STATE,
    as_json: Json = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="One line in the form that Nagios reads; the same exit codes."),
    ] = False,
) -> None:
    """Show how the relay is doing: cache, journal, outbox, scanners, who was refused.

    Exit codes: 0 all is well, 1 something needs attention, 3 the relay is not running.
    """
    from edge_relay.health import status
    from edge_relay.operations import status_table

    with reported():
        found = status.look(state_dir, datetime.now(UTC))
        if as_json:
            typer.echo(found.model_dump_json(indent=2))
        elif check:
            typer.echo(_check_line(found))
        else:
            for section in status_table.sections(found):
                table(section.title, section.columns, section.rows)
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
        if as_json:
            typer.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        elif not rows:
            typer.echo("nothing")
        else:
            table("", tuple(rows[0]), [tuple(map(str, row.values())) for row in rows])


def _events(path: Path, *, parked: bool, warned: bool) -> list[dict[str, Any]]:
    from edge_relay.mpps.journal_reader import JournalReader

    with closing(JournalReader(path)) as reader:
        if warned:
            return [event._asdict() for event in reader.warned_events(_MOST_WARNED)]
        return [event._asdict() for event in reader.open_events() if not parked or event.state == "parked"]


def _shown_to(scanner: str, config_file: Path, cache: Path) -> list[dict[str, Any]]:
    from edge_relay import config
    from edge_relay.services.scanner_view import scanner_view_from_files

    return [_row(item) for item in scanner_view_from_files(scanner, config.load(config_file), cache)]


def _all_cached(path: Path) -> list[dict[str, Any]]:
    from edge_relay.worklist.cache import CacheReader

    with closing(CacheReader(path)) as cache:
        return [_row(cached.item) for cached in cache.select()]


def _row(item: WorklistItem) -> dict[str, Any]:
    fields = item.model_dump(mode="json")
    return {name: fields[name] for name in _SHOWN}


def _check_line(found: RelayStatus) -> str:
    from edge_relay.health import words

    word = "OK" if not found.problems else "WARNING" if found.running else "UNKNOWN"
    age = "U" if found.cache_age_seconds is None else f"{found.cache_age_seconds:.0f}s"  # U: not known
    items = "U" if found.items is None else str(found.items)
    figures = f"items={items} cache_age={age} outbox={found.outbox} parked={found.parked}"
    # What follows a vertical bar is figures, wherever it stands.
    said = words.one_line(found.problems).removeprefix("attention: ").replace("|", "/")
    return f"{word} - {said} | {figures}"
