"""Ages by a clock nobody can set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from edge_relay.clock.boot import Moment, boot_id, seconds_since_boot

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def moment(boot: str, seconds: float, **wall: float) -> Moment:
    return Moment(boot=boot, seconds=seconds, at=NOW + timedelta(**wall))


@pytest.mark.parametrize(
    ("then", "now", "age"),
    [
        (moment("a", 100), moment("a", 160, days=365), 60),  # the wall clock was set meanwhile
        (moment("a", 100), moment("a", 160, days=-365), 60),
        (moment("a", 100), moment("b", 5, hours=1), 3600),  # the machine was started again
        (moment("a", 100), moment("b", 5000, days=-365), 5000),  # and its clock is wrong: at least since then
        (moment("", 100), moment("", 160, hours=1), 3600),  # perhaps the same start: the longer of both
        (moment("", 100), moment("", 160, days=-1), 60),
        (moment("", 100), moment("", 50, days=-1), 50),
    ],
)
def test_an_age_is_never_less_than_is_certain(then: Moment, now: Moment, age: float) -> None:
    assert then.age(now) == age


def test_this_machine_has_such_a_clock() -> None:
    before = seconds_since_boot()
    assert seconds_since_boot() >= before > 0
    assert Moment.now().boot == boot_id()
