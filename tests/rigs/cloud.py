"""The cloud in this process: moto, with the tables, secret and queues that template.yaml declares.

    with cloud() as rig:
        rig.tables ...      # PynamoDB models bound to tables made from the template, not from the models

The environment is the one the template gives the functions, as far as tests need it. With MWL_DYNAMODB, the
address of another DynamoDB, the tables are there: `make contract-ministack` runs the contract tests so.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import boto3
from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber

from infra.local.moto_tuning import quick_transactions
from infra.local.template import table_definitions
from lambdas.store.models import Tables, bind

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType

REGION = "eu-central-1"
SIGNING_SECRET_ID = "signing-key"
SIGNING_SECRET = "a-signing-secret-of-sixty-four-characters-that-only-tests-know-00"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "testing",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "WORKLIST_TABLE": "WorklistTable",
    "ACCOUNTS_TABLE": "AccountsTable",
    "SIGNING_KEY_SECRET_ID": SIGNING_SECRET_ID,
}

ELSEWHERE = os.environ.get("MWL_DYNAMODB", "")
if ELSEWHERE:  # moto leaves alone what does not go to AWS
    ENVIRONMENT["AWS_ENDPOINT_URL_DYNAMODB"] = ELSEWHERE

QUEUES: tuple[tuple[str, str, dict[QueueAttributeNameType, str]], ...] = (
    ("SYNC_QUEUE_URL", "sync", {}),
    ("DUE_QUEUE_URL", "due.fifo", {"FifoQueue": "true"}),
    ("WRITE_BACK_QUEUE_URL", "write-back", {}),
)


@dataclass
class Clock:
    """Time that passes when a test says so; call it for seconds since 1970."""

    seconds: float = 1_795_000_000.0

    def __call__(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass
class CloudRig:
    """A running cloud."""

    environment: dict[str, str]
    dynamodb: DynamoDBClient
    sqs: SQSClient
    secrets: SecretsManagerClient
    tables: Tables
    sync_queue_url: str
    due_queue_url: str
    write_back_queue_url: str
    clock: Clock = field(default_factory=Clock)

    def received(self, queue_url: str) -> list[Any]:
        """Return, and take, the JSON bodies of all messages in a queue."""
        bodies: list[Any] = []
        while True:
            answer = self.sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10)
            if not answer.get("Messages"):
                return bodies
            for message in answer["Messages"]:
                bodies.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


@contextmanager
def cloud(**environment: str) -> Iterator[CloudRig]:
    """Run the cloud; ``environment`` adds to, or overrides, what functions see."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    quick_transactions()
    with (
        patch.dict(os.environ, {**inherited, **ENVIRONMENT, **environment}, clear=True),
        mock_aws(),
        _one_at_a_time(),
        _one_session(),
    ):
        # moto drops boto3's session, and PynamoDB makes one a thread; each would parse AWS's models again.
        boto3.DEFAULT_SESSION = _session()
        dynamodb, sqs, secrets = _clients()
        if ELSEWHERE:
            for name in dynamodb.list_tables()["TableNames"]:
                dynamodb.delete_table(TableName=name)
        create_tables(dynamodb)
        put_signing_keys(secrets)
        queues = {
            variable: sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
            for variable, name, attributes in QUEUES
        }
        os.environ.update({**queues, **environment})
        yield CloudRig(
            environment=dict(os.environ),
            dynamodb=dynamodb,
            sqs=sqs,
            secrets=secrets,
            tables=bind(os.environ["WORKLIST_TABLE"], os.environ["ACCOUNTS_TABLE"], REGION),
            sync_queue_url=queues["SYNC_QUEUE_URL"],
            due_queue_url=queues["DUE_QUEUE_URL"],
            write_back_queue_url=queues["WRITE_BACK_QUEUE_URL"],
        )


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Keep threads' requests apart: moto checks a condition and then writes, which DynamoDB does at once."""
    lock, process = threading.RLock(), BotocoreStubber.process_request

    def locked(self: BotocoreStubber, request: Any) -> Any:
        with lock:
            return process(self, request)

    with patch.object(BotocoreStubber, "process_request", locked):
        yield


@cache
def _session() -> boto3.Session:
    return boto3.Session(region_name=REGION)


def _one_session() -> Any:
    return patch("pynamodb.connection.base.get_session", lambda: _session()._session)


@cache
def _clients() -> tuple[DynamoDBClient, SQSClient, SecretsManagerClient]:
    # Once a process, for they are slow to make; moto catches what they send whichever cloud is running.
    return (
        boto3.client("dynamodb", region_name=REGION),
        boto3.client("sqs", region_name=REGION),
        boto3.client("secretsmanager", region_name=REGION),
    )


def create_tables(dynamodb: DynamoDBClient, *resources: str) -> None:
    """Create tables (both, if none is named) as template.yaml declares them, named like their resources."""
    definitions = _definitions()
    for name in resources or definitions:
        dynamodb.create_table(TableName=name, **definitions[name])


@cache
def _definitions() -> dict[str, dict[str, Any]]:
    return table_definitions()  # reading the template takes longer than making the tables


def put_signing_keys(
    secrets: SecretsManagerClient,
    kid: str = "1",
    secret: str = SIGNING_SECRET,
    previous: dict[str, str] | None = None,
) -> None:
    """Put the signing key where the template puts it, in the form it gives it."""
    content = json.dumps({"kid": kid, "secret": secret, "previous": previous or {}})
    try:
        secrets.create_secret(Name=SIGNING_SECRET_ID, SecretString=content)
    except secrets.exceptions.ResourceExistsException:
        secrets.put_secret_value(SecretId=SIGNING_SECRET_ID, SecretString=content)
