"""AWS played by MiniStack, as a process of its own: what `sam deploy` and the functions talk to.

MiniStack has CloudFormation, and runs Lambda's functions as processes, with the Python that it runs with
itself. Nothing that it holds outlives it. What roles and queue policies forbid is not forbidden here: its
check does not know that the right to send a message includes sending ten at once.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import boto3
import httpx

from infra.local.aws import REGION
from infra.local.processes import Child, Started
from shared.errors import Rejected, Unavailable

HOST: Final = "127.0.0.1"
READY_SECONDS: Final = 120.0
CREDENTIALS: Final = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
"""MiniStack takes these for the account's root user."""
_POLL_SECONDS: Final = 0.05


class MiniStack(Started):
    """A running MiniStack; a context manager.

    :param program: the command ``ministack``.
    :param folder: where its log and its functions' files go; it must exist.
    :param port: 0: any that is free.
    :raises Rejected: there is no such program.
    :raises Unavailable: it did not come up; the message quotes its last words.
    """

    def __init__(self, program: Path, folder: Path, *, port: int = 0) -> None:
        super().__init__()
        self._program, self._folder = program, folder
        self._port = port or _free_port()
        self.endpoint = f"http://{HOST}:{self._port}"

    @property
    def environment(self) -> dict[str, str]:
        """What AWS's clients need to reach it."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            **CREDENTIALS,
        }

    def client(self, service: str) -> Any:
        """Return a boto3 client of it."""
        session = boto3.Session(
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region_name=REGION,
        )
        make: Any = session.client  # the types know each service's own client, by a literal name
        return make(service, endpoint_url=self.endpoint)

    def read_limits_as_numbers(self) -> None:
        """Make numbers of the limits of mappings from queues to functions; for after each deployment.

        CloudFormation's parameters are strings. AWS makes a number of one that is a mapping's limit.
        MiniStack keeps the string, fails to compare it, and then hands out no message of any queue.
        """
        functions = self.client("lambda")
        for page in functions.get_paginator("list_event_source_mappings").paginate():
            for mapping in page["EventSourceMappings"]:
                if limits := mapping.get("ScalingConfig"):
                    # What it lists looks like a number: boto3 made it one.
                    numbers = {name: int(limit) for name, limit in limits.items()}
                    functions.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig=numbers)

    def _start(self) -> None:
        if not self._program.is_file():
            raise Rejected(
                "is not there", where=str(self._program), hint="make deploy-local installs MiniStack first"
            )
        files = self._folder / "ministack"
        files.mkdir()
        own = {"GATEWAY_PORT": str(self._port), "BIND_HOST": HOST, "MINISTACK_REGION": REGION}
        own |= {"TMPDIR": str(files), "AWS_ENDPOINT_URL": self.endpoint}
        child = Child(
            "ministack", [str(self._program)], self._folder / "ministack.log", {**CREDENTIALS, **own}
        )
        self._closing.callback(child.stop)
        self._wait_for(child)

    def _wait_for(self, child: Child) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while child.running() and time.monotonic() < deadline:
            with suppress(httpx.TransportError):
                httpx.get(f"{self.endpoint}/_ministack/health", timeout=READY_SECONDS).raise_for_status()
                return
            time.sleep(_POLL_SECONDS)
        raise Unavailable("MiniStack did not start", hint=f"see {self._folder / 'ministack.log'}")


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
