"""docs/operate.md against the template and the settings: its alarms, and its limits."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import BaseModel

from edge_relay.config import RelaySettings
from lambdas.aws.due_requests import AT_ONCE
from lambdas.sources.definition import SourceDefinition
from tests.rigs.cloudformation import load, resources
from tests.structure.imports import ROOT

PAGE = (ROOT / "docs/operate.md").read_text("utf-8")
TEMPLATE = load()
LIMITS = re.findall(
    r"^\| .+ \| ([\d.]+) \| (parameter|setting|definition) `(\w+)`(?: \(at most (\d+)\))? \|$", PAGE, re.M
)


def limit(kind: str, name: str) -> tuple[float, float | None]:
    """Return what a limit is by default, and the most that it may be, if there is a most."""
    if kind == "parameter":
        parameter = TEMPLATE["Parameters"][name]
        most = parameter.get("MaxValue", max(parameter.get("AllowedValues", [0])))
        return float(parameter["Default"]), float(most) or None
    model: type[BaseModel] = RelaySettings if kind == "setting" else SourceDefinition
    field: Any = model.model_fields[name]
    return field.default, next((each.le for each in field.metadata if hasattr(each, "le")), None)


@pytest.mark.parametrize(("default", "kind", "name", "most"), LIMITS)
def test_a_limit_is_what_the_page_says(default: str, kind: str, name: str, most: str) -> None:
    by_default, at_most = limit(kind, name)
    assert float(default) == by_default
    assert not most or float(most) == at_most


def test_every_row_of_the_limits_is_read_by_the_test_above() -> None:
    table = PAGE.partition("## Know the limits")[2]
    assert len(LIMITS) == len(re.findall(r"^\|", table, re.M)) - 2 > 10


def test_the_page_says_how_many_syncs_ask_one_server_at_once() -> None:
    assert AT_ONCE == 3
    assert "One REDCap server is asked by three syncs at once" in PAGE


def test_every_alarm_has_a_row_that_says_what_to_do() -> None:
    rows = re.findall(r"^\| (`\w+Alarm`.*?) \|", PAGE, re.M)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named == {name for name, _ in resources(TEMPLATE, "AWS::CloudWatch::Alarm")}


def test_every_dead_letter_queue_has_a_row() -> None:
    queues = {name for name, _ in resources(TEMPLATE, "AWS::SQS::Queue") if name.endswith("DeadLetterQueue")}
    assert set(re.findall(r"^\| (\w+DeadLetterQueue) \|", PAGE, re.M)) == queues
