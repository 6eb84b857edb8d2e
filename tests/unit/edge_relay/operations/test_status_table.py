"""The table of ``mwl-relay status`` says what is known, and a dash for what is not."""

from __future__ import annotations

from typing import Any

import pytest

from edge_relay.operations.status_table import facts
from tests.rigs.relay_status import a_relay_status

NO_JOURNAL: dict[str, Any] = dict.fromkeys(("outbox", "held", "parked", "missing"))


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"parked": 2}, {"MPPS journal": "good", "parked events": "2"}),
        ({"outbox": 3, "held": 1}, {"events to send": "3 (1 behind a parked one)"}),
        (NO_JOURNAL, {"MPPS journal": "cannot be read", "events to send": "-", "parked events": "-"}),
        ({"items": None, "unreadable": None}, {"worklist items": "-", "unreadable items": "-"}),
    ],
)
def test_what_is_not_known_is_a_dash_and_nothing_unread_is_good(
    changes: dict[str, Any], shown: dict[str, str]
) -> None:
    assert shown.items() <= dict(facts(a_relay_status(**changes))).items()
