"""What REDCap refused for good is shown to admins with the reason, and can be tried again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from infra.cli import app
from lambdas.access.role import Role
from tests.rigs.api import ApiRig, api
from tests.rigs.builders import an_event, an_item

ITEM = an_item()
UID = "2.25.77"


@pytest.fixture
def rig() -> Iterator[ApiRig]:
    with api() as running:
        running.services.worklist.put_if_changed([ITEM])
        site = ITEM.site
        running.services.steps.record_event(an_event(ITEM, UID), site=site, relay_id="relay-1")
        yield running


def park(rig: ApiRig) -> None:
    pending = rig.services.steps.pending(UID)
    assert pending is not None
    rig.services.steps.write_back_parked(UID, pending.version, note="mri_status: may not be written")


def test_a_parked_step_is_listed_with_its_items_and_reason_and_tried_again_when_asked(rig: ApiRig) -> None:
    admin = rig.user(Role.ADMIN)
    assert admin.get("/write-backs").json() == []
    park(rig)
    (parked,) = admin.get("/write-backs").json()
    assert (parked["sop_instance_uid"], parked["items"]) == (UID, [ITEM.id])
    assert "may not be written" in parked["reason"]
    assert admin.post(f"/write-backs/{UID}/retry").status == 202
    assert admin.get("/write-backs").json() == []
    assert rig.services.steps.pending(UID) is not None


def test_a_step_nobody_knows_is_not_found(rig: ApiRig) -> None:
    assert rig.user(Role.ADMIN).post("/write-backs/2.25.99/retry").status == 404


def test_the_command_lists_what_is_parked_and_has_it_tried_again(rig: ApiRig) -> None:
    run = CliRunner().invoke
    assert "nothing is parked" in run(app, ["write-backs", "list"]).output
    park(rig)
    assert UID in run(app, ["write-backs", "list"]).output
    assert run(app, ["write-backs", "retry"]).exit_code == 2
    assert "1 to be tried again" in run(app, ["write-backs", "retry", "--all"]).output
    assert "nothing is parked" in run(app, ["write-backs", "list"]).output
