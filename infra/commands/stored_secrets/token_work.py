"""What ``mwl-cloud sources token`` does: ask for the token, store it, and say what a definition says."""

from __future__ import annotations

import sys

import typer
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from infra.commands.stored_secrets import redcap_token
from lambdas.settings import load


class TokenSettings(BaseSettings):
    """Where the tokens are."""

    model_config = SettingsConfigDict(extra="ignore", hide_input_in_errors=True)

    redcap_secret_prefix: str = Field(
        default="mwl-relay/redcap/",
        min_length=1,
        description="What the names of their secrets begin with: the stack's output RedcapSecretPrefix.",
    )
    aws_region: str = Field(default="us-east-1", description="AWS region of the deployment.")


def change(name: str, *, remove: bool, kms_key: str) -> None:
    """Store the token that somebody types, or take it out."""
    settings = load(TokenSettings, "export AWS_REGION and AWS credentials")
    place = redcap_token.place_of(name, settings.redcap_secret_prefix)
    import boto3

    client = boto3.client("secretsmanager", region_name=settings.aws_region)
    if remove:
        redcap_token.remove(client, place)
        typer.echo(f'"{place.key}" is taken out of the secret {place.secret}')
        return
    was_there = redcap_token.store(client, place, _asked(), kms_key=kms_key)
    done = "replaced: functions use the new one within a minute" if was_there else "stored"
    typer.echo(f'{done}, as "{place.key}" in the secret {place.secret}')
    typer.echo(f'a definition says: token_secret = "{name}"')


def _asked() -> str:
    if sys.stdin.isatty():
        typed: str = typer.prompt("REDCap API token", hide_input=True, err=True)
        return typed.strip()
    return sys.stdin.read().strip()
