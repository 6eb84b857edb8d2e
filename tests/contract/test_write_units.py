"""What a change costs: write units (a kilobyte each) of the tables' rows, its audit entry included.

DynamoDB counts each unit twice in a transaction, and the indexes' besides; neither is counted here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import ceil
from typing import Any
from unittest.mock import patch

import pytest
from pynamodb.connection import Connection

from lambdas.access.role import Role
from shared.steps.procedure_step import EventKind
from tests.rigs.api import ApiRig, api
from tests.rigs.builders import an_event, an_item

MOST_UNITS = 10
ITEM = an_item()
WHERE = f"/worklist/{ITEM.id}"
STEP = "/procedure-steps/2.25.77"
Change = Callable[[ApiRig], Any]


@pytest.fixture(scope="module")
def rig() -> Iterator[ApiRig]:
    with api(DEFAULT_SITE="north") as running:
        running.services.worklist.put_if_changed([ITEM])
        running.services.steps.record_event(an_event(None), site="north", relay_id="r")
        running.user(Role.WRITE)
        yield running


def size(item: dict[str, dict[str, Any]]) -> int:
    """Return the bytes of a row: its names and values."""
    return sum(len(name) + len(str(next(iter(value.values())))) for name, value in item.items())


def units_of(rig: ApiRig, change: Change) -> list[int]:
    """Return the write units of each transaction of a change."""
    found: list[int] = []
    original = Connection.transact_write_items

    def counted(self: Connection, *args: Any, **kwargs: Any) -> Any:
        rows = [size(put["Item"]) for put in kwargs["put_items"]]
        others = len(kwargs["update_items"]) + len(kwargs["delete_items"])
        found.append(sum(ceil(row / 1024) for row in rows) + 2 * others)
        return original(self, *args, **kwargs)

    with patch.object(Connection, "transact_write_items", counted):
        change(rig)
    return found


@pytest.mark.parametrize(
    "change",
    [
        lambda rig: rig.user(Role.WRITE).put(WHERE, json={"allergies": "latex"}),
        lambda rig: rig.user(Role.WRITE).post(f"{WHERE}/release"),
        lambda rig: rig.services.steps.record_event(an_event(ITEM, "2.25.78"), site="north", relay_id="r"),
        lambda rig: rig.services.steps.record_event(
            an_event(ITEM, "2.25.78", EventKind.N_SET, "COMPLETED"), site="north", relay_id="r"
        ),
        lambda rig: rig.user(Role.WRITE).post(f"{STEP}/link", json={"item_id": ITEM.id}),
        lambda rig: rig.user(Role.WRITE).post(f"{STEP}/unlink", json={"item_id": ITEM.id}),
        lambda rig: rig.user(Role.WRITE).delete(WHERE),
        lambda rig: rig.user(Role.WRITE).post(f"{WHERE}/restore"),
        lambda rig: rig.user(Role.WRITE).get(WHERE),
        lambda rig: rig.services.worklist.put_if_changed([an_item("002")]),
        lambda rig: rig.services.users.change("write-person", about={"full_name": "Jo"}),
    ],
)
def test_a_change_is_one_transaction_of_few_units(rig: ApiRig, change: Change) -> None:
    (units,) = units_of(rig, change)
    assert 2 <= units <= MOST_UNITS


@pytest.mark.slow
def test_a_hundred_items_read_at_once_are_noted_in_few_units(rig: ApiRig) -> None:
    rig.services.worklist.put_if_changed([an_item(f"L{number}") for number in range(100)])
    (units,) = units_of(rig, lambda rig: rig.user(Role.WRITE).get("/worklist?limit=100"))
    assert units <= MOST_UNITS
