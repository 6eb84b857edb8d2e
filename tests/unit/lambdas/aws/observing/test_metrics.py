"""Figures as they stand in the log, for CloudWatch to take."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdas.aws.observing.metric import Metric
from lambdas.aws.observing.metrics import Metrics


def told(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def directive(line: dict[str, Any]) -> dict[str, Any]:
    [found] = line["_aws"]["CloudWatchMetrics"]
    return dict(found)


def test_a_figure_is_told_with_its_unit_by_the_function(capsys: pytest.CaptureFixture[str]) -> None:
    Metrics("mwl", "sync").tell({Metric.SYNC_LAG: 12.5}, source="classic", site="main")
    [line] = told(capsys.readouterr().out)
    assert directive(line) == {
        "Namespace": "mwl",
        "Dimensions": [["service"]],
        "Metrics": [{"Name": "SyncLag", "Unit": "Seconds"}],
    }
    assert (line["SyncLag"], line["service"]) == ([12.5], "sync")
    assert "classic" not in json.dumps(line)  # each value of a dimension costs money


def test_details_are_sets_of_dimensions_beside_the_function(capsys: pytest.CaptureFixture[str]) -> None:
    Metrics("mwl", "sync", detailed=True).tell({Metric.ROWS_HELD: 2}, source="classic", site="main")
    [line] = told(capsys.readouterr().out)
    assert directive(line)["Dimensions"] == [["service"], ["service", "source"], ["service", "site"]]
    assert (line["source"], line["site"]) == ("classic", "main")


def test_two_functions_of_one_process_do_not_mix_their_figures(capsys: pytest.CaptureFixture[str]) -> None:
    one, other = Metrics("mwl", "sync"), Metrics("mwl", "notices")
    one.tell({Metric.SYNC_LAG: 1})
    other.tell({Metric.RELAYS_SILENT: 2})
    first, second = told(capsys.readouterr().out)
    assert ("SyncLag" in first, "SyncLag" in second) == (True, False)


@pytest.mark.parametrize(("namespace", "figures"), [("", {Metric.SYNC_LAG: 1}), ("mwl", {})])
def test_nothing_is_told_without_a_namespace_or_a_figure(
    namespace: str, figures: dict[Metric, float], capsys: pytest.CaptureFixture[str]
) -> None:
    Metrics(namespace).tell(figures)
    assert capsys.readouterr().out == ""


def test_trouble_is_told_only_while_there_is_some(capsys: pytest.CaptureFixture[str]) -> None:
    Metrics("mwl").tell_trouble({Metric.ROWS_HELD: 0, Metric.ROWS_REJECTED: 3})
    [line] = told(capsys.readouterr().out)
    assert directive(line)["Metrics"] == [{"Name": "RowsRejected", "Unit": "Count"}]
    Metrics("mwl").tell_trouble({Metric.ROWS_HELD: 0})
    assert capsys.readouterr().out == ""
