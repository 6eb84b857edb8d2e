"""AWS on this machine: moto's server in this process, holding what template.yaml declares.

Tables, queues and the signing key are made from template.yaml itself: what runs here cannot drift from
what is deployed. Everything is in memory and gone with the process.
"""

from __future__ import annotations

import json
import logging
import secrets
import socket
import threading
from collections.abc import Callable
from typing import Final

import boto3
import httpx
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

from infra.local.botocore_tuning import read_descriptions_once
from infra.local.moto_tuning import one_at_a_time, quick_transactions
from infra.local.template import queues, table_definitions
from shared.errors import Rejected

REGION: Final = "eu-central-1"
REDCAP_SECRET_PREFIX: Final = "mwl-relay/redcap/"  # noqa: S105 - the name of secrets, not one


def _create_resources(session: boto3.Session, endpoint: str) -> dict[str, str]:
    """Make the tables, queues and signing key of template.yaml; return the environment Lambdas would get."""
    dynamodb = session.client("dynamodb", endpoint_url=endpoint)
    sqs = session.client("sqs", endpoint_url=endpoint)
    environment: dict[str, str] = {}
    for name, definition in table_definitions().items():
        dynamodb.create_table(TableName=name, **definition)
        environment[_variable(name)] = name
    for resource, name, attributes in queues():
        made = sqs.create_queue(QueueName=name, Attributes=attributes)
        environment[_variable(resource) + "_URL"] = made["QueueUrl"]
    key = {"kid": "1", "secret": secrets.token_urlsafe(48), "previous": {}}
    secret = session.client("secretsmanager", endpoint_url=endpoint).create_secret(
        Name="SigningKeySecret", SecretString=json.dumps(key)
    )
    return environment | {
        "SIGNING_KEY_SECRET_ID": secret["ARN"],
        "REDCAP_SECRET_PREFIX": REDCAP_SECRET_PREFIX,
    }


def _variable(resource: str) -> str:
    """``WorklistTable`` -> ``WORKLIST_TABLE``, as template.yaml names them."""
    return "".join(f"_{letter}" if letter.isupper() else letter.upper() for letter in resource).lstrip("_")


def require_free(host: str, port: int, what: str, option: str) -> None:
    """Raise `Rejected` naming the port, its user-to-be and the option that changes it, if it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Rejected(
                f"port {port} on {host} cannot be used for {what}: {error.strerror}",
                hint=f"choose another with {option}",
            ) from None


class LocalAws:
    """DynamoDB, SQS and Secrets Manager on a loopback port of this process."""

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self._session = boto3.Session(
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 - moto asks for some
            region_name=REGION,
        )
        self._stop: Callable[[], None] | None = None
        self.endpoint = ""
        self.environment: dict[str, str] = {}

    def start(self) -> None:
        """Serve, and make what template.yaml declares."""
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        quick_transactions()
        read_descriptions_once()
        application = one_at_a_time(DomainDispatcherApplication(create_backend_app))
        server = make_server(
            "127.0.0.1", self._port, application, threaded=True, request_handler=MotoRequestHandler
        )
        thread = threading.Thread(target=server.serve_forever, name="aws", daemon=True)
        thread.start()
        self.endpoint = f"http://127.0.0.1:{server.server_port}"

        def stop() -> None:
            # moto keeps its state in the process, beyond the server.
            httpx.post(f"{self.endpoint}/moto-api/reset", timeout=10)
            server.shutdown()
            thread.join()
            server.server_close()

        self._stop = stop
        self.environment = _create_resources(self._session, self.endpoint) | {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }

    def put_secret(self, name: str, value: str) -> None:
        """Create a secret."""
        client = self._session.client("secretsmanager", endpoint_url=self.endpoint)
        client.create_secret(Name=name, SecretString=value)

    def stop(self) -> None:
        """Stop serving; everything is forgotten."""
        if self._stop is not None:
            self._stop()
            self._stop = None
