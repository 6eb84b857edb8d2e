"""What the page says of figures: shares with what they are of, and words for what is not known."""

from __future__ import annotations

from xml.etree.ElementTree import fromstring

from lambdas.api.reports.figures import Figures
from lambdas.api.reports.groups import Grouping, Line, Report
from lambdas.api.reports.page_view import COLUMNS, PageView, hours, label, page_view

FIGURES = Figures(bookings=9, booked_minutes=450, due=8, no_shows=1, missing=2, saved_to_listed_p50=1)


def view(by: Grouping = Grouping.SCANNER, *groups: str) -> PageView:
    lines = tuple(Line(group=each, figures=FIGURES) for each in groups or ("MR1",))
    return page_view(Report(lines=lines, total=FIGURES), by)


def cell(heading: str, figures: Figures = FIGURES) -> str:
    return next(column.cell(figures) for column in COLUMNS if column.heading == heading)


def test_the_number_that_must_be_0_comes_first() -> None:
    assert COLUMNS[0].heading == "Missing"
    assert (view().missing, view().total.cells[0]) == (2, "2")


def test_a_share_says_of_how_many() -> None:
    assert cell("No-shows") == "1 of 8"


def test_a_share_of_nothing_and_a_percentile_of_nothing_are_a_dash() -> None:
    assert cell("Elsewhere") == cell("Delay") == "-"


def test_a_percentile_of_0_is_no_dash() -> None:
    assert cell("Delay", Figures(start_delay_p50=0, start_delay_p95=4)) == "0 / 4"


def test_hours_have_one_decimal() -> None:
    assert hours(450) == "7.5"


def test_a_week_is_called_by_its_monday() -> None:
    assert label("2026-11-23", Grouping.WEEK) == "week of 23 Nov 2026"
    assert view(Grouping.WEEK, "2026-11-23").rows[0].group == "week of 23 Nov 2026"


def test_each_drawing_is_whole_and_no_two_have_an_id_in_common() -> None:
    drawn = [fromstring(chart) for chart in view(Grouping.SCANNER, "MR1", "<b>").charts]
    ids = [each.get("id") for root in drawn for each in root.iter() if each.get("id")]
    assert len(drawn) == 3
    assert len(ids) == len(set(ids)) == 6


def test_nothing_has_no_drawing() -> None:
    assert page_view(Report(lines=(), total=Figures()), Grouping.WEEK).charts == ()
