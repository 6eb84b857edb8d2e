"""AWS on this machine: moto's server in this process, holding what template.yaml declares.

Tables, queues and the signing key are made from template.yaml itself: what runs here cannot drift from
what is deployed. Everything is in memory and gone with the process.
"""

from __future__ import annotations

import json
import logging
import secrets
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import boto3
import yaml
from moto.server import ThreadedMotoServer

from shared.errors import Rejected

TEMPLATE: Final = Path(__file__).parents[2] / "template.yaml"
REGION: Final = "eu-central-1"
REDCAP_SECRET_PREFIX: Final = "mwl-relay/redcap/"  # noqa: S105 - the name of secrets, not one
_TABLE_SETTINGS: Final = (
    "AttributeDefinitions",
    "KeySchema",
    "LocalSecondaryIndexes",
    "GlobalSecondaryIndexes",
    "BillingMode",
)


def template_resources() -> dict[str, Any]:
    """Return the Resources of template.yaml; CloudFormation's tags (!Ref, !Sub, ...) become plain values."""

    class Loader(yaml.SafeLoader):
        """YAML with CloudFormation's short functions, whose meaning does not matter here."""

    def plain(loader: yaml.SafeLoader, _tag: str, node: yaml.Node) -> Any:
        if isinstance(node, yaml.ScalarNode):
            return loader.construct_scalar(node)
        if isinstance(node, yaml.SequenceNode):
            return loader.construct_sequence(node, deep=True)
        return loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]

    Loader.add_multi_constructor("!", plain)
    loaded = yaml.load(TEMPLATE.read_text(encoding="utf-8"), Loader)  # noqa: S506 - a SafeLoader
    return dict(loaded["Resources"])


def create_resources(endpoint: str | None = None) -> dict[str, str]:
    """Make the tables, queues and signing key of template.yaml; return the environment Lambdas would get.

    :param endpoint: moto's URL; None where moto patches boto3 in this process (tests).
    """
    client: dict[str, Any] = {"endpoint_url": endpoint, "region_name": REGION}
    if endpoint is not None:
        client |= {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
    dynamodb = boto3.client("dynamodb", **client)
    sqs = boto3.client("sqs", **client)
    environment: dict[str, str] = {}
    for name, resource in template_resources().items():
        settings: Mapping[str, Any] = resource.get("Properties", {})
        if resource["Type"] == "AWS::DynamoDB::Table":
            dynamodb.create_table(
                TableName=name, **{key: settings[key] for key in _TABLE_SETTINGS if key in settings}
            )
            environment[_variable(name)] = name
        elif resource["Type"] == "AWS::SQS::Queue":
            environment[_variable(name) + "_URL"] = sqs.create_queue(QueueName=name)["QueueUrl"]
    key = {"kid": "1", "secret": secrets.token_urlsafe(48), "previous": {}}
    secret = boto3.client("secretsmanager", **client).create_secret(
        Name="SigningKeySecret", SecretString=json.dumps(key)
    )
    return environment | {
        "SIGNING_KEY_SECRET_ID": secret["ARN"],
        "REDCAP_SECRET_PREFIX": REDCAP_SECRET_PREFIX,
    }


def _variable(resource: str) -> str:
    """``WorklistTable`` -> ``WORKLIST_TABLE``, as template.yaml names them."""
    return "".join(f"_{letter}" if letter.isupper() else letter.upper() for letter in resource).lstrip("_")


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


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
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=port or free_port(), verbose=False)
        self.endpoint = ""
        self.environment: dict[str, str] = {}

    def start(self) -> None:
        """Serve, and make what template.yaml declares."""
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.endpoint = f"http://{host}:{port}"
        self.environment = create_resources(self.endpoint) | {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }

    def put_secret(self, name: str, value: str) -> None:
        """Create a secret."""
        client = boto3.client(
            "secretsmanager",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 - moto asks for some
        )
        client.create_secret(Name=name, SecretString=value)

    def stop(self) -> None:
        """Stop serving; everything is forgotten."""
        self._server.stop()
