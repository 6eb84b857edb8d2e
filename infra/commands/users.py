"""``mwl-cloud users``: the people who use the API."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from infra.commands.tools import reported
from lambdas.access.role import Role

users = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="People who use the API.")

Name = Annotated[str, typer.Argument(help="The name to log in with.")]
Email = Annotated[str | None, typer.Option(help="Where to reach the person.")]
FullName = Annotated[str | None, typer.Option(help="What people call the person.")]
Sites = Annotated[list[str] | None, typer.Option("--site", help="A site the person may see; none: all.")]
Studies = Annotated[
    list[str] | None, typer.Option("--study", help="A source whose exams the person may see at /studies.")
]


@users.command("create")
def create_user(
    username: Name,
    role: Annotated[Role, typer.Option(help="admin: everything; write, read: worklist; study: its studies.")],
    email: Email = None,
    full_name: FullName = None,
    site: Sites = None,
    study: Studies = None,
) -> None:
    """Create an account. Generates its password and shows it once."""
    from infra.commands.deployment import services
    from lambdas.api.accounts import add_user

    with reported():
        import secrets

        password = secrets.token_urlsafe(15)
        add_user(services(), username, password, role, about=_about(email, full_name, site, study))
        typer.echo(f"{username} ({role.value}) created. Password, shown only now: {password}")


@users.command("list")
def list_users() -> None:
    """List all accounts."""
    from infra.commands.deployment import user_store
    from infra.commands.screen import show_table

    with reported():
        rows = [
            (u.username, u.role.value, ", ".join(u.sites), u.full_name, "disabled" if u.disabled else "")
            for u in user_store().all()
        ]
        show_table("Users", ("name", "role", "sites", "person", ""), rows)


@users.command("change")
def change_user(
    username: Name,
    role: Annotated[Role | None, typer.Option(help="Another role.")] = None,
    disabled: Annotated[bool | None, typer.Option("--disable/--enable", help="Keep out, or let in.")] = None,
    email: Email = None,
    full_name: FullName = None,
    site: Sites = None,
    study: Studies = None,
    all_sites: Annotated[bool, typer.Option("--all-sites", help="Let the person see all sites.")] = False,
) -> None:
    """Change what is given of an account. --disable ends its sessions."""
    from infra.commands.deployment import user_store
    from lambdas.store.audit.entry import COMMAND

    with reported():
        about = _about(email, full_name, [] if all_sites else site, study)
        user_store().change(username, role=role, disabled=disabled, about=about, by=COMMAND)
        typer.echo("changed")


@users.command("delete")
def delete_user(username: Name) -> None:
    """Delete an account. The last admin who can log in stays."""
    from infra.commands.deployment import user_store
    from lambdas.store.audit.entry import COMMAND

    with reported():
        user_store().remove(username, by=COMMAND)
        typer.echo("deleted")


@users.command("passwd")
def passwd(username: Name) -> None:
    """Give an account a new generated password, shown once. Ends all its sessions."""
    from infra.commands.deployment import services
    from lambdas.api.accounts import set_password

    with reported():
        import secrets

        password = secrets.token_urlsafe(15)
        set_password(services(), username, password)
        typer.echo(f"Password of {username}, shown only now: {password}")


@users.command("sessions")
def list_sessions(username: Name) -> None:
    """List an account's logins that have not ended."""
    from infra.commands.deployment import user_store
    from infra.commands.screen import show_table
    from shared.errors import NotFound

    with reported():
        user = user_store().find(username)
        if user is None:
            raise NotFound("no such user", where=username)
        rows = [
            (each.session_id, f"{each.began_at:%Y-%m-%d %H:%M}", f"{each.expires_at:%H:%M}", each.address)
            for each in user.sessions
        ]
        show_table("Sessions (UTC)", ("id", "since", "until", "from"), rows)


@users.command("logout")
def end_session(
    username: Name, session_id: Annotated[str, typer.Argument(help="See: mwl-cloud users sessions NAME")]
) -> None:
    """End a session: its token is no longer good."""
    from infra.commands.deployment import user_store
    from lambdas.store.audit.entry import COMMAND

    with reported():
        user_store().end_session(username, session_id, by=COMMAND)
        typer.echo("ended")


def _about(
    email: str | None, full_name: str | None, sites: list[str] | None, studies: list[str] | None
) -> dict[str, Any]:
    listed = {"sites": sites, "studies": studies}
    given = {"email": email, "full_name": full_name}
    several = {name: tuple(value) for name, value in listed.items() if value is not None}
    return {name: value for name, value in given.items() if value is not None} | several
