"""``mwl-cloud notices`` as an administrator types it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from typer.testing import CliRunner, Result

from infra.cli import app
from lambdas.notices.condition import Kind
from lambdas.notices.store import NoticeStore
from tests.rigs.cloud import CloudRig, cloud

ADD = ("notices", "add", "north", "email", "coordinator@example.org")


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudRig]:
    monkeypatch.setenv("COLUMNS", "250")
    with cloud() as running:
        yield running


def mwl_cloud(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "250"})


def store(rig: CloudRig) -> NoticeStore:
    return NoticeStore(rig.tables, now=rig.clock)


def test_one_is_added_tried_listed_and_removed(rig: CloudRig) -> None:
    options = ("--kind", "missing", "--quiet", "20:00-07:00", "--digest-at", "07:30")
    notice_id = mwl_cloud(*ADD, *options).stdout.strip()
    made = store(rig).get(notice_id)
    assert (made.kinds, made.quiet_from, made.quiet_to) == (frozenset({Kind.MISSING}), "20:00", "07:00")
    assert mwl_cloud("notices", "test", notice_id).exit_code == 0
    assert [message.test for message in store(rig).ledger(notice_id).outbox] == [True]
    assert "coordinator@example.org" in mwl_cloud("notices", "list").stdout
    assert mwl_cloud("notices", "remove", notice_id).stdout == "removed\n"
    assert mwl_cloud("notices", "list").stdout == "nobody is told anything\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("notices", "add", "north", "email", "nobody"),
        ("notices", "add", "north", "pigeon", "a@example.org"),
        (*ADD, "--kind", "weather"),
        (*ADD, "--quiet", "20:00"),
        (*ADD, "--only-digest"),
        ("notices", "remove", "none"),
        ("notices", "test", "none"),
    ],
)
def test_what_makes_no_sense_is_one_line_and_changes_nothing(
    rig: CloudRig, arguments: tuple[str, ...]
) -> None:
    result = mwl_cloud(*arguments)
    assert result.exit_code not in {0, 1}
    assert result.stderr.startswith("mwl-cloud: ")
    assert result.stderr.count("\n") == 1
    assert store(rig).all() == {}
