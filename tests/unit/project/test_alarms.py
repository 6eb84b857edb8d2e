"""The alarms and the dashboard of template.yaml against the figures that the functions tell."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from lambdas.aws.observing.metric import Metric
from tests.rigs.cloudformation import load, resources
from tests.structure.imports import ROOT, modules

TEMPLATE = load()
ALARMS = dict(resources(TEMPLATE, "AWS::CloudWatch::Alarm"))
OURS = {"Ref": "AWS::StackName"}
TOPIC = [{"Fn::If": ["HasAlarmTopic", {"Ref": "AlarmTopicArn"}, {"Ref": "AlarmTopic"}]}]
SHOWN_ONLY = {
    Metric.ROWS_HELD: "gates hold exams back by design; one of today or soon counts as missing",
    Metric.EXAMS_NOT_SHOWN_UP: "participants stay away",
    Metric.STEPS_NEVER_ENDED: "a scanner's user forgot to end a step",
    Metric.RELAYS_NOT_TESTED: "the dashboard says why; a relay that is silent has its own alarm",
}
"""Figures without an alarm, and why."""
AWS_METRICS = {
    "AWS/SQS": {"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"},
    "AWS/Lambda": {"Invocations", "Errors", "Throttles", "Duration", "ConcurrentExecutions"},
    "AWS/DynamoDB": {"ReadThrottleEvents", "WriteThrottleEvents"},
    "AWS/ApiGateway": {"4xx", "5xx", "Count", "Latency"},  # as HTTP APIs call them
}
Watched = tuple[Any, str, dict[str, Any]]
"""A metric: namespace, name, dimensions."""


def watched(alarm: str) -> Iterator[Watched]:
    """Yield the metrics that an alarm looks at."""
    said = ALARMS[alarm]["Properties"]
    stats = [each["MetricStat"]["Metric"] for each in said.get("Metrics", []) if "MetricStat" in each]
    for metric in stats or [said]:
        dimensions = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
        yield metric["Namespace"], metric["MetricName"], dimensions


def shown() -> Iterator[Watched]:
    """Yield the metrics of the dashboard."""
    body = TEMPLATE["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    for widget in json.loads(body)["widgets"]:
        for namespace, name, *dimensions in widget["properties"].get("metrics", []):
            pairs = [each for each in dimensions if isinstance(each, str)]
            ours = namespace == "${AWS::StackName}"
            yield OURS if ours else namespace, name, dict(zip(pairs[::2], pairs[1::2], strict=True))


@cache
def told_by() -> dict[str, set[str]]:
    """Return the name of each of our metrics, with the modules that name it."""
    found: dict[str, set[str]] = {metric.title: set() for metric in Metric}
    for module, file in modules("lambdas").items():
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "Metric":
                found[Metric[node.attr].title].add(module)
    return found


def services() -> dict[str, set[str]]:
    """Return each function's service name, with the modules that its handler may run."""
    return {
        function["Properties"]["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]: {
            function["Properties"]["Handler"].rpartition(".")[0],
            "lambdas.aws.messages",
            "lambdas.notices.relay_figures",
        }
        for _, function in resources(TEMPLATE, "AWS::Serverless::Function")
    }


@pytest.mark.parametrize("metric", Metric, ids=lambda metric: metric.title)
def test_every_figure_is_told_by_a_function(metric: Metric) -> None:
    assert told_by()[metric.title]


@pytest.mark.parametrize("metric", Metric, ids=lambda metric: metric.title)
def test_every_figure_raises_an_alarm_or_says_why_not(metric: Metric) -> None:
    alarmed = any(metric.title == name for alarm in ALARMS for _, name, _ in watched(alarm))
    assert alarmed == (metric not in SHOWN_ONLY)


@pytest.mark.parametrize("metric", Metric, ids=lambda metric: metric.title)
def test_every_figure_is_on_the_dashboard_or_about_the_history(metric: Metric) -> None:
    assert (metric.title in {name for _, name, _ in shown()}) == (metric is not Metric.HISTORY_ENTRY_MISSING)


@pytest.mark.parametrize("alarm", ALARMS)
def test_an_alarm_looks_at_metrics_that_somebody_tells(alarm: str) -> None:
    for each in watched(alarm):
        check(*each)


def test_the_dashboard_shows_metrics_that_somebody_tells() -> None:
    for each in shown():
        check(*each)


def check(namespace: Any, name: str, dimensions: dict[str, Any]) -> None:
    if namespace == OURS:
        assert set(dimensions) == {"service"}
        assert services()[dimensions["service"]] & told_by()[name], f"{dimensions} never tells {name}"
    else:
        assert name in AWS_METRICS[namespace]
        for value in dimensions.values():
            text = json.dumps(value)
            named = re.search(r'\$\{(\w+)|"Ref": "(\w+)"|GetAtt": \["(\w+)"', text)
            assert named is not None
            assert next(filter(None, named.groups())) in TEMPLATE["Resources"]


@pytest.mark.parametrize("alarm", ALARMS)
def test_an_alarm_tells_the_topic_when_it_begins_and_when_it_ends(alarm: str) -> None:
    said = ALARMS[alarm]["Properties"]
    assert said["AlarmActions"] == said["OKActions"] == TOPIC


def test_a_topic_is_made_only_if_none_is_given() -> None:
    conditions = TEMPLATE["Conditions"]
    assert TEMPLATE["Resources"]["AlarmTopic"]["Condition"] == "MakesAlarmTopic"
    assert conditions["MakesAlarmTopic"] == {"Fn::Equals": [{"Ref": "AlarmTopicArn"}, ""]}
    assert conditions["HasAlarmTopic"] == {"Fn::Not": [conditions["MakesAlarmTopic"]]}


@pytest.mark.parametrize("alarm", [name for name in ALARMS if name != "HistoryEntryMissingAlarm"])
def test_an_alarm_comes_within_a_quarter_of_an_hour(alarm: str) -> None:
    said = ALARMS[alarm]["Properties"]
    periods = [each["MetricStat"]["Period"] for each in said.get("Metrics", []) if "MetricStat" in each]
    period = periods[0] if periods else said["Period"]
    assert period * said["EvaluationPeriods"] <= 900


def test_only_a_schedule_that_does_not_run_is_noticed_by_silence() -> None:
    breaching = {
        name for name, each in ALARMS.items() if each["Properties"]["TreatMissingData"] == "breaching"
    }
    assert breaching == {"ScheduleStoppedAlarm"}


def test_one_alarm_sums_up_all_but_the_historys() -> None:
    parts = TEMPLATE["Resources"]["AnyAlarm"]["Properties"]["AlarmRule"]["Fn::Join"]
    assert parts[0] == " OR "
    said = {name: {"Fn::Sub": f'ALARM("${{{name}}}")'} for name in ALARMS if not name.startswith("History")}
    assert parts[1] == [
        {"Fn::If": [condition, rule, "FALSE"]} if (condition := ALARMS[name].get("Condition")) else rule
        for name, rule in said.items()
    ]


def test_the_dashboard_names_only_alarms_that_are_always_there() -> None:
    body = TEMPLATE["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    named = set(re.findall(r"\$\{(\w+)\.Arn\}", body))
    assert named == {name for name, each in ALARMS.items() if "Condition" not in each}


@pytest.mark.parametrize("name", ["ScheduleFunction", "NoticeFunction", "NoShowFunction", "SelfTestFunction"])
def test_lambda_tries_a_scheduled_call_as_often_as_the_scheduler_does(name: str) -> None:
    said = TEMPLATE["Resources"][name]["Properties"]
    [event] = [each["Properties"] for each in said["Events"].values()]
    assert said["EventInvokeConfig"] == event["RetryPolicy"]


def test_the_page_says_what_every_figure_means() -> None:
    page = (ROOT / "docs/operate.md").read_text("utf-8")
    rows = set(re.findall(r"^\| `(\w+)` \| (\w+) \| (.+?) \|$", page, re.M))
    assert rows == {(each.title, each.unit, each.meaning) for each in Metric}
