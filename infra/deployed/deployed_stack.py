"""The local stack with its cloud deployed: SAM deploys what it built; REDCap and a relay stand beside it."""

from __future__ import annotations

import logging
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

import httpx

from infra.deployed.cloudformation import Stack
from infra.deployed.front_door import FrontDoor
from infra.deployed.ministack import MiniStack
from infra.local.options import StackOptions
from infra.local.stack import LocalStack
from shared.errors import Rejected, Unavailable

STACK_NAME: Final = "mwl-relay"
HERE: Final = {
    "Architecture": "arm64" if platform.machine() in {"aarch64", "arm64"} else "x86_64",
    "PythonRuntime": f"python{sys.version_info.major}.{sys.version_info.minor}",
    "SumAlarms": "off",
}
"""What `make build-here` builds for: MiniStack runs the functions here. It knows no sums of metrics."""
FIRST_ANSWER_SECONDS: Final = 120.0


@dataclass(frozen=True)
class Tools:
    """What deploying needs: the commands ``sam`` and ``ministack``, and the folder that `sam build` wrote."""

    sam: Path = Path(".venv-sam/bin/sam")
    ministack: Path = Path(".venv-ministack/bin/ministack")
    build: Path = Path(".aws-sam/build")

    @property
    def template(self) -> Path:
        """The template that `sam build` wrote.

        :raises Rejected: it is not there.
        """
        template = self.build / "template.yaml"
        if not template.is_file():
            raise Rejected("nothing has been built", where=str(self.build), hint="make build")
        return template


class DeployedAws:
    """MiniStack with our stack deployed into it, as the functions and ``mwl-cloud`` know it."""

    def __init__(self, ministack: MiniStack, outputs: dict[str, str]) -> None:
        self._secrets = ministack.client("secretsmanager")
        self.environment = ministack.environment | {
            "WORKLIST_TABLE": outputs["WorklistTableName"],
            "ACCOUNTS_TABLE": outputs["AccountsTableName"],
            "SYNC_QUEUE_URL": outputs["SyncQueueUrl"],
            "SIGNING_KEY_SECRET_ID": outputs["SigningKeySecretId"],
            "REDCAP_SECRET_PREFIX": outputs["RedcapSecretPrefix"],
        }

    def put_secret(self, name: str, value: str) -> None:
        """Create a secret."""
        self._secrets.create_secret(Name=name, SecretString=value)


class DeployedStack(LocalStack):
    """The running system; a context manager.

    :raises Rejected: nothing has been built, or it cannot be deployed.
    :raises Unavailable: a part did not come up.
    """

    AWS: ClassVar = "AWS (MiniStack), and sam deploy; this takes a minute or two"

    def __init__(
        self,
        options: StackOptions,
        report: Callable[[str], None] = lambda _: None,
        tools: Tools | None = None,
    ) -> None:
        super().__init__(options, report)
        self.tools = tools or Tools()

    def deploy(self, template: Path, **parameters: str) -> None:
        """Create or update the stack; see `Stack.deploy`."""
        self.cloudformation.deploy(template, **HERE, **parameters)
        self.ministack.read_limits_as_numbers()

    def _start_aws(self) -> None:
        template = self.tools.template
        self.ministack = MiniStack(self.tools.ministack, self.folder, port=self.options.aws_port)
        self._closing.enter_context(self.ministack)
        self.cloudformation = Stack(
            STACK_NAME,
            self.tools.sam,
            self.ministack.client("cloudformation"),
            self.ministack.environment,
            self.folder / "sam.log",
        )
        self.deploy(template)
        self._use(DeployedAws(self.ministack, self.cloudformation.outputs()))

    def _serve(self) -> None:
        api_id = self.cloudformation.physical_ids()["Api"]
        door = FrontDoor(self.ministack.endpoint, api_id, port=self.options.api_port)
        self._closing.enter_context(door)
        self.api_url = door.url
        self._wait_for_api()

    def _wait_for_api(self) -> None:
        """Let the API's first start, which reads all its code, be nobody's time-out."""
        deadline = time.monotonic() + FIRST_ANSWER_SECONDS
        said = ""
        while time.monotonic() < deadline:
            answer = httpx.get(f"{self.api_url}/health", timeout=FIRST_ANSWER_SECONDS)
            said = answer.text
            if answer.status_code == httpx.codes.OK and answer.json().get("status") == "ok":
                return
            time.sleep(1)
        logging.getLogger(__name__).warning("the API answered %s", said)
        raise Unavailable("the deployed API does not work", hint=f"see {self.folder}/ministack.log")

    def _start_functions(self) -> None:
        """Start nothing: the deployed functions have their own schedule and queues."""
