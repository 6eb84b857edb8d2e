"""Times and numbers as people type them are read if they can mean one thing, and refused truly if not."""

from __future__ import annotations

from datetime import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.sources.typed_values import read_number, read_time
from shared.errors import Rejected


@pytest.mark.parametrize(
    "text",
    [
        "09:30",
        "9:30",
        "09.30",
        "9.30",
        "0930",
        "9h30",
        "09:30:00",
        "093000",
        "9:30 AM",
        "9:30am",
        "09.30 a.m.",
    ],
)
def test_half_past_nine_may_be_typed_in_many_ways(text: str) -> None:
    assert read_time(text) == "09:30:00"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("12:00 AM", "00:00:00"),
        ("12:30 PM", "12:30:00"),
        ("1:05 pm", "13:05:00"),
        ("11:59:59 PM", "23:59:59"),
        ("00:00", "00:00:00"),
        ("14:05:06", "14:05:06"),
        ("21:45", "21:45:00"),
    ],
)
def test_noon_midnight_and_the_afternoon_are_what_they_are(text: str, read: str) -> None:
    assert read_time(text) == read


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("930", "three digits are no sure time"),
        ("930 am", "three digits are no sure time"),
        ("9.5", "9:05 or 9:50"),
        ("9:5", "9:05 or 9:50"),
        ("9", "an hour alone"),
        ("9 am", "an hour alone"),
        ("9am", "an hour alone"),
        ("9 Uhr", "an hour alone"),
        ("13:30 PM", "an hour from 1 to 12"),
        ("0:30 AM", "an hour from 1 to 12"),
        ("24:00", "between 00:00:00 and 23:59:59"),
        ("9:75", "between 00:00:00 and 23:59:59"),
        ("noon", "must look like"),
        ("9:30-10:30", "must look like"),
        ("9:30 or 10:00", "must look like"),
        ("-9:30", "must look like"),
        ("", "must look like"),
    ],
)
def test_what_is_no_sure_time_is_refused_with_the_reason_that_is_true(text: str, said: str) -> None:
    with pytest.raises(Rejected) as refused:
        read_time(text)
    assert said in refused.value.what


@given(st.times())
def test_every_time_of_a_clock_is_read_as_itself(moment: time) -> None:
    moment = moment.replace(microsecond=0, tzinfo=None)
    assert read_time(moment.strftime("%H:%M:%S")) == moment.isoformat()
    assert read_time(moment.strftime("%I:%M:%S %p")) == moment.isoformat()
    assert read_time(moment.strftime("%H%M")) == moment.replace(second=0).isoformat()


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("70", "70"),
        ("70.5", "70.5"),
        ("70,5", "70.5"),
        ("0,234", "0.234"),
        ("1,2345", "1.2345"),
        (".5", ".5"),
    ],
)
def test_a_number_has_a_point_or_a_comma(text: str, number: str) -> None:
    assert read_number(text) == Decimal(number)


@pytest.mark.parametrize("text", ["1,234", "70,500", "100,000"])
def test_a_comma_before_three_digits_means_one_thing_only_if_the_definition_says_so(text: str) -> None:
    with pytest.raises(Rejected, match="thousands or decimals"):
        read_number(text)
    assert read_number(text, decimal_comma=True) == Decimal(text.replace(",", "."))


@pytest.mark.parametrize(
    "text", ["1.234,5", "70 kg", "180 lb", "1e3", "1_0", "nan", "Infinity", "", "7O", "70..5"]
)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(Rejected):
        read_number(text)


def test_a_point_where_the_comma_is_the_decimal_sign_is_refused() -> None:
    with pytest.raises(Rejected, match="there is a point"):
        read_number("1.234", decimal_comma=True)
