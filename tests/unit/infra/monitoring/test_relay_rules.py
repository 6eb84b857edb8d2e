"""The rules and the dashboard for relays, against what a relay's metrics page shows."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from edge_relay.health import status
from edge_relay.health.report import Health
from edge_relay.mpps.journal import Journal
from edge_relay.operations import metrics
from edge_relay.worklist.cache import Cache
from tests.structure.imports import ROOT

FOLDER = ROOT / "infra" / "monitoring"
[GROUP] = yaml.safe_load((FOLDER / "relay-rules.yaml").read_text("utf-8"))["groups"]
RULES: list[dict[str, Any]] = GROUP["rules"]
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "relay-dashboard.json").read_text("utf-8"))
EXPRESSIONS = [rule["expr"] for rule in RULES] + [
    target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]
]
ENDINGS = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
PROMTOOL = shutil.which("promtool")


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Return the names of all series that a relay shows."""
    state = tmp_path_factory.mktemp("state")
    Cache(state / "cache.db").close()
    Journal(state / "journal.db").close()
    health = Health(lambda: NOW, {"PRISMA1"}.__contains__)
    found = status.look(state, NOW, health.report("", ae_title="MWL_RELAY", version="1.2"))
    page = metrics.exposition(found, health.traffic()).decode()
    kinds = re.findall(r"^# TYPE (\w+) (\w+)$", page, re.M)
    assert len(kinds) > 20
    return {
        name if ending and name.endswith(ending) else name + ending
        for name, kind in kinds
        for ending in ENDINGS[kind]
    }


def named(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:mwl_relay|process)_\w+", re.sub(r'"[^"]*"', '""', expression)))


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_names_series_that_a_relay_shows(expression: str, series: set[str]) -> None:
    assert named(expression) <= series
    assert named(expression) or expression.count("up{")


def test_a_dashboard_chooses_among_relays_by_a_series_that_there_is(series: set[str]) -> None:
    [variable] = [each for each in DASHBOARD["templating"]["list"] if each["name"] == "relay"]
    assert named(variable["query"]) <= series


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_is_wrong_where_and_what_to_do(rule: dict[str, Any]) -> None:
    assert "{{ $labels.instance }}" in rule["annotations"]["summary"]
    assert rule["annotations"]["what_to_do"].endswith(".")
    assert rule["labels"]["severity"] in {"warning", "critical"}


def test_the_tests_of_the_rules_expect_every_one_of_them() -> None:
    content = yaml.safe_load((FOLDER / "relay-rules-test.yaml").read_text("utf-8"))
    [check] = content["tests"][1]["promql_expr_test"]
    assert check["exp_samples"][0]["value"] == len(RULES)


def test_panels_do_not_cover_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken
        taken |= cells


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not here: apt-get install prometheus")
@pytest.mark.parametrize(
    "command", [["check", "rules", "relay-rules.yaml"], ["test", "rules", "relay-rules-test.yaml"]]
)
def test_promtool_takes_the_rules_and_their_tests(command: list[str]) -> None:
    assert PROMTOOL is not None
    done = subprocess.run(
        [PROMTOOL, *command], cwd=FOLDER, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
