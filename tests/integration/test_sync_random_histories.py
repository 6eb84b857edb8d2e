"""Whatever happens at REDCap, wherever a sync stops: nobody is shown at a wrong site, and it ends right.

A study team creates, edits, reschedules, cancels, deletes, renames, moves between groups, opens and closes
the gate; scanners and people report and edit; syncs run in between, whole or of one record, meet faults at
any request and are killed at any request to DynamoDB, before or after it took effect.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar
from unittest.mock import patch
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from moto.core.botocore_stubber import BotocoreStubber

from infra.redcap_simulator import Quirks, longitudinal
from infra.redcap_simulator.faults import FaultKind
from infra.redcap_simulator.project.records import RowKey
from lambdas.mapping.record import map_record, missing_data_codes
from lambdas.redcap.project import RedcapProject
from lambdas.store.ownership import StoredItem
from lambdas.sync.connect import Outside
from lambdas.sync.record_intake import by_record
from lambdas.sync.source_sync import SourceSync
from shared.errors import MwlError
from shared.worklist_item import WorklistItem
from tests.rigs.builders import an_event
from tests.rigs.redcap import Rig, Stack, longitudinal_data

PID = 22
GROUPS = ("montreal", "quebec", "osaka", "")  # the last two have no site
SITES = {"montreal": "north", "quebec": "south"}
FAULTS: tuple[FaultKind, ...] = (
    "empty_500", "html_200", "banned", "cut_json", "truncated", "dropped", "revoked", "unknown_error",
)  # fmt: skip
RECORDS = st.integers(0, 11)
DAYS = st.integers(1, 28).map(lambda day: f"2026-12-{day:02}")
_SHORT = settings(
    max_examples=int(os.environ.get("MWL_RELAY_HISTORIES", "10")),
    stateful_step_count=14,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


class Killed(BaseException):
    """The function is gone."""


def definition_data() -> dict[str, Any]:
    return longitudinal_data(
        SITES,
        gates=[{"field": "family_id", "values": ["OPEN"], "reason": "no consent"}],
        max_withdrawn_share=1.0,
    )


class History(RuleBasedStateMachine):
    """One history; ``stack`` is put in by the test."""

    stack: ClassVar[Stack]

    @initialize(dag_moves_show=st.booleans())
    def begin(self, dag_moves_show: bool) -> None:
        self.rig: Rig = self.stack.fresh(
            longitudinal(0), definition_data(), Quirks(dag_move_modifies=dag_moves_show)
        )
        self.simulator, self.project = self.rig.simulator, self.rig.project
        self.named = 0
        self.allowed: dict[str, set[str]] = {}  # record -> sites it was at since the last sync that succeeded
        self.offset = 0.0
        for dag in GROUPS:
            self.creates(day="2026-12-01", dag=dag, consent="OPEN")
        self.run()

    # ------------------------------------------------------------------ the study team

    def record(self, number: int) -> str | None:
        ids = sorted(self.project.records.ids())
        return ids[number % len(ids)] if ids else None

    def note(self, record: str) -> None:
        found = self.project.records.get(record)
        site = SITES.get(found.dag, "") if found else ""
        self.allowed.setdefault(record, set()).add(site)

    def save(self, record: str, form: str, instance: int = 0, **values: str) -> None:
        event = "mri_arm_1" if form == "mri" else "enrolment_arm_1"
        where = {"instance": instance} if instance else {}
        self.simulator.save_form(PID, record, form, values, event=event, **where)
        self.note(record)

    @rule(day=DAYS, dag=st.sampled_from(GROUPS), consent=st.sampled_from(["OPEN", "OPEN", "no"]))
    def creates(self, day: str, dag: str, consent: str) -> None:
        record = f"R{self.named:02}"
        self.named += 1
        self.save(record, "demographics", last_name=f"N{record}", first_name="A", family_id=consent)
        self.save(record, "mri", 1, mri_date=day)
        self.simulator.form_filler.move_dag(self.project, record, dag)
        self.allowed[record] = {SITES.get(dag, "")}

    @rule(number=RECORDS, name=st.sampled_from(["Doe", "Roe", "O'Núñez"]))
    def edits(self, number: int, name: str) -> None:
        if record := self.record(number):
            self.save(record, "demographics", last_name=name)

    @rule(number=RECORDS, instance=st.integers(1, 3), day=st.one_of(DAYS, st.just(""), st.just("-99")))
    def reschedules_or_cancels(self, number: int, instance: int, day: str) -> None:
        if record := self.record(number):
            self.save(record, "mri", instance, mri_date=day)

    @rule(number=RECORDS, consent=st.sampled_from(["OPEN", "no", ""]))
    def opens_or_closes_the_gate(self, number: int, consent: str) -> None:
        if record := self.record(number):
            self.save(record, "demographics", family_id=consent)

    @rule(number=RECORDS)
    def deletes(self, number: int) -> None:
        if record := self.record(number):
            self.simulator.form_filler.delete(self.project, record)

    @rule(number=RECORDS, instance=st.integers(1, 3))
    def deletes_an_instance(self, number: int, instance: int) -> None:
        record = self.record(number)
        found = self.project.records.get(record) if record else None
        key = RowKey("mri_arm_1", "", instance)
        if record and found and key in found.rows:
            rest = found.copy()
            del rest.rows[key]
            self.project.records.put(record, rest, self.simulator.clock())

    @rule(number=RECORDS)
    def renames(self, number: int) -> None:
        if record := self.record(number):
            self.simulator.form_filler.rename(self.project, record, f"A{self.named:02}")
            self.note(f"A{self.named:02}")
            self.named += 1

    @rule(number=RECORDS, dag=st.sampled_from(GROUPS))
    def moves(self, number: int, dag: str) -> None:
        if record := self.record(number):
            self.simulator.form_filler.move_dag(self.project, record, dag)
            self.note(record)

    @rule(seconds=st.sampled_from([1, 30, 299, 301, 4000]))
    def time_passes(self, seconds: int) -> None:
        self.simulator.clock.advance(seconds)
        self.offset += seconds

    # ------------------------------------------------------------------ scanners and people

    @rule(number=RECORDS)
    def scans(self, number: int) -> None:
        if shown := self.shown():
            stored = shown[number % len(shown)]
            event = an_event(stored.item, uid=f"2.25.{uuid4().int}")
            self.rig.steps.record_event(event, site=stored.item.site, relay_id="relay-1")

    @rule(number=RECORDS)
    def a_person_edits(self, number: int) -> None:
        if shown := self.shown():
            stored = shown[number % len(shown)]
            self.rig.worklist.edit(stored.item.id, {"protocol_name": "by hand"})

    # ------------------------------------------------------------------ the sync

    def sync(self) -> SourceSync:
        def connect(_definition: object) -> RedcapProject:
            return RedcapProject(
                self.simulator.url,
                self.project.token(),
                "record_id",
                data_access_groups=True,
                sleep=lambda _seconds: None,
            )

        return SourceSync(
            self.rig.sources,
            self.rig.worklist,
            Outside(
                connect, lambda: time.time() + self.offset, lambda: uuid4().hex, sleep=lambda _seconds: None
            ),
        )

    def run(self, *, seconds: float = 300.0) -> bool:
        try:
            result = self.sync().run("classic", remaining=lambda: seconds)
        except MwlError:
            return False
        if result is None or result.unfinished:
            return False
        groups = {
            record: found.dag
            for record in self.project.records.ids()
            if (found := self.project.records.get(record))
        }
        self.allowed = {record: {SITES.get(dag, "")} for record, dag in groups.items()}
        return True

    @rule()
    def syncs(self) -> None:
        self.run()

    @rule()
    def syncs_in_slices(self) -> None:
        with patch("lambdas.sync.record_ranges.RANGE_SIZE", 2):
            self.run(seconds=0)

    @rule(number=RECORDS)
    def syncs_one_record(self, number: int) -> None:
        if record := self.record(number):
            self.sync().run_record("classic", record)

    @rule(kind=st.sampled_from(FAULTS), skip=st.integers(0, 5), times=st.sampled_from([1, 4, 9]))
    def syncs_with_faults(self, kind: FaultKind, skip: int, times: int) -> None:
        self.simulator.add_fault(kind, skip=skip, times=times)
        self.run()
        self.simulator.faults.clear()

    @rule(number=RECORDS)
    def syncs_while_a_record_is_never_returned(self, number: int) -> None:
        if record := self.record(number):
            self.simulator.add_fault("left_out", content="record", record=record, times=None)
            self.run()
            self.simulator.faults.clear()

    @rule(after=st.integers(0, 25), done=st.booleans(), sliced=st.booleans())
    def a_sync_is_killed(self, after: int, done: bool, sliced: bool) -> None:
        try:
            with (
                killed(after, done=done),
                patch("lambdas.sync.record_ranges.RANGE_SIZE", 2 if sliced else 250),
            ):
                self.run(seconds=0 if sliced else 300)
        except Killed:
            self.time_passes(4000)  # its lease ends

    # ------------------------------------------------------------------ what must hold

    def stored(self) -> list[StoredItem]:
        found: list[StoredItem] = []
        for site in ("north", "south"):
            ids = [ref.item_id for ref in self.rig.worklist.items_of_source("classic", site)]
            found += self.rig.worklist.writer.read(site, ids).values()
        return found

    def shown(self) -> list[StoredItem]:
        return sorted(self.stored(), key=lambda stored: (stored.item.source_record, stored.item.id))

    @invariant()
    def nobody_is_shown_at_two_sites_or_at_a_wrong_one(self) -> None:
        if not hasattr(self, "rig"):
            return
        seen: set[str] = set()
        for stored in self.stored():
            if stored.status_owner == "mpps":
                continue  # the scan is real, and stays where it was made
            assert stored.item.id not in seen
            seen.add(stored.item.id)
            allowed = self.allowed.get(stored.item.source_record)
            assert allowed is not None, "of a record that is gone since a sync that succeeded"
            assert stored.item.site in allowed

    def teardown(self) -> None:
        if not hasattr(self, "rig"):
            return
        self.simulator.faults.clear()
        before = {stored.item.id for stored in self.stored() if stored.status_owner == "mpps"}
        self.time_passes(4000)
        runs = [self.run(), self.run()]
        assert runs == [True, True], self.rig.state().report
        wanted = self.fresh()
        stored = {each.item.id: each for each in self.stored()}
        owned = {item_id for item_id, each in stored.items() if each.status_owner == "mpps"}
        assert before <= owned
        assert stored.keys() - owned == wanted.keys() - owned
        for item_id in wanted.keys() - owned:
            theirs = {name: getattr(stored[item_id].item, name) for name in stored[item_id].edited}
            assert stored[item_id].item == wanted[item_id].model_copy(update=theirs)

    def fresh(self) -> dict[str, WorklistItem]:
        """Return what a first sync of an empty table would write."""
        redcap = RedcapProject(self.simulator.url, self.project.token(), "record_id", data_access_groups=True)
        definition = self.rig.sources.get("classic")
        codes = missing_data_codes(redcap.project_info())
        items = [
            item
            for batch in redcap.rows(redcap.record_ids(), definition.read_fields())
            for _, rows in by_record(batch)
            for item in map_record(definition, rows, codes).items
        ]
        redcap.close()
        return {item.id: item for item in items}


@contextmanager
def killed(after: int, *, done: bool) -> Iterator[None]:
    """Kill whoever sends the request to DynamoDB after so many; ``done``: it takes effect all the same."""
    left = [after]
    process: Callable[..., Any] = BotocoreStubber.process_request

    def counted(self: BotocoreStubber, request: Any) -> Any:
        left[0] -= 1
        if left[0] == -1:
            if done:
                process(self, request)
            raise Killed
        return process(self, request)

    with patch.object(BotocoreStubber, "process_request", counted):
        yield


@pytest.mark.slow
def test_after_any_history_the_table_is_what_a_first_sync_would_write(stack: Stack) -> None:
    class Bound(History):
        pass

    Bound.stack = stack
    run_state_machine_as_test(Bound, settings=_SHORT)
