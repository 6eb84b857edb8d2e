"""What an operator does with a stack: `sam deploy`, `sam delete`, and reading what is known of it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from shared.errors import Rejected, Unavailable

SAM_CONFIG: Final = Path(__file__).parents[1] / "samconfig.toml"
DEPLOY_SECONDS: Final = 900.0
_LAST_LINES: Final = 15
_LOOK_SECONDS: Final = 2


@dataclass(frozen=True)
class Stack:
    """One CloudFormation stack.

    :param sam: the command ``sam``.
    :param client: a boto3 client of CloudFormation.
    :param environment: what AWS's clients need to reach it.
    :param log: where what sam says goes.
    """

    name: str
    sam: Path
    client: Any
    environment: Mapping[str, str]
    log: Path

    def deploy(self, template: Path, **parameters: str) -> None:
        """Create or update the stack as `make deploy` does, without asking.

        :param template: as `sam build` wrote it.
        :raises Rejected: CloudFormation, or sam, did not do it; with the last lines it said.
        :raises Unavailable: it took longer than `DEPLOY_SECONDS`.
        """
        overrides = [f"{name}={value}" for name, value in parameters.items()]
        self._run(
            *("deploy", "--config-file", str(SAM_CONFIG), "--template-file", str(template)),
            *("--no-confirm-changeset", "--no-progressbar"),
            *(["--parameter-overrides", *overrides] if overrides else []),
        )

    def adopt(
        self, template: Mapping[str, Any], resources: Sequence[Mapping[str, Any]], **parameters: str
    ) -> None:
        """Make the stack of resources that are there; the deployment that follows adds the others.

        :param template: which has these resources only.
        :param resources: which is which, as CloudFormation's ``ResourcesToImport``.
        :raises ClientError, WaiterError: botocore's; CloudFormation did not do it.
        """
        self.client.create_change_set(
            StackName=self.name,
            ChangeSetName="adopt",
            ChangeSetType="IMPORT",
            ResourcesToImport=list(resources),
            TemplateBody=json.dumps(template, default=str),
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
        )
        self._wait("change_set_create_complete", ChangeSetName="adopt")
        self.client.execute_change_set(StackName=self.name, ChangeSetName="adopt")
        self._wait("stack_import_complete")

    def delete(self) -> None:
        """Delete the stack; what the template retains stays.

        :raises Rejected: it could not be deleted.
        """
        self._run("delete", "--config-file", str(SAM_CONFIG), "--no-prompts")

    def outputs(self) -> dict[str, str]:
        """Return the stack's outputs by name."""
        [stack] = self.client.describe_stacks(StackName=self.name)["Stacks"]
        return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}

    def physical_ids(self) -> dict[str, str]:
        """Return the name or ARN of each resource, by its name in the template."""
        listed = self.client.describe_stack_resources(StackName=self.name)["StackResources"]
        return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in listed}

    def _wait(self, what: str, **named: str) -> None:
        often = {"Delay": _LOOK_SECONDS, "MaxAttempts": int(DEPLOY_SECONDS / _LOOK_SECONDS)}
        self.client.get_waiter(what).wait(StackName=self.name, WaiterConfig=often, **named)

    def _run(self, *arguments: str) -> None:
        if not self.sam.is_file():
            raise Rejected("is not there", where=str(self.sam), hint="make sam-venv installs the SAM CLI")
        try:
            done = subprocess.run(  # noqa: S603 - our own command
                [str(self.sam), *arguments, "--stack-name", self.name],
                env={**os.environ, **self.environment, "SAM_CLI_TELEMETRY": "0"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=DEPLOY_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Unavailable(f"sam {arguments[0]} did not end in {DEPLOY_SECONDS:g} s") from None
        with self.log.open("a", encoding="utf-8") as log:
            log.write(done.stdout)
        if done.returncode:
            last = [line for line in done.stdout.splitlines() if line.strip()][-_LAST_LINES:]
            raise Rejected(
                f"sam {arguments[0]} failed: " + "\n".join(last), where=self.name, hint=f"see {self.log}"
            )
