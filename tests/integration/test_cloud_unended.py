"""``mwl-cloud unended`` as an administrator types it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from infra.cli import app
from lambdas.store.steps import StepStore
from lambdas.store.worklist import WorklistStore
from lambdas.sync.scans.stale_steps import StaleSteps
from tests.rigs.builders import an_event, an_item
from tests.rigs.cloud import CloudRig, cloud


@pytest.fixture
def rig() -> Iterator[CloudRig]:
    with cloud() as running:
        yield running


def unended(*options: str, columns: int = 80) -> str:
    result = CliRunner().invoke(app, ["unended", *options], env={"COLUMNS": str(columns)})
    assert result.exit_code == 0, result.output
    return result.stdout


def test_there_is_none_at_first(rig: CloudRig) -> None:
    assert unended() == "every exam that was begun has ended, or goes on\n"


@pytest.mark.parametrize("columns", [80, 200])
def test_one_is_shown_with_its_whole_ids_at_its_site_only(rig: CloudRig, columns: int) -> None:
    item, began = an_item(), rig.clock()
    worklist = WorklistStore(rig.tables, now=rig.clock, new_id=lambda: "n")
    worklist.put_if_changed([item])
    event = an_event(item)
    steps = StepStore(rig.tables, worklist, now=rig.clock)
    steps.record_event(event, site=item.site, relay_id="r1")
    StaleSteps(rig.tables, worklist, now=lambda: began + 400 * 86_400).set_aside()
    shown = unended("--site", item.site, columns=columns)
    assert item.id in shown
    assert event.sop_instance_uid in shown
    assert max(map(len, shown.splitlines())) <= columns
    assert item.id not in unended("--site", "elsewhere")
