"""Sites by data access group, and safety gates: nobody is shown where, or before, they may be."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest

from infra.redcap_simulator import Quirks, longitudinal
from lambdas.sources.file import definition_from
from lambdas.store.worklist import WorklistStore
from shared.worklist_item import Status
from tests.rigs.builders import an_event
from tests.rigs.redcap import Rig, Stack, longitudinal_data

SITES = {"montreal": "north", "quebec": "south"}  # osaka has none


@pytest.fixture
def rig(stack: Stack) -> Rig:
    """S-0001 and S-0004 are in Montréal, S-0002 and S-0005 in Québec, S-0003 in Ōsaka."""
    return stack.fresh(longitudinal(6), definition_data())


def definition_data(**changes: Any) -> dict[str, Any]:
    return longitudinal_data(SITES, **changes)


def records(rig: Rig, site: str) -> set[str]:
    return {record for record, _ in rig.items(site)}


def move(rig: Rig, record: str, dag: str) -> None:
    rig.simulator.form_filler.move_dag(rig.project, record, dag)


def test_each_site_sees_its_own_participants_and_a_group_without_site_is_shown_as_a_reject(rig: Rig) -> None:
    assert rig.sync().outcome == "ok"
    assert (records(rig, "north"), records(rig, "south")) == ({"S-0001", "S-0004"}, {"S-0002"})
    assert {"S-0003", "S-0006"} <= {row.record for row in rig.state().rejected}


@pytest.mark.parametrize("shows", [True, False])
def test_a_participant_who_moves_is_shown_at_the_new_site_alone(stack: Stack, shows: bool) -> None:
    rig = stack.fresh(longitudinal(6), definition_data(), Quirks(dag_move_modifies=shows))
    rig.sync()
    rig.simulator.clock.advance(86400)
    before = rig.items("north")["S-0001", 1]
    move(rig, "S-0001", "quebec")
    assert rig.sync().outcome == "ok"
    assert "S-0001" not in records(rig, "north")
    assert rig.items("south")["S-0001", 1] == before.model_copy(update={"site": "south"})


def test_a_move_withdraws_first_and_writes_then(rig: Rig) -> None:
    rig.sync()
    move(rig, "S-0001", "quebec")
    order: list[tuple[str, bool]] = []
    save = rig.worklist.writer.__class__._save

    def noted(self: Any, transaction: Any, stored: Any, before: Any) -> None:
        order.append((stored.item.site, stored.gone))
        save(self, transaction, stored, before)

    with patch("lambdas.store.commit.ItemWriter._save", noted):
        rig.sync()
    assert set(order[: order.index(("south", False))]) == {("north", True)}


@pytest.mark.parametrize("dag", ["osaka", ""])
def test_a_participant_who_moves_to_a_group_without_site_is_shown_nowhere(rig: Rig, dag: str) -> None:
    rig.sync()
    move(rig, "S-0001", dag)
    rig.sync()
    assert "S-0001" not in records(rig, "north") | records(rig, "south")
    assert "S-0001" in {row.record for row in rig.state().rejected}


def test_moves_are_no_shrinking_however_many(stack: Stack) -> None:
    rig = stack.fresh(longitudinal(60), definition_data())
    rig.sync()
    moving = records(rig, "north")
    for record in moving:
        move(rig, record, "quebec" if record < "S-0030" else "osaka")
    report = rig.sync()
    assert report.outcome == "ok"
    assert records(rig, "north") == set()
    assert {record for record in moving if record < "S-0030"} <= records(rig, "south")


def test_a_participant_who_moved_and_whose_row_is_wrong_leaves_the_old_site_all_the_same(rig: Rig) -> None:
    rig.sync()
    move(rig, "S-0001", "quebec")
    rig.simulator.save_form(22, "S-0001", "mri", {"mri_time": "9 am"}, event="mri_arm_1", instance=1)
    rig.sync()
    assert ("S-0001", 1) not in rig.items("north")
    assert ("S-0001", 1) not in rig.items("south")


def test_a_scan_that_has_begun_stays_where_it_is_made(rig: Rig) -> None:
    rig.sync()
    item = rig.items("north")["S-0001", 1]
    rig.steps.record_event(an_event(item), site="north", relay_id="relay-1")
    move(rig, "S-0001", "quebec")
    rig.sync()
    assert rig.items("north")["S-0001", 1].performed_procedure_step_status is Status.IN_PROGRESS
    assert ("S-0001", 1) not in rig.items("south")


def test_what_a_person_changed_moves_along(rig: Rig) -> None:
    rig.sync()
    edited, removed = rig.items("north")["S-0001", 1], rig.items("north")["S-0004", 1]
    rig.worklist.edit(edited.id, {"protocol_name": "by hand"})
    rig.worklist.remove(removed.id)
    for record in ("S-0001", "S-0004"):
        move(rig, record, "quebec")
    rig.sync()
    assert rig.items("south")["S-0001", 1].protocol_name == "by hand"
    assert ("S-0004", 1) not in rig.items("south")


def test_a_sync_stopped_between_leaving_and_arriving_is_put_right_by_the_next(rig: Rig) -> None:
    rig.sync()
    rig.worklist.edit(rig.items("north")["S-0001", 1].id, {"protocol_name": "by hand"})
    move(rig, "S-0001", "quebec")

    class Killed(BaseException):
        pass

    withdraw = WorklistStore.withdraw

    def killed_after(self: WorklistStore, site: str, item_ids: Any, **by: Any) -> int:
        withdraw(self, site, item_ids, **by)
        raise Killed

    with patch.object(WorklistStore, "withdraw", killed_after), pytest.raises(Killed):
        rig.sync()
    assert "S-0001" not in records(rig, "north") | records(rig, "south")
    lease_ends(rig)
    rig.sync()
    assert rig.items("south")["S-0001", 1].protocol_name == "by hand"


def lease_ends(rig: Rig) -> None:
    rig.set_run(lease_until=1)


def test_a_definition_that_gives_a_group_another_site_moves_its_items(rig: Rig) -> None:
    rig.sync()
    moved = {"montreal": "east", "quebec": "south"}
    rig.sources.put(definition_from(definition_data(url=rig.simulator.url, sites_by_dag=moved)))
    rig.sync()
    assert records(rig, "north") == set()
    assert records(rig, "east") == {"S-0001", "S-0004"}
    assert rig.state().sites == ("east", "south")


def test_from_one_site_to_sites_by_group_and_back(rig: Rig) -> None:
    rig.sources.put(definition_from(definition_data(url=rig.simulator.url, site="north", sites_by_dag={})))
    rig.sync()
    assert {"S-0001", "S-0002", "S-0003"} <= records(rig, "north")
    rig.sources.put(definition_from(definition_data(url=rig.simulator.url)))
    rig.sync()
    assert (records(rig, "north"), records(rig, "south")) == ({"S-0001", "S-0004"}, {"S-0002"})


@pytest.mark.parametrize(
    "later", [{"quebec": "south"}, {"montreal": "south"}, {"montreal": "south", "quebec": "south"}]
)
def test_a_scan_that_began_where_the_definition_has_no_site_any_more_is_offered_nowhere_else(
    rig: Rig, later: dict[str, str]
) -> None:
    rig.sync()
    begun = rig.items("north")["S-0001", 1]
    rig.steps.record_event(an_event(begun), site="north", relay_id="relay-1")
    rig.sources.put(definition_from(longitudinal_data(later, url=rig.simulator.url)))
    for _ in range(2):  # the first of them is the last that the old site is in
        rig.simulator.save_form(
            22, "S-0001", "mri", {"mri_wt_lbs": "150"}, event=begun.source_event, instance=1
        )
        rig.sync()
    assert "S-0001" not in records(rig, "south")
    status = rig.items("north")["S-0001", 1].performed_procedure_step_status
    assert status is Status.IN_PROGRESS


def test_a_token_that_is_not_told_the_groups_is_found_out(rig: Rig) -> None:
    data = definition_data(url=rig.simulator.url, token_secret="in-a-group")
    rig.register(definition_from(data), "montreal")
    report = rig.sync()
    assert report.outcome == "failed"
    assert "redcap_data_access_group" in report.error
    assert records(rig, "north") == set()


# ---------------------------------------------------------------------------- gates


@pytest.fixture
def gated(stack: Stack) -> Rig:
    gate = {"field": "family_id", "values": ["OK"], "reason": "consent is not signed"}
    rig = stack.fresh(longitudinal(60), definition_data(gates=[gate]))
    for record in rig.project.records.ids():
        sign(rig, record, "OK")
    return rig


def sign(rig: Rig, record: str, consent: str) -> None:
    found = rig.project.records.get(record)
    assert found is not None
    event = next(key.event for key in found.rows if key.event.startswith("enrolment"))
    rig.simulator.save_form(22, record, "demographics", {"family_id": consent}, event=event)


def test_a_scan_whose_gate_is_closed_is_held_back_and_shown_with_the_reason(gated: Rig) -> None:
    sign(gated, "S-0001", "")
    report = gated.sync()
    assert report.held >= 1
    assert "S-0001" not in records(gated, "north")
    held = {row.record: row.reason for row in gated.state().held}
    assert held == {"S-0001": "consent is not signed"}
    sign(gated, "S-0001", "OK")
    gated.sync()
    assert "S-0001" in records(gated, "north")
    assert (gated.state().held, gated.state().held_count) == ((), 0)


def test_gates_that_close_withdraw_at_once_however_many_they_concern(gated: Rig) -> None:
    gated.sync()
    for record in gated.project.records.ids():
        sign(gated, record, "no")
    report = gated.sync()
    assert report.outcome == "ok"
    assert records(gated, "north") | records(gated, "south") == set()
    assert report.withdrawn > 20
    assert gated.state().held_count >= report.withdrawn


def test_a_gate_does_not_touch_a_scan_that_has_begun(gated: Rig) -> None:
    gated.sync()
    item = gated.items("north")["S-0001", 1]
    gated.steps.record_event(an_event(item), site="north", relay_id="relay-1")
    sign(gated, "S-0001", "no")
    gated.sync()
    assert ("S-0001", 1) in gated.items("north")


def test_gates_close_even_when_the_fuse_holds_the_rest(gated: Rig) -> None:
    gated.sync()
    sign(gated, "S-0001", "no")
    for record in sorted(gated.project.records.ids())[1:]:
        gated.simulator.form_filler.delete(gated.project, record)
    assert gated.sync().withheld
    assert "S-0001" not in records(gated, "north")
    assert len(records(gated, "north")) > 5
