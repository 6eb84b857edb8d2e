"""The command ``mwl-cloud``: the local stack, and the administration of a deployment.

Administration talks to the deployment's own tables with your AWS credentials; WORKLIST_TABLE and
ACCOUNTS_TABLE name them (``sam list stack-outputs`` shows both). Exit codes: 0 done; 1 the answer is no; 2
wrong use or settings; 3 the other side cannot be reached. Errors are one line on stderr.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import boto3
import typer
from pydantic import Field
from rich.console import Console
from rich.table import Table

from infra.local import demo
from infra.local.stack import SOURCE_FILE
from lambdas.api.services import Services, services_from
from lambdas.api.settings import ApiSettings
from lambdas.api.users import add_user, set_password
from lambdas.connect import RedcapSettings, connector
from lambdas.queue import send_all
from lambdas.settings import load
from lambdas.source_file import check_against, parse_definition
from lambdas.store.accounts import Role
from lambdas.store.sources import SourceStore
from shared.errors import MwlError, Rejected

EXIT_NO, EXIT_WRONG, EXIT_UNREACHABLE = 1, 2, 3

app = typer.Typer(
    name="mwl-cloud",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="""mwl-relay's cloud side: try it here (mwl-cloud local), or administer a deployment.

    A new deployment: mwl-cloud users create NAME --role admin; mwl-cloud sources apply FILE; mwl-cloud
    relays enroll SITE, and give the code to whoever sets up the relay.""",
    epilog="Exit codes: 0 done, 1 the answer is no, 2 wrong use or settings, 3 not reachable.",
)
users = typer.Typer(no_args_is_help=True, help="People who use the API.")
sources = typer.Typer(no_args_is_help=True, help="REDCap projects that worklist items come from.")
relays = typer.Typer(no_args_is_help=True, help="The relays near the scanners.")
for name, group in (("users", users), ("sources", sources), ("relays", relays)):
    app.add_typer(group, name=name)

console = Console()


class AdminSettings(ApiSettings):
    """What administration reads from its environment."""

    signing_key_secret_id: str = Field(default="", description="Not used here.")


class SyncQueueSettings(RedcapSettings):
    """What asking for a sync needs besides."""

    sync_queue_url: str = Field(description="SyncQueue.")


@contextmanager
def _reported() -> Iterator[None]:
    """End with one line and an exit code where something of ours fails."""
    try:
        yield
    except MwlError as error:
        typer.echo(f"mwl-cloud: {error}", err=True)
        wrong = EXIT_WRONG if isinstance(error, Rejected) else EXIT_NO
        raise typer.Exit(EXIT_UNREACHABLE if error.retryable else wrong) from None


def _services() -> Services:
    return services_from(load(AdminSettings))


def _table(title: str, headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    table = Table(title=title)
    for heading in headings:
        table.add_column(heading)
    for row in rows:
        table.add_row(*row)
    console.print(table)


@app.command()
def local(
    port: Annotated[int, typer.Option(help="The API's port; 0: any.")] = 0,
    redcap_port: Annotated[int, typer.Option(help="The REDCap simulator's port; 0: any.")] = 0,
    dicom_port: Annotated[int, typer.Option(help="The relay's DICOM port; 0: any.")] = 0,
    aws_port: Annotated[int, typer.Option(help="The port of DynamoDB, SQS, Secrets Manager; 0: any.")] = 0,
    folder: Annotated[Path, typer.Option(help="Everything is written here, and only here.")] = Path(".local"),
    source: Annotated[Path, typer.Option(help="How REDCap's rows become items.")] = SOURCE_FILE,
) -> None:
    """Run everything on this machine until Ctrl-C: cloud, REDCap simulator (or your REDCap), relay."""
    demo.serve(
        demo.options_from(folder, port, redcap_port, dicom_port, aws_port, source), once=False, story=False
    )


@users.command("create")
def create_user(
    username: Annotated[str, typer.Argument(help="The name to log in with.")],
    role: Annotated[Role, typer.Option(help="admin: everything; write: worklist; read: worklist.")],
) -> None:
    """Create an account. Its password is made here and shown once."""
    with _reported():
        password = secrets.token_urlsafe(15)
        add_user(_services(), username, password, role)
        typer.echo(f"{username} ({role.value}) created. Password, shown only now: {password}")


@users.command("list")
def list_users() -> None:
    """List all accounts."""
    with _reported():
        rows = [(u.username, u.role.value, "disabled" if u.disabled else "") for u in _services().users.all()]
        _table("Users", ("name", "role", ""), rows)


@users.command("passwd")
def passwd(username: Annotated[str, typer.Argument(help="Whose.")]) -> None:
    """Give an account a new password, made here and shown once. Ends all its sessions."""
    with _reported():
        password = secrets.token_urlsafe(15)
        set_password(_services(), username, password)
        typer.echo(f"Password of {username}, shown only now: {password}")


@sources.command("apply")
def apply_source(
    file: Annotated[Path, typer.Argument(help="The definition, TOML or JSON; see infra/sources.")],
) -> None:
    """Check a source definition against its REDCap project, and store it."""
    with _reported():
        try:
            definition = parse_definition(file.read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise Rejected(f"cannot be read: {error}", where=str(file)) from None
        settings = load(RedcapSettings)
        connect = connector(settings, now=time.time, sleep=time.sleep, read_seconds=60)
        check_against(definition, connect(definition).metadata())
        SourceStore(settings.tables()).put(definition)
        typer.echo(f"source {definition.id} stored; the schedule reads it within a minute")


@sources.command("list")
def list_sources() -> None:
    """List sources and how their last sync went. Exit code 1 if one of them failed."""
    with _reported():
        stored = SourceStore(load(RedcapSettings).tables()).all()
        rows, failed = [], False
        for source in stored:
            report = source.state.report
            bad = bool(source.problem) or (report is not None and report.outcome != "ok")
            failed = failed or bad
            finished = report.finished_at.isoformat(timespec="seconds") if report else "never"
            said = source.problem or (report.error if report else "") or ("ok" if report else "")
            rejected = str(source.state.rejected_count or "")
            rows.append((source.source_id, finished, said, rejected))
        _table("Sources", ("source", "last sync", "outcome", "rows rejected"), rows)
        if failed:
            raise typer.Exit(EXIT_NO)


@sources.command("sync")
def sync_source(source_id: Annotated[str, typer.Argument(help="The source.")]) -> None:
    """Ask for a sync of one source now."""
    with _reported():
        settings = load(SyncQueueSettings)
        SourceStore(settings.tables()).find(source_id)
        client = boto3.client("sqs", region_name=settings.aws_region)
        send_all(client, settings.sync_queue_url, [{"source_id": source_id}])
        typer.echo("asked; see: mwl-cloud sources list")


@relays.command("enroll")
def enroll_relay(site: Annotated[str, typer.Argument(help="The site the relay will serve.")]) -> None:
    """Make a code that enrols one relay, once, within 15 minutes."""
    with _reported():
        code, expires = _services().relays.invite(site)
        typer.echo(f"mwl-relay enroll {code}")
        typer.echo(f"good for one relay of site {site}, until {expires:%H:%M} UTC")


@relays.command("list")
def list_relays(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """List all relays."""
    with _reported():
        found = [relay.model_dump(mode="json", exclude={"public_key"}) for relay in _services().relays.all()]
        if as_json:
            typer.echo(json.dumps(found, indent=2))
        else:
            headings = tuple(found[0]) if found else ("relay",)
            _table("Relays", headings, [tuple(str(value) for value in relay.values()) for relay in found])


@relays.command("revoke")
def revoke_relay(relay_id: Annotated[str, typer.Argument(help="See: mwl-cloud relays list")]) -> None:
    """Refuse a relay from now on."""
    with _reported():
        _services().relays.revoke(relay_id)
        typer.echo("revoked")


if __name__ == "__main__":
    app()
