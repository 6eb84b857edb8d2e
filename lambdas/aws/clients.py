"""Clients of AWS's services, all of one botocore session.

A session reads AWS's descriptions of its services (13 MB) and finds the credentials: once is enough.
`boto3` would add nothing to it but the time to load it.
"""

from __future__ import annotations

from functools import cache
from threading import Lock
from typing import Any, Final

import botocore.session
from botocore.config import Config
from pynamodb.connection import Connection

from lambdas.aws.attribute_values import ParserFactory

_ONE_AT_A_TIME: Final = Lock()
"""A session is not safe to make clients from in several threads."""

_SECONDS_TO_CONNECT: Final = 2
_SECONDS_TO_READ: Final = 5
_ATTEMPTS: Final = 3


def make_client(service: str, region: str, endpoint_url: str | None = None, *, patient: bool = True) -> Any:
    """Return a client.

    :param service: its name, like ``sqs``.
    :param endpoint_url: where AWS is played; None for AWS, or what ``AWS_ENDPOINT_URL`` says.
    :param patient: False if somebody waits for the answer: gives up after seconds, not minutes.
    """
    config = None if patient else _impatient()
    with _ONE_AT_A_TIME:
        return _session().create_client(service, region_name=region, endpoint_url=endpoint_url, config=config)


class SharedClient:
    """One client of DynamoDB for all tables of a deployment. PynamoDB makes one for each, with a session."""

    def __init__(self) -> None:
        self._client: Any = None

    def lend(self, connection: Connection) -> Connection:
        """Give a connection the client that the others have; return it."""
        if connection._client is None:
            with _ONE_AT_A_TIME:
                if self._client is None:
                    connection._local.session = _session()
                    self._client = connection.client
                connection._client = self._client
        return connection


def _impatient() -> Config:
    return Config(
        connect_timeout=_SECONDS_TO_CONNECT,
        read_timeout=_SECONDS_TO_READ,
        retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
    )


@cache
def _session() -> botocore.session.Session:
    session = botocore.session.get_session()
    session.register_component("response_parser_factory", ParserFactory())
    # Otherwise each request puts the same text together from forty parts.
    session.set_default_client_config(Config(user_agent=session.user_agent()))
    return session
