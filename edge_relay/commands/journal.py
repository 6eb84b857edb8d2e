"""``mwl-relay journal``: is what scanners reported sound, and is all of it there?"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import typer

from edge_relay.commands.errors import existing, reported, table
from edge_relay.commands.options import DEFAULT_STATE, Json, StateDir
from edge_relay.storage.state_files import JOURNAL_FILE
from shared.errors import ExitCode

if TYPE_CHECKING:
    from edge_relay.mpps.journal_checks import Checked

app = typer.Typer(help="Look after journal.db: what scanners reported.", no_args_is_help=True)


def add_commands(to: typer.Typer) -> None:
    """Put this module's commands into the application."""
    to.add_typer(app, name="journal")


@app.command()
def check(state_dir: StateDir = DEFAULT_STATE, as_json: Json = False) -> None:
    """Look the journal through: is the file sound, every record as it was written, and none missing?

    Changes nothing, and may run next to the relay. Exit codes: 0 all is well, 1 something is wrong.
    """
    from edge_relay.clock.boot import boot_id
    from edge_relay.mpps import journal_checks

    with reported():
        found = journal_checks.check(existing(state_dir / JOURNAL_FILE), boot_id())
        if as_json:
            content = found._asdict() | {"missing": [event.model_dump() for event in found.missing]}
            import json

            typer.echo(json.dumps(content, indent=2))
        else:
            table("journal.db", ("", ""), _rows(found))
        if not found.good:
            raise typer.Exit(ExitCode.NO)


@app.command()
def discarded(state_dir: StateDir = DEFAULT_STATE, as_json: Json = False) -> None:
    """List the events that people discarded: who, when and why, and why the cloud had refused them."""
    from edge_relay.mpps.journal_reader import JournalReader

    with reported(), closing(JournalReader(existing(state_dir / JOURNAL_FILE))) as reader:
        rows = [event._asdict() for event in reader.discarded()]
        if as_json:
            import json

            typer.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        elif not rows:
            typer.echo("nothing")
        else:
            table("", tuple(rows[0]), [tuple(map(str, row.values())) for row in rows])


@app.command()
def accept_loss(state_dir: StateDir = DEFAULT_STATE) -> None:
    """Stop telling of missing events, once a person has asked the scanners' operators for what they were."""
    from edge_relay.mpps.journal import Journal

    with reported(), closing(Journal(existing(state_dir / JOURNAL_FILE))) as journal:
        typer.echo(f"{journal.forget_missing()} missing events are no longer reported")


def _rows(found: Checked) -> list[tuple[str, str]]:
    rows = [("format", str(found.version))]
    rows += [(f"events {state}", str(count)) for state, count in sorted(found.events.items())]
    rows += [("the file", "is sound")] if not found.unsound else [("damaged", said) for said in found.unsound]
    rows += [("damaged", f"the record of event {seq}") for seq in found.damaged]
    for event in found.missing:
        said = (event.kind, event.sop_instance_uid, event.calling_aetitle, event.received_at)
        rows.append(("missing", f"event {event.seq}: " + (" ".join(filter(None, said)) or "not known which")))
    return rows or [("", "")]
