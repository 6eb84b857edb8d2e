"""What ``mwl-cloud`` reads from its environment, and how to set it."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final, TypeVar

from pydantic_settings import BaseSettings

from lambdas import settings as entry_points

HOW_TO_SET: Final = (
    "export WORKLIST_TABLE=... ACCOUNTS_TABLE=..., as its outputs name them (sam list stack-outputs), "
    "AWS_REGION and AWS credentials; mwl-cloud local prints those of a stack on this machine"
)

S = TypeVar("S", bound=BaseSettings)


def load(settings: type[S]) -> S:
    """Return settings from the environment; raise `Rejected` naming what is not set, and saying how to.

    :raises ModuleNotFoundError: DynamoDB's library, which is loaded only afterwards, is not installed.
    """
    if find_spec("pynamodb") is None:  # said before anybody goes and sets variables for nothing
        raise ModuleNotFoundError("No module named 'pynamodb'", name="pynamodb")
    return entry_points.load(settings, HOW_TO_SET)
