"""What can be chosen of the local stack."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

SOURCE_FILE: Final = Path(__file__).parents[1] / "sources" / "classic.toml"

_MOST: Final = 65535
ApiPort = Annotated[int, typer.Option(min=0, max=_MOST, help="The API's port; 0: any.")]
RedcapPort = Annotated[int, typer.Option(min=0, max=_MOST, help="The REDCap simulator's port; 0: any.")]
DicomPort = Annotated[int, typer.Option(min=0, max=_MOST, help="The relay's DICOM port; 0: any.")]
AwsPort = Annotated[
    int, typer.Option(min=0, max=_MOST, help="The port of DynamoDB, SQS, Secrets Manager; 0: any.")
]


@dataclass(frozen=True)
class StackOptions:
    """What can be chosen. A port of 0 takes any that is free.

    :param folder: where everything is kept; its contents are replaced.
    :param redcap_url: your own REDCap's API; empty: the simulator. It is only ever read.
    :param redcap_token: its API token.
    :param source_file: how its rows become worklist items.
    :param schedule_seconds: how often EventBridge's minute comes round.
    :param pull_seconds: how often the relay asks for changes.
    """

    folder: Path = Path(".demo")
    api_port: int = 0
    redcap_port: int = 0
    aws_port: int = 0
    dicom_port: int = 0
    scanner: str = "PRISMA1"
    relay_ae_title: str = "MWL_RELAY"
    redcap_url: str = ""
    redcap_token: str = ""
    source_file: Path = SOURCE_FILE
    records: int = 10
    schedule_seconds: float = 0.2
    pull_seconds: float = 0.3
