"""The benchmark's arithmetic: medians, ratios, goals, and what the report says of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench import items, report
from tests.bench.figures import Cell, Goal, Series, Table, percentile
from tests.bench.rounds import Effort, Turns, in_rounds
from tests.bench.scenarios import HUNDRED_THOUSAND, TEN_THOUSAND, THOUSAND, scenarios
from tests.bench.servers.pynetdicom import Pynetdicom
from tests.bench.servers.server import Server
from tests.bench.wire import WireError

SERVERS: tuple[Server, Server] = (Pynetdicom(Path("a"), 10), Pynetdicom(Path("b"), 10))
BRIEF = Effort(rounds=3, turn_seconds=0.01, budget_seconds=60)


def table(ours: float, theirs: float | None, *, more_is_better: bool = False) -> Table:
    other = Cell("other", Series((theirs,)) if theirs is not None else None, why="too slow")
    return Table("work", "ms", (Cell("ours", Series((ours,))), other), more_is_better=more_is_better)


@given(st.lists(st.integers(-1000, 1000), min_size=1), st.integers(1, 100))
def test_so_many_percent_are_not_above_the_percentile(values: list[int], percent: int) -> None:
    found = percentile(values, percent)
    assert found in values
    assert sum(value <= found for value in values) * 100 >= percent * len(values)
    assert sum(value < found for value in values) * 100 < percent * len(values)


def test_a_series_has_a_median_and_its_ends() -> None:
    series = Series((3.0, 1.0, 10.0))
    assert (series.median, series.least, series.most) == (3, 1, 10)


def test_less_time_is_better() -> None:
    compared = table(0.5, 100)
    assert compared.ratio(compared.cells[1]) == 200


def test_more_queries_a_second_are_better() -> None:
    compared = table(6000, 60, more_is_better=True)
    assert compared.ratio(compared.cells[1]) == 100


@pytest.mark.parametrize(("limit", "kept"), [(200, True), (201, False)])
def test_a_goal_against_another_server_is_a_ratio(limit: float, kept: bool) -> None:
    (goal,) = table(0.5, 100).against({"other": limit})
    assert (goal.reached, goal.kept) == (200, kept)


@pytest.mark.parametrize("absent", [table(0.5, None), Table("work", "ms", (Cell("ours", Series((1,))),))])
def test_a_goal_against_a_server_without_figures_is_not_known(absent: Table) -> None:
    (goal,) = absent.against({"other": 1})
    assert goal.kept is None
    assert "not measured" in report.goals([Table("work", "ms", absent.cells, (goal,))])


@pytest.mark.parametrize(("reached", "kept"), [(5.0, True), (5.01, False)])
def test_a_limit_is_kept_up_to_itself(reached: float, kept: bool) -> None:
    goal = Goal("idle", "at most", 5, "%", reached)
    assert goal.kept is kept
    said = report.goals([Table("idle", "%", (), (goal,))])
    assert ("**not kept**" in said) is not kept


def test_every_server_has_its_turn_in_every_round() -> None:
    seen: list[Server] = []

    def measure(server: Server) -> tuple[float, float]:
        seen.append(server)
        return float(len(seen)), 0.0

    first, second = in_rounds(SERVERS, measure, BRIEF, figures=2)
    assert seen == [*SERVERS] * 3
    assert [cell.series for cell in first] == [Series((1, 3, 5)), Series((2, 4, 6))]
    assert [cell.series for cell in second] == [Series((0, 0, 0))] * 2


@pytest.mark.parametrize("fault", [TimeoutError(), ConnectionResetError("reset"), WireError("refused")])
def test_a_server_that_fails_has_no_figure_but_a_reason(fault: Exception) -> None:
    calls = 0

    def measure(_: Server) -> tuple[float]:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise fault
        return (1.0,)

    turns = Turns(SERVERS[0])
    for _ in range(3):
        turns.take(measure, BRIEF)
    assert calls == 2, "it is out of the race"
    assert turns.cell(0).series is None
    assert turns.cell(0).why == (str(fault) or "over the budget of 60 s")


def test_a_server_that_used_up_its_time_keeps_what_it_has() -> None:
    turns = Turns(SERVERS[0])
    turns.take(lambda _: (1.0,), BRIEF)
    turns.wall = BRIEF.budget_seconds + 1
    turns.take(lambda _: (2.0,), BRIEF)
    assert turns.cell(0).series == Series((1.0,))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1234, "0.12"), (12.34, "12.3"), (123.4, "123"), (12345.6, "12,346"), (-150, "-150")],
)
def test_a_number_has_three_digits_that_count(value: float, text: str) -> None:
    assert report.number(value) == text


def test_the_report_shows_every_server_and_why_one_has_no_figure() -> None:
    said = report.details([table(0.5, 100), table(0.5, None)])
    assert "| ours | 0.50 | 0.50 | 0.50 |  |  |" in said
    assert "| other | 100 | 100 | 100 | 200 × |  |" in said
    assert "| other | — (too slow) |" in said


@pytest.mark.parametrize("count", [THOUSAND, TEN_THOUSAND])
def test_a_day_of_a_scanner_has_twenty_items_however_many_there_are(count: int) -> None:
    days: dict[tuple[str, str], int] = {}
    for each in items.items(count):
        key = (each.scheduled_station_aetitle, each.scheduled_start_date)
        days[key] = days.get(key, 0) + 1
    assert set(days.values()) == {items.A_DAY}


def test_a_query_asks_for_what_its_item_has() -> None:
    number = 2345
    item = items.item(number)
    assert items.one(number).PatientID == item.patient_id
    (step,) = items.a_day(number).ScheduledProcedureStepSequence
    assert step.ScheduledStationAETitle == item.scheduled_station_aetitle
    assert step.ScheduledProcedureStepStartDate == item.scheduled_start_date


def test_ours_is_the_first_entrant_of_every_scenario() -> None:
    assert {scenario.entrants[0].program.program for scenario in scenarios()} == {"mwl-relay"}
    assert {scenario.stage for scenario in scenarios()} == {THOUSAND, TEN_THOUSAND, HUNDRED_THOUSAND}


def test_every_title_is_given_once() -> None:
    titles = [scenario.title for scenario in scenarios()]
    assert sorted(set(titles)) == sorted(titles)
