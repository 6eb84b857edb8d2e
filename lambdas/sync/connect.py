"""Opening a source's REDCap project: its address from the definition, its token from Secrets Manager."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from lambdas.aws.clients import make_client
from lambdas.aws.secrets import Secrets
from lambdas.settings import RedcapSettings
from lambdas.sources.definition import SourceDefinition
from lambdas.store.servers.request_rates import RequestRates
from shared.errors import Rejected

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

    from lambdas.redcap.project import RedcapProject

LONGEST_WAIT_SECONDS: Final = 120.0
"""How long to wait for a turn at a server that others ask too, or that wants to be left alone."""

ALONE: Final = "token"
"""The key of a token that has a secret for itself."""

Connect = Callable[[SourceDefinition], "RedcapProject"]


def token_of(reference: str, prefix: str, read: Callable[[str], Mapping[str, Any]]) -> str:
    """Return a REDCap API token.

    :param reference: what a definition calls it: ``secret``, or ``secret:key`` if that holds several tokens.
    :param prefix: what the names of all secrets begin with.
    :param read: reads a secret by its name.
    :raises Rejected: the secret has no token there.
    """
    name, _, key = reference.partition(":")
    token = read(prefix + name).get(key or ALONE)
    if not isinstance(token, str):
        place = json.dumps(key or ALONE)
        raise Rejected(
            f'the secret must have {place}: "<REDCap API token>"',
            where=prefix + name,
            hint=f"mwl-cloud sources token {reference}",
        )
    return token.strip()


@dataclass(frozen=True)
class Outside:
    """What a sync and a write-back need from outside.

    :param connect: opens a definition's REDCap project.
    :param now: seconds since 1970.
    :param new_id: a fresh random identifier at every call.
    :param sleep: waits, given seconds.
    :param admits_hint: tells whether the server at an address may be asked for a single record now.
    """

    connect: Connect
    now: Callable[[], float]
    new_id: Callable[[], str]
    sleep: Callable[[float], None]
    admits_hint: Callable[[str], bool] = lambda _url: True


def outside(settings: RedcapSettings, *, read_seconds: float) -> Outside:
    """Return the real outside; ``read_seconds`` as in `connector`."""
    connect = connector(settings, now=time.time, sleep=time.sleep, read_seconds=read_seconds)
    rates = RequestRates(settings.tables(), now=time.time, sleep=time.sleep)
    return Outside(connect, time.time, lambda: uuid4().hex, time.sleep, rates.admits_hint)


def connector(
    settings: RedcapSettings,
    *,
    now: Callable[[], float],
    sleep: Callable[[float], None],
    read_seconds: float,
) -> Connect:
    """Return what opens the REDCap project of a definition.

    :param read_seconds: how long REDCap may take for an answer; less than the function's own timeout.
    """

    @cache
    def client() -> SecretsManagerClient:
        made: SecretsManagerClient = make_client(
            "secretsmanager", settings.aws_region, settings.aws_endpoint_url
        )
        return made

    secrets = Secrets(client, now=now)
    rates = RequestRates(settings.tables(), now=now, sleep=sleep)

    def connect(definition: SourceDefinition) -> RedcapProject:
        from lambdas.redcap.project import RedcapProject  # noqa: PLC0415 - takes a while to load

        return RedcapProject(
            definition.url,
            token_of(definition.token_secret, settings.redcap_secret_prefix, secrets.read),
            definition.record_id_field,
            read_seconds=read_seconds,
            data_access_groups=definition.wants_data_access_groups(),
            sleep=sleep,
            pace=rates.pace(definition.url, longest_wait=min(read_seconds, LONGEST_WAIT_SECONDS)),
        )

    return connect
