"""``mwl-cloud write-backs``: list and retry what REDCap refused."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.commands.tools import reported
from shared.errors import Rejected

write_backs = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Results of scans that REDCap refused."
)


@write_backs.command("list")
def list_parked() -> None:
    """Show the write-backs that REDCap refused, with the reason."""
    from infra.commands.deployment import step_store
    from infra.commands.screen import show_table

    with reported():
        rows = [
            (
                parked.sop_instance_uid,
                ", ".join(parked.sources()),
                ", ".join(item.id for item in parked.items),
                f"{parked.parked_at:%Y-%m-%d %H:%M}",
                str(parked.attempts),
                parked.reason,
            )
            for parked in step_store().parked_write_backs()
        ]
        if not rows:
            typer.echo("nothing is parked")
            return
        show_table("Parked write-backs", ("step", "source", "items", "parked", "tries", "reason"), rows)


@write_backs.command()
def retry(
    uids: Annotated[list[str] | None, typer.Argument(help="Steps, see: mwl-cloud write-backs list")] = None,
    every: Annotated[bool, typer.Option("--all", help="All that are parked.")] = False,
) -> None:
    """Try refused write-backs again, after you have repaired the cause. Takes up to a minute."""
    from infra.commands.deployment import step_store
    from lambdas.store.audit.entry import COMMAND

    with reported():
        if bool(uids) == every:
            raise Rejected("name steps, or give --all")
        steps = step_store()
        wanted = [each.sop_instance_uid for each in steps.parked_write_backs(500)] if every else uids or []
        for uid in wanted:
            steps.retry_write_back(uid, by=COMMAND)
        typer.echo(f"{len(wanted)} to be tried again")
