"""``mwl-cloud unended``: exams that a scanner began and never ended."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.commands.tools import reported


def list_unended(
    site: Annotated[str, typer.Option(help="Only of this site.")] = "",
) -> None:
    """List exams of the last 7 days that a scanner began and never ended: say whether they were done."""
    from infra.commands.deployment import services
    from infra.commands.screen import show_table
    from lambdas.store.linking.unended_exams import unended_exams

    with reported():
        known = services()
        today = known.local_now().date()
        rows = [
            (found.site, found.day, found.scanner, found.item_id, found.sop_instance_uid)
            for each in ([site] if site else known.worklist.sites())
            for found in unended_exams(known.worklist, known.step_links, each, today)
        ]
        if not rows:
            typer.echo("every exam that was begun has ended, or goes on")
            return
        show_table("Exams that were begun and never ended", ("site", "day", "scanner", "item", "step"), rows)
