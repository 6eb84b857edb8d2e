"""A preview: what a sync would do, said before it does it, and nothing done."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from typing import Any

import pytest

from infra.redcap_simulator import classic, longitudinal
from lambdas import sync_redcap
from lambdas.sources.file import definition_from
from lambdas.sources.state import SyncReport
from lambdas.store.dry_worklist import DryWorklist
from lambdas.store.worklist import WorklistStore
from lambdas.sync.preview import EVERYTHING, Preview, PreviewedItem, Scope, preview
from lambdas.sync.scanner_view import known_scanners
from shared.errors import Forbidden, Rejected, Unavailable
from shared.scanners.scanner_profile import ScannerProfile
from shared.scanners.scanner_selection import shows
from shared.worklist_item import Status
from tests.rigs.builders import an_event
from tests.rigs.lambda_events import Context, sqs_event
from tests.rigs.redcap import CLASSIC_FILE
from tests.rigs.source import SITE, SourceRig, running_source

TODAY = date(2026, 6, 1)
LONGITUDINAL_FILE = CLASSIC_FILE.with_name("longitudinal.toml")


@pytest.fixture
def rig() -> Iterator[SourceRig]:
    with running_source() as running:
        yield running


def look(rig: SourceRig, scope: Scope = EVERYTHING, **changes: Any) -> Preview:
    definition = rig.definition(**changes)
    scanners = known_scanners(rig.api.services.relays, definition.sites())
    redcap = rig.api.services.connect(definition)
    try:
        return preview(definition, redcap, dry(rig), scanners=scanners, today=TODAY, scope=scope)
    finally:
        redcap.close()


def dry(rig: SourceRig) -> DryWorklist:
    return DryWorklist(rig.api.cloud.tables, now=rig.api.clock)


def worklist(rig: SourceRig) -> WorklistStore:
    return rig.api.services.worklist


def synced(rig: SourceRig) -> list[PreviewedItem]:
    """Write what a sync would write; return it."""
    items = look(rig).items
    worklist(rig).put_if_changed(each.item for each in items)
    return list(items)


def sync(rig: SourceRig) -> SyncReport:
    """Run the sync's own handler."""
    try:
        failed = sync_redcap.handler(sqs_event({"source_id": "classic"}), Context())["batchItemFailures"]
    finally:
        sync_redcap._wired.cache_clear()
    report = rig.api.services.sources.state("classic").report
    assert not failed
    assert report is not None
    return report


def save(rig: SourceRig, record: str, **values: str) -> None:
    rig.simulator.save_form(11, record, "mri", values, instance=1)


def only(found: Preview, record: str) -> PreviewedItem:
    return next(
        each for each in found.items if (each.item.source_record, each.item.source_instance) == (record, 1)
    )


def test_nothing_is_written_and_redcap_is_only_read(rig: SourceRig) -> None:
    rig.relay({"ae_title": "PRISMA1"})
    synced(rig)
    save(rig, "000001", mri_time="07:45")
    before = rig.tables()
    rig.simulator.requests.clear()
    assert look(rig).counts["changed"] == 1
    assert rig.tables() == before
    assert {request.action for request in rig.simulator.requests.all()} == {"export"}


def test_a_first_preview_has_only_new_items_in_order_of_their_start(rig: SourceRig) -> None:
    found = look(rig)
    assert {each.change for each in found.items} == {"new"}
    assert found.counts["new"] == len(found.items) > 0
    starts = [(each.item.scheduled_start_date, each.item.scheduled_start_time) for each in found.items]
    assert starts == sorted(starts)
    assert (found.records, found.records_in_project, found.cut) == (5, 5, "")


def test_after_a_sync_nothing_is_left_to_do(rig: SourceRig) -> None:
    synced(rig)
    assert {each.change for each in look(rig).items} == {"unchanged"}


def test_a_change_names_the_fields_with_before_and_after(rig: SourceRig) -> None:
    synced(rig)
    before = only(look(rig), "000001").item
    save(rig, "000001", mri_time="07:45")
    changed = only(look(rig), "000001")
    assert changed.change == "changed"
    [field] = changed.fields
    assert field.model_dump() == {
        "field": "scheduled_start_time",
        "before": before.scheduled_start_time,
        "after": "074500",
    }


def test_what_a_person_owns_is_left_alone_and_said(rig: SourceRig) -> None:
    item = only(look(rig), "000001").item
    synced(rig)
    worklist(rig).edit(item.id, {"procedure_description": "By hand"})
    found = only(look(rig), "000001")
    assert found.change == "unchanged"
    [kept] = found.kept
    assert (kept.field, kept.owner, kept.value) == ("procedure_description", "person", "By hand")
    assert kept.source == item.procedure_description


def test_what_a_scanner_reported_is_left_alone_and_said(rig: SourceRig) -> None:
    item = only(look(rig), "000001").item
    synced(rig)
    rig.api.services.steps.record_event(an_event(item), site=SITE, relay_id="r1")
    found = only(look(rig), "000001")
    assert found.item.performed_procedure_step_status is Status.IN_PROGRESS
    assert [(kept.field, kept.owner) for kept in found.kept] == [("performed_procedure_step_status", "mpps")]


def test_what_a_person_removed_stays_away(rig: SourceRig) -> None:
    item = only(look(rig), "000001").item
    synced(rig)
    worklist(rig).remove(item.id)
    assert only(look(rig), "000001").change == "removed"


def test_a_row_that_is_gone_withdraws_its_item_unless_it_was_scanned(rig: SourceRig) -> None:
    synced(rig)
    scanned = only(look(rig), "000002").item
    rig.api.services.steps.record_event(an_event(scanned), site=SITE, relay_id="r1")
    for record in ("000001", "000002"):
        save(rig, record, mri_date="")
    found = look(rig)
    assert only(found, "000001").change == "withdrawn"
    assert only(found, "000002").change == "stays"


def test_a_deleted_record_withdraws_its_items(rig: SourceRig) -> None:
    synced(rig)
    rig.simulator.form_filler.delete(rig.project, "000001")
    assert only(look(rig), "000001").change == "withdrawn"
    assert only(look(rig, Scope(record="000001")), "000001").change == "withdrawn"
    assert only(look(rig, Scope(limit=1)), "000001").change == "withdrawn"


def test_a_withdrawal_too_large_is_announced(rig: SourceRig) -> None:
    for number in range(6, 12):
        rig.simulator.save_form(11, f"{number:06}", "mri", {"mri_date": "2026-06-02"}, instance=1)
        person = {"last_name": "Doe", "first_name": "Jane"}
        rig.simulator.save_form(11, f"{number:06}", "demographics", person)
    synced(rig)
    assert look(rig).blocked == ""
    for number in range(6, 12):
        rig.simulator.form_filler.delete(rig.project, f"{number:06}")
    found = look(rig)
    assert found.counts["withdrawn"] == 6
    assert "6 of" in found.blocked


def test_a_reject_tells_record_field_value_and_reason(rig: SourceRig) -> None:
    save(rig, "000001", mri_date="soon")
    found = look(rig)
    [refused] = found.rejected
    assert (refused.record, refused.instance, refused.field) == ("000001", 1, "mri_date")
    assert refused.value == "soon"
    assert "date" in refused.reason
    assert "soon" not in refused.reason


def test_a_joined_field_shows_the_value_of_the_other_row(rig: SourceRig) -> None:
    rig.simulator.save_form(11, "000001", "demographics", {"demo_sex": "7", "youth_dob": "2062-01-01"})
    held = look(rig).held[0]
    assert (held.field, held.value) == ("youth_dob", "2062-01-01")


def test_what_is_left_out_is_shown_with_its_value(rig: SourceRig) -> None:
    rig.simulator.save_form(11, "000001", "demographics", {"demo_sex": "7"})
    found = look(rig)
    assert {(note.record, note.field, note.value) for note in found.notes} == {("000001", "demo_sex", "7")}
    assert only(found, "000001").item.patient_sex == ""
    assert found.rejected == ()


def test_one_record_is_looked_at_alone(rig: SourceRig) -> None:
    synced(rig)
    rig.simulator.requests.clear()
    found = look(rig, Scope(record="000003"))
    assert {each.item.source_record for each in found.items} == {"000003"}
    assert (found.records, found.cut) == (1, "")
    assert {each.change for each in found.items} == {"unchanged"}


def test_a_limit_takes_the_first_records_and_says_so(rig: SourceRig) -> None:
    found = look(rig, Scope(limit=2))
    assert {each.item.source_record for each in found.items} <= {"000001", "000002"}
    assert found.records == 2
    assert "2 of 5" in found.cut


def test_too_many_rows_cut_a_preview_which_says_so(rig: SourceRig) -> None:
    rig.simulator.projects[:] = [classic(120)]
    found = look(rig, Scope(most_rows=1))
    assert 0 < found.records < found.records_in_project == 120
    assert f"{found.records} of 120" in found.cut


def test_no_more_rows_of_a_kind_are_shown_than_asked_for_and_all_are_counted(rig: SourceRig) -> None:
    rig.relay({"ae_title": "PRISMA1"})
    found = look(rig, Scope(most_rows=2))
    assert len(found.items) == 2
    assert found.counts["new"] == found.scanners[0].count > 2
    assert list(found.scanners[0].items) == [each.item.id for each in found.items]
    assert "the first 2 rows" in found.cut


def test_time_running_out_cuts_a_preview_which_says_so(rig: SourceRig) -> None:
    rig.simulator.projects[:] = [classic(120)]
    asked = iter([False] * 3 + [True] * 10)
    found = look(rig, Scope(out_of_time=lambda: next(asked)))
    assert 0 < found.records < 120
    assert "no more time" in found.cut
    assert {each.change for each in found.items} == {"new"}


def test_no_time_is_said_and_nothing_is_guessed(rig: SourceRig) -> None:
    with pytest.raises(Unavailable, match="too slow"):
        look(rig, Scope(out_of_time=lambda: True))


def test_each_scanner_is_shown_its_own(rig: SourceRig) -> None:
    rig.relay(
        {"ae_title": "PRISMA1", "restrict_to_station": True},
        {"ae_title": "NOTHING", "modalities": ["CT"]},
        heard=("HEARD", "PRISMA1"),
    )
    found = look(rig)
    views = {view.ae_title: view for view in found.scanners}
    of_prisma = {e.item.id for e in found.items if e.item.scheduled_station_aetitle == "PRISMA1"}
    assert set(views["PRISMA1"].items) == of_prisma
    assert views["NOTHING"].items == ()
    usual = ScannerProfile(ae_title="HEARD")
    assert set(views["HEARD"].items) == {e.item.id for e in found.items if shows(usual, e.item, TODAY)}
    assert [title for title, view in sorted(views.items()) if view.assumed] == ["HEARD"]
    seen = {item_id for view in found.scanners for item_id in view.items}
    assert set(found.unseen) == {each.item.id for each in found.items} - seen


def test_items_a_scanners_character_set_cannot_identify_are_named_beforehand(rig: SourceRig) -> None:
    rig.relay({"ae_title": "LATIN", "charset": "ISO_IR 100"}, {"ae_title": "UTF8"})
    fields = rig.data()["fields"] | {"patient_id": "Ł{study_id}_{redcap_repeat_instance}"}
    found = look(rig, fields=fields)
    views = {view.ae_title: view for view in found.scanners}
    ids = tuple(each.item.id for each in found.items)
    assert ids
    assert (views["LATIN"].withheld, views["LATIN"].items, views["LATIN"].count) == (ids, (), 0)
    assert (views["UTF8"].withheld, views["UTF8"].items) == ((), ids)
    assert found.unseen == ()


def test_an_item_no_known_scanner_would_show_is_named(rig: SourceRig) -> None:
    rig.relay({"ae_title": "PRISMA1", "days_back": 0, "days_ahead": 0})
    found = look(rig)
    assert set(found.unseen) == {each.item.id for each in found.items} - set(found.scanners[0].items)
    assert found.unseen


def test_a_relay_of_another_site_shows_nothing(rig: SourceRig) -> None:
    rig.api.relay("elsewhere")
    assert look(rig).scanners == ()


def test_a_definition_that_does_not_fit_the_project_is_refused(rig: SourceRig) -> None:
    data = rig.data()["fields"]
    with pytest.raises(Rejected, match="mri_hight"):
        look(rig, fields={**data, "patient_size_m": {"field": "mri_hight", "unit": "in"}})


def test_a_token_without_the_right_to_a_field_is_found_out(rig: SourceRig) -> None:
    definition = rig.definition(token_secret="limited")
    content = f'{{"token": "{rig.project.token("limited")}"}}'
    rig.api.cloud.secrets.create_secret(Name="mwl-relay/redcap/limited", SecretString=content)
    redcap = rig.api.services.connect(definition)
    with pytest.raises(Forbidden, match="leaves out"):
        preview(definition, redcap, dry(rig), today=TODAY)
    redcap.close()


def test_a_gate_holds_rows_back_with_the_reason_and_takes_down_what_was_shown(rig: SourceRig) -> None:
    synced(rig)
    gate = {"field": "demo_sex", "values": ["1", "2"], "reason": "Consent is missing"}
    rig.simulator.save_form(11, "000001", "demographics", {"demo_sex": "3"})
    held = look(rig, gates=[gate])
    of_record = [row for row in held.held if row.record == "000001"]
    assert {(row.field, row.value, row.reason) for row in of_record} == {("demo_sex", "3", gate["reason"])}
    assert only(held, "000001").change == "withdrawn"
    assert held.blocked == ""


def test_a_record_that_changed_groups_leaves_one_site_and_appears_at_the_other(rig: SourceRig) -> None:
    rig.simulator.projects[:] = [longitudinal(6)]
    definition = definition_from(
        tomllib.loads(LONGITUDINAL_FILE.read_text("utf-8")) | {"url": rig.simulator.url, "gates": []}
    )
    content = json.dumps({"token": rig.project.token()})
    rig.api.cloud.secrets.create_secret(Name="mwl-relay/redcap/visits", SecretString=content)

    def seen() -> Preview:
        with closing(rig.api.services.connect(definition)) as redcap:
            return preview(definition, redcap, dry(rig), today=TODAY)

    first = seen()
    worklist(rig).put_if_changed(each.item for each in first.items)
    moving = first.items[0].item
    group = next(name for name, site in definition.sites_by_dag.items() if site != moving.site)
    rig.simulator.form_filler.move_dag(rig.project, moving.source_record, group)
    outcomes = {(each.item.site, each.change) for each in seen().items if each.item.id == moving.id}
    assert outcomes == {(moving.site, "withdrawn"), (definition.sites_by_dag[group], "new")}


def test_what_a_preview_announces_is_what_the_sync_then_does(rig: SourceRig) -> None:
    rig.register()
    sync(rig)
    edited = only(look(rig), "000002").item
    worklist(rig).edit(edited.id, {"procedure_description": "By hand"})
    save(rig, "000001", mri_time="07:45")
    save(rig, "000002", protocol="1")
    save(rig, "000003", mri_date="")
    rig.simulator.form_filler.delete(rig.project, "000004")
    rig.simulator.save_form(11, "000009", "demographics", {"last_name": "Doe", "first_name": "Jane"})
    save(rig, "000009", mri_date="2026-06-02")
    rig.register(interval_seconds=61)  # a new definition: the next sync reads everything too
    announced = look(rig)
    report = sync(rig)
    counts = announced.counts
    assert (counts["new"], counts["changed"]) == (1, 2)
    assert (report.written, report.withdrawn) == (counts["new"] + counts["changed"], counts["withdrawn"])
    assert counts["withdrawn"] >= 2
    now = {each.item.id: each.item for each in look(rig).items}
    shown = [each for each in announced.items if each.change not in {"withdrawn", "removed"}]
    assert now == {each.item.id: each.item for each in shown}
