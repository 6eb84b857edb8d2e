"""The line that Nagios reads, and its exit codes."""

from __future__ import annotations

from typing import Any

import pytest

from edge_relay.operations.status_check import Limits, check_line, checked
from tests.rigs.relay_status import a_relay_status

LIMITS = Limits(None, 3600, None, 7200)


@pytest.mark.parametrize(
    ("changes", "limits", "level"),
    [
        ({}, LIMITS, 0),
        ({"problems": ("something",)}, LIMITS, 1),
        ({"cache_age_seconds": 3600}, LIMITS, 2),
        ({"cache_age_seconds": 3599}, LIMITS, 0),
        ({"cache_age_seconds": 60}, LIMITS._replace(warning_age=60), 1),
        ({"cache_age_seconds": 59}, LIMITS._replace(warning_age=60), 0),
        ({"outbox_age_seconds": 7200.0}, LIMITS, 2),
        ({"outbox_age_seconds": 61.0}, LIMITS._replace(warning_outbox_age=60), 1),
        ({"critical": True, "problems": ("MPPS cannot be stored",)}, LIMITS, 2),
        ({"missing": 1, "problems": ("1 missing",)}, LIMITS, 2),
        ({"running": False, "problems": ("not running",), "cache_age_seconds": 1e6}, LIMITS, 3),
    ],
)
def test_the_exit_code_is_the_worst_of_all(changes: dict[str, Any], limits: Limits, level: int) -> None:
    found = a_relay_status(**changes)
    assert checked(found, limits) == level
    assert check_line(found, level, limits).startswith(("OK", "WARNING", "CRITICAL", "UNKNOWN")[level])


def test_figures_have_their_limits_and_the_sentence_no_bar() -> None:
    found = a_relay_status(problems=("a|b",), cache_age_seconds=9000.0, missing=2)
    line = check_line(found, 2, LIMITS._replace(warning_age=60))
    assert line == (
        "CRITICAL - the worklist is 2 h old (and 1 more) | items=12 cache_age=9000s;60;3600 outbox=0 "
        "outbox_age=0s;;7200 parked=0 missing=2"
    )


def test_what_is_not_known_is_u() -> None:
    line = check_line(a_relay_status(items=None, cache_age_seconds=None), 1, LIMITS)
    assert "items=U cache_age=U;;3600" in line


def test_the_numbers_of_a_journal_that_cannot_be_read_are_u() -> None:
    unread = a_relay_status(outbox=None, held=None, parked=None, missing=None, problems=("no journal",))
    line = check_line(unread, checked(unread, LIMITS), LIMITS)
    assert line.endswith("outbox=U outbox_age=U;;7200 parked=U missing=U")
    assert line.startswith("WARNING - no journal")
