"""`make deploy-local`: the stack deployed on this machine, and the demo's story told of it.

With ``--once`` it plays the story and exits: 0 if every step held, 1 if one did not, 2 if it could not begin.
Without, it stays up afterwards for you to try things, until Ctrl-C.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from infra.deployed.deployed_stack import DeployedStack
from infra.local.demo import serve
from infra.local.options import ApiPort, AwsPort, DicomPort, RedcapPort, StackOptions


def deploy_local(
    once: Annotated[bool, typer.Option("--once", help="Play the story and exit.")] = False,
    folder: Annotated[Path, typer.Option(help="Everything is written here, and only here.")] = Path(
        ".deployed"
    ),
    port: ApiPort = 0,
    redcap_port: RedcapPort = 0,
    dicom_port: DicomPort = 0,
    aws_port: AwsPort = 0,
) -> None:
    """Deploy template.yaml into MiniStack, and show the whole loop with it."""
    options = StackOptions(
        folder=folder, api_port=port, redcap_port=redcap_port, dicom_port=dicom_port, aws_port=aws_port
    )
    serve(options, once=once, story=True, stack_of=DeployedStack)


def main() -> None:
    """Run the command."""
    typer.run(deploy_local)


if __name__ == "__main__":
    main()
