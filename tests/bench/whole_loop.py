"""The whole system on this machine: how long an exam takes from REDCap to the scanner."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

from edge_relay.client import scu
from infra.local.options import StackOptions
from infra.local.stack import LocalStack
from infra.local.story import Story
from shared.errors import MwlError
from tests.bench.figures import Cell, Goal, Series, Table

_EXAMS: Final = 5
_PATIENT_SECONDS: Final = 60


def tables(folder: Path) -> tuple[Table, Table]:
    """Return how long an exam took to be seen, and what all processes took."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "REDCAP_"))]:
        del os.environ[name]
    with LocalStack(StackOptions(folder=folder)) as stack:
        _wait_for_the_first_worklist(stack)
        seconds = Series(tuple(_booked(stack, number) for number in range(_EXAMS)))
        megabytes = Series((sum(stack.memory_bytes().values()) / 1e6,))
    return (
        _table("Saved in REDCap until visible to C-FIND", "s", seconds, 2),
        _table("Resident memory of the whole demo", "MB", megabytes, 500),
    )


def _wait_for_the_first_worklist(stack: LocalStack) -> None:
    """Wait until the relay has pulled once: until then it answers A700."""
    deadline = time.monotonic() + _PATIENT_SECONDS
    while True:
        try:
            scu.find(stack.peer, scu.worklist_query())
        except MwlError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def _booked(stack: LocalStack, number: int) -> float:
    """Book one exam as a person does; return the seconds until the scanner sees it."""
    story = Story(stack, record=f"8000{number:02}")
    began = time.monotonic()
    story.book()
    return time.monotonic() - began


def _table(title: str, unit: str, series: Series, most: float) -> Table:
    goal = Goal(title, "at most", most, unit, series.median)
    return Table(title, unit, (Cell("the demo's stack", series),), (goal,))
