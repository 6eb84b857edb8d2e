"""``mwl-cloud notices``: who is told what needs somebody, and whether it arrives."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from infra.commands.tools import reported
from shared.errors import Rejected

if TYPE_CHECKING:
    from lambdas.notices.store import NoticeStore

notices = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Who is told what needs somebody.")


@notices.command("list")
def list_notices() -> None:
    """Show every notice, and whether it arrives."""
    from infra.commands.screen import show_table
    from lambdas.notices.ledger import Ledger

    with reported():
        store = _store()
        ledgers = store.ledgers()
        rows = []
        for notice_id, each in store.all().items():
            ledger = ledgers.get(notice_id, Ledger())
            last = f"{ledger.delivered_at:%Y-%m-%d %H:%M}" if ledger.delivered_at else "-"
            kinds = ", ".join(sorted(each.kinds))
            rows.append(
                (notice_id, each.site, each.channel.value, each.shown_target, kinds, last, ledger.failure)
            )
        if not rows:
            typer.echo("nobody is told anything")
            return
        show_table("Notices", ("id", "site", "by", "to", "of", "last delivered", "failure"), rows)


@notices.command()
def add(
    site: Annotated[str, typer.Argument(help="The site it is about.")],
    channel: Annotated[str, typer.Argument(help="email, slack, teams or webhook.")],
    target: Annotated[str, typer.Argument(help="An e-mail address, or a webhook's https address.")],
    kind: Annotated[list[str] | None, typer.Option(help="May be repeated; left out: all kinds.")] = None,
    digest_at: Annotated[str, typer.Option(help="A daily list at this time of the site, HH:MM.")] = "",
    quiet: Annotated[str, typer.Option(help="Nothing is sent in this time, HH:MM-HH:MM.")] = "",
    only_digest: Annotated[bool, typer.Option("--only-digest", help="Nothing but the digest.")] = False,
) -> None:
    """Tell somebody from now on of a site's trouble."""
    from pydantic import ValidationError

    from lambdas.notices.subscription import Subscription
    from lambdas.store.audit.entry import COMMAND

    quiet_from, _, quiet_to = quiet.partition("-")
    fields: dict[str, object] = {
        "site": site,
        "channel": channel,
        "target": target,
        "immediately": not only_digest,
        "digest_at": digest_at,
        "quiet_from": quiet_from,
        "quiet_to": quiet_to,
        **({"kinds": kind} if kind else {}),
    }
    with reported():
        try:
            subscription = Subscription.model_validate(fields)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            raise Rejected(first["msg"], where=".".join(map(str, first["loc"])) or "notice") from None
        notice_id = uuid4().hex
        _store().add(notice_id, subscription, by=COMMAND)
        typer.echo(notice_id)


@notices.command()
def remove(notice_id: Annotated[str, typer.Argument(help="See: mwl-cloud notices list")]) -> None:
    """Tell them nothing any more."""
    from lambdas.store.audit.entry import COMMAND

    with reported():
        _store().remove(notice_id, by=COMMAND)
        typer.echo("removed")


@notices.command()
def test(notice_id: Annotated[str, typer.Argument(help="See: mwl-cloud notices list")]) -> None:
    """Send a message that says nothing but that it arrives, within a minute."""
    from lambdas.notices.ledger import with_test
    from lambdas.store.audit.entry import COMMAND

    with reported():
        store = _store()
        store.note_test(notice_id, by=COMMAND)
        now, new_id = datetime.now(UTC), uuid4().hex
        store.change(notice_id, lambda ledger: with_test(ledger, now=now, new_id=new_id))
        typer.echo("on its way; mwl-cloud notices list says whether it arrived")


def _store() -> NoticeStore:
    from infra.commands.deployment import TableSettings
    from infra.commands.environment import load
    from lambdas.notices.store import NoticeStore

    return NoticeStore(load(TableSettings).tables(), now=time.time)
