"""``mwl-cloud sources``: apply, list, preview, sync and delete sources, and make trigger URLs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from infra.commands.tools import reported

sources = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="REDCap projects that worklist items come from."
)

SourceId = Annotated[str, typer.Argument(help="See: mwl-cloud sources list")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@sources.command("apply")
def apply_source(
    file: Annotated[Path, typer.Argument(help="The definition, TOML or JSON; see infra/sources.")],
) -> None:
    """Check a source definition against its REDCap project, and store it.

    Says which scans of the first thousand records will be held because their Patient ID is another's."""
    from infra.commands import source_work

    with reported():
        source_work.apply(file)


@sources.command("list")
def list_sources() -> None:
    """List sources and how their last sync went. Exit code 1 if one needs attention."""
    from infra.commands import stored_sources

    with reported():
        stored_sources.show_all()


@sources.command("sync")
def sync_source(
    source_id: SourceId,
    record: Annotated[str, typer.Option(help="This record alone.")] = "",
    confirm_withdrawals: Annotated[
        bool,
        typer.Option(help="Withdraw any number of items, for this sync only. Preview first."),
    ] = False,
) -> None:
    """Ask for a sync of one source now."""
    from infra.commands import stored_sources

    with reported():
        stored_sources.ask_for_sync(source_id, record=record, confirm_withdrawals=confirm_withdrawals)


@sources.command("preview")
def preview_source(
    source: Annotated[str, typer.Argument(help="A definition's file, or the id of a source.")],
    record: Annotated[str, typer.Option(help="This record alone.")] = "",
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many records.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a sync would do now. Nothing is written; patient data are shown.

    Exit code 1 if rows would be rejected, withdrawals would wait, or the definition would not be applied."""
    from infra.commands import source_work

    with reported():
        source_work.show_preview_of(source, record=record, limit=limit, as_json=as_json)


@sources.command("delete")
def delete_source(
    source_id: SourceId,
    withdraw: Annotated[bool, typer.Option(help="Take its open items off the worklist.")] = False,
) -> None:
    """Delete a source. One with open items is refused without --withdraw; scanned exams stay."""
    from infra.commands import source_work

    with reported():
        source_work.delete(source_id, withdraw=withdraw)


@sources.command("token")
def store_token(
    name: Annotated[str, typer.Argument(help="SECRET:KEY or SECRET, as a definition's token_secret says.")],
    remove: Annotated[bool, typer.Option("--remove", help="Take it out instead.")] = False,
    kms_key: Annotated[
        str, typer.Option(help="The KMS key of a secret that has to be made; empty: AWS's own.")
    ] = "",
) -> None:
    """Store a REDCap API token in Secrets Manager, beside others in the same secret.

    Asks for the token and does not show it; in a script it is read from standard input."""
    from infra.commands.stored_secrets import token_work

    with reported():
        token_work.change(name, remove=remove, kms_key=kms_key)


@sources.command("trigger")
def make_trigger(
    source_id: SourceId,
    rotate: Annotated[bool, typer.Option(help="Make a new URL; the old one stops working.")] = False,
) -> None:
    """Make the URL for the project's Data Entry Trigger, so that a saved form is synced at once.

    It is shown once: paste it in REDCap under Project Setup, Additional customizations."""
    from infra.commands import source_work

    with reported():
        source_work.make_trigger(source_id, rotate=rotate)
