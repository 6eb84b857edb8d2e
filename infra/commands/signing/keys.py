"""``mwl-cloud keys``: the keys that sign people's access tokens."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from infra.commands.tools import reported

if TYPE_CHECKING:
    from infra.commands.signing.key_secret import KeySecret

keys = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="The keys that sign people's access tokens."
)
_HOURS_A_DAY = 24


@keys.command("list")
def list_keys() -> None:
    """List the keys by name: which one signs, and until when former ones verify. No key is shown."""
    from infra.commands.screen import show_table

    with reported():
        found, now = _secret().read().keys, time.time()
        rows = [(found.kid, "signs", "")]
        for kid in found.previous:
            is_good = found.find(kid, now) is not None
            end = _moment(found.until[kid]) if kid in found.until else "it is taken out"
            rows.append((kid, "verifies" if is_good else "has ended", end))
        show_table("Signing keys", ("key", "", "until, UTC"), rows)


@keys.command()
def rotate(
    keep_days: Annotated[
        int, typer.Option(min=1, max=365, help="For how long the former key goes on verifying.")
    ] = 2,
    at_once: Annotated[
        bool, typer.Option("--at-once", help="A key is known to others: end all former keys now.")
    ] = False,
) -> None:
    """Draw a new signing key. Tokens of the former one are good until they end, and nobody notices.

    With --at-once all people have to sign in again at programs that use access tokens. Devices that people
    have signed in on are forgotten when the key ends that knew them.
    """
    import secrets

    with reported():
        secret, now = _secret(), time.time()
        before = secret.read()
        kid = f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d}-{secrets.token_hex(3)}"
        seconds = 0 if at_once else keep_days * _HOURS_A_DAY * 3600
        after = before.keys.rotated(kid, secrets.token_urlsafe(48), now=now, keep_seconds=seconds)
        secret.replace(before, after)
        typer.echo(f"{kid} signs, everywhere within a minute")
        if at_once:
            typer.echo("all former keys have ended, everywhere within a minute")
        for former, until in after.until.items():
            typer.echo(f"{former} verifies until {_moment(until)} UTC")


def _secret() -> KeySecret:
    import boto3

    from infra.commands.signing.key_secret import KeySecret
    from infra.commands.signing.settings import KeySettings
    from lambdas.settings import load

    settings = load(
        KeySettings,
        "export SIGNING_KEY_SECRET_ID=..., as the stack's output SigningKeySecretId names it, "
        "AWS_REGION and AWS credentials",
    )
    client = boto3.client("secretsmanager", region_name=settings.aws_region)
    return KeySecret(client, settings.signing_key_secret_id)


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"
