"""A poll reads a relay and its site's head at once, and believes nothing that it remembers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from lambdas.store.accounts import polls as module
from lambdas.store.accounts.polls import Polls
from lambdas.store.accounts.relays import RELAYS, Relay, RelayStore
from lambdas.store.models import Tables, bind
from lambdas.store.worklist import WorklistStore
from tests.rigs.builders import an_item
from tests.rigs.dynamodb import TableModel, modelled

NOW: Final = 1_795_000_000.0


class World:
    """Two sites with an exam each, and whatever relays are made."""

    def __init__(self, table: TableModel) -> None:
        self.table, self._number = table, 0
        self.tables: Tables = bind("WorklistTable", "AccountsTable", "eu-central-1")
        self.worklist = WorklistStore(self.tables, now=lambda: NOW, new_id=self.new_id)
        self.worklist.put_if_changed([an_item("1"), an_item("2", site="south")])
        self.relays = RelayStore(self.tables, now=lambda: NOW, new_id=self.new_id, new_code=self.new_id)
        self.polls = Polls(self.tables, self.relays)

    def new_id(self) -> str:
        self._number += 1
        return f"id{self._number}"

    def relay(self, site: str = "north") -> Relay:
        """Enrol one."""
        return self.relays.enroll(self.relays.invite(site)[0], public_key="key", name="r")

    def asked(self, relay_id: str) -> tuple[module.Polled | None, dict[str, int]]:
        """Poll; return the answer, and what was asked of DynamoDB."""
        before = self.table.calls.copy()
        return self.polls.read(relay_id), dict(self.table.calls - before)


@pytest.fixture
def world() -> Iterator[World]:
    with modelled() as table:
        yield World(table)


def test_the_first_poll_reads_the_relay_alone_and_the_next_its_sites_head_with_it(world: World) -> None:
    relay = world.relay("south")
    assert world.asked(relay.relay_id) == ((relay, None), {"GetItem": 1})
    assert world.asked(relay.relay_id) == ((relay, world.worklist.head("south")), {"BatchGetItem": 1})


def test_a_change_of_the_site_is_in_the_next_poll(world: World) -> None:
    relay = world.relay()
    world.polls.read(relay.relay_id)
    before = world.polls.read(relay.relay_id)
    world.worklist.put_if_changed([an_item("3")])
    after = world.polls.read(relay.relay_id)
    assert after == (relay, world.worklist.head("north"))
    assert after != before


def test_a_relay_that_is_revoked_is_so_at_its_next_poll(world: World) -> None:
    relay = world.relay()
    world.polls.read(relay.relay_id)
    world.relays.revoke(relay.relay_id)
    polled = world.polls.read(relay.relay_id)
    assert polled is not None
    assert polled.relay.revoked_at is not None


def test_the_head_of_a_site_that_is_not_the_relays_any_more_is_not_handed_out(world: World) -> None:
    relay = world.relay("north")
    world.polls.read(relay.relay_id)
    moved = relay.model_copy(update={"site": "south"})
    world.tables.account(RELAYS, relay.relay_id, body=moved.model_dump_json(), version=2).save()
    assert world.polls.read(relay.relay_id) == (moved, None)
    assert world.polls.read(relay.relay_id) == (moved, world.worklist.head("south"))


@pytest.mark.parametrize("known", [False, True])
def test_a_relay_that_is_not_there_is_none(world: World, known: bool) -> None:
    relay_id = world.relay().relay_id if known else "nobody"
    world.polls.read(relay_id)
    if known:
        world.tables.account(RELAYS, relay_id).delete()
    assert world.polls.read(relay_id) is None


@pytest.mark.parametrize("left_out", ["AccountsTable", "WorklistTable"])
def test_what_dynamodb_was_too_busy_to_read_is_read_again_or_said_to_be_unread(
    world: World, monkeypatch: pytest.MonkeyPatch, left_out: str
) -> None:
    relay = world.relay()
    world.polls.read(relay.relay_id)
    whole = world.table._BatchGetItem

    def busy(request: Any) -> dict[str, Any]:
        answer = whole(request)
        answer["UnprocessedKeys"] = {left_out: request["RequestItems"][left_out]}
        del answer["Responses"][left_out]
        return answer

    monkeypatch.setattr(world.table, "_BatchGetItem", busy)
    head = None if left_out == "WorklistTable" else world.worklist.head("north")
    assert world.polls.read(relay.relay_id) == (relay, head)


def test_no_more_sites_are_remembered_than_it_says(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_REMEMBERED", 2)
    relays = [world.relay() for _ in range(3)]
    for relay in relays:
        world.polls.read(relay.relay_id)
    assert [world.asked(relay.relay_id)[1] for relay in reversed(relays)] == [
        {"BatchGetItem": 1},
        {"GetItem": 1},
        {"GetItem": 1},
    ]
