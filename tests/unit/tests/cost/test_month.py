"""What a month costs, by units, use and prices."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.cost.__main__ import SITES
from tests.cost.month import ALARMS, Use, bill
from tests.cost.prices import Prices
from tests.rigs.cloudformation import load, resources
from tests.rigs.dynamodb.said import said
from tests.structure.imports import ROOT

UNITS = {what: (reads, writes) for what, reads, writes in said()}


def total(sites: int = 1, prices: Prices | None = None, use: Use | None = None) -> float:
    return bill(sites, use or Use(), UNITS, prices or Prices()).total


def test_every_price_counts() -> None:
    paid = replace(Use(), free_alarms=0, free_metrics=0)
    names = [name for name, _, _ in Prices().rows()]
    free = replace(Prices(), **dict.fromkeys(names, 0.0))
    assert total(prices=free, use=paid) == 0
    for name in names:
        assert total(prices=replace(free, **{name: 1.0}), use=paid) > 0, name


def test_what_is_asked_less_often_costs_less() -> None:
    parts = bill(1, Use(), UNITS, Prices()).parts
    seldom = bill(1, replace(Use(), poll_seconds=10, quiet_poll_seconds=120), UNITS, Prices()).parts
    assert seldom["relays ask for news"] == pytest.approx(parts["relays ask for news"] / 2)
    assert {**parts, "relays ask for news": 0} == {**seldom, "relays ask for news": 0}


def test_a_relay_that_sleeps_at_night_costs_what_it_asks() -> None:
    always = bill(1, replace(Use(), awake_share=1), UNITS, Prices()).parts["relays ask for news"]
    never = bill(1, replace(Use(), awake_share=0), UNITS, Prices()).parts["relays ask for news"]
    assert never == pytest.approx(always * 5 / 60)


def test_sources_that_share_secrets_pay_for_fewer_and_read_them_less_often() -> None:
    def secrets(sources_per_secret: float, prices: Prices) -> float:
        use = replace(Use(), sources_per_secret=sources_per_secret)
        return bill(1000, use, UNITS, prices).parts["secrets"]

    unread = replace(Prices(), secret_million=0.0)
    apart, shared = secrets(1, unread), secrets(50, unread)
    assert apart == pytest.approx(1001 * 0.40)
    assert shared == pytest.approx(21 * 0.40)
    assert secrets(50, Prices()) - shared < (secrets(1, Prices()) - apart) / 2


def test_what_one_source_costs_does_not_depend_on_how_many_could_share_its_secret() -> None:
    assert total(use=replace(Use(), sources_per_secret=1)) == pytest.approx(total())


def test_the_limits_that_the_page_states_hold() -> None:
    assert total(1) <= 3
    assert total(1000) <= 1000


def test_a_thousand_sites_cost_less_than_a_thousand_times_one() -> None:
    assert total(1000) < 1000 * total(1)


def test_the_page_tells_what_make_cost_prints() -> None:
    text = (ROOT / "docs" / "cost.md").read_text("utf-8")
    found = re.search(r"^\| together \|(.*)\|$", text, re.MULTILINE)
    assert found
    told = [float(cell.strip().replace(",", "")) for cell in found[1].split("|")]
    assert told == [pytest.approx(total(sites), abs=0.01 + 0.005 * total(sites)) for sites in SITES]


def test_every_metric_that_an_alarm_looks_at_is_paid_for() -> None:
    by_default = {None}
    alarms = [each for _, each in resources(load(), "AWS::CloudWatch::Alarm")]
    looked_at = [
        sum("MetricStat" in part for part in each["Properties"].get("Metrics", [])) or 1
        for each in alarms
        if each.get("Condition") in by_default
    ]
    assert sum(looked_at) == ALARMS
