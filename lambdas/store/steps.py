"""Performed procedure steps in DynamoDB: each event recorded once, and due for write-back until done.

One transaction records the event, the folded step with its unfinished write-back (``write_back_due``) and the
status of every linked item. So there is no moment at which one is known without the others, and a lost queue
message loses nothing: the write-back stays due in the table until it has been verified.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final, Literal

from pynamodb.exceptions import DoesNotExist
from pynamodb.transactions import TransactWrite

from lambdas.store import ownership
from lambdas.store.audit.entry import Actor
from lambdas.store.audit.step_subject import step_subject
from lambdas.store.commit import BATCH, Change
from lambdas.store.faults import ATTEMPTS, races, translated
from lambdas.store.models import DUE, EVENT, ITEM, MPPS, STATE, EventRow, StepRow, step_key, steps_group
from lambdas.store.ownership import StoredItem
from lambdas.store.write_backs.rows import WriteBackRows, stamp, step_of, uid_of
from shared.batches import batches
from shared.errors import Rejected
from shared.steps.event_body import EventBody, pack, unpack
from shared.steps.procedure_step import (
    EventKind,
    EventReference,
    EventResult,
    LinkedItem,
    ProcedureStepEvent,
    Refusal,
    Step,
)
from shared.steps.step_dataset import (
    ScheduledStepReference,
    fold,
    linked_items,
    patient_of,
    references,
)

_BATCH_GET: Final = 100
Outcome = Literal["recorded", "already_recorded"]


class StepStore(WriteBackRows):
    """Steps and events of all sites.

    :param now: seconds since 1970.
    """

    def record_event(self, event: ProcedureStepEvent, *, site: str, relay_id: str) -> EventResult:
        """Record an event of a site's relay: once, however often it is sent.

        :returns: ``refused`` if the state machine or the site forbids it; nothing is then stored, and the
            relay, which keeps it, may try again after someone has looked.
        :raises Conflict, Unavailable: nothing is known; the same call again is safe.
        """
        return races(ATTEMPTS)(self._record, event, site, relay_id)

    def find(self, sop_instance_uid: str) -> Step | None:
        """Return a step as folded so far; None if it is unknown."""
        row = self.step_row(sop_instance_uid)
        return step_of(row) if row and row.pk.startswith(MPPS) else None

    def audited(self, uids: Collection[str]) -> dict[str, str]:
        """Return the keys of the last audit entries about steps, by SOP Instance UID."""
        return {uid_of(row): row.audited for row in self.step_rows(uids) if row.audited}

    def events(self, sop_instance_uid: str) -> list[ProcedureStepEvent]:
        """Return the recorded events of a step in the order they were recorded."""
        model = self._tables.event
        with translated("reading a step's events"):
            rows = list(model.query(step_key(sop_instance_uid), model.sk.startswith(EVENT)))
        rows.sort(key=lambda row: int(row.number))
        return [unpack(EventBody(row.body, row.packed)) for row in rows]

    def events_at(self, sop_instance_uid: str, *, site: str) -> list[ProcedureStepEvent]:
        """Return the recorded events of a step in order; none if it is unknown, or another site's."""
        row = self.step_row(sop_instance_uid)
        return self.events(sop_instance_uid) if row is not None and row.site == site else []

    def lacking(self, asked: Sequence[EventReference], *, site: str) -> list[str]:
        """Return the ids of those events that are not recorded of a site, in the order asked."""
        wanted = {(step_key(each.sop_instance_uid), EVENT + each.event_id) for each in asked}
        recorded: set[str] = set()
        for some in batches(sorted(wanted), _BATCH_GET):
            with translated("looking for events"):
                found = self._tables.event.batch_get(
                    some, consistent_read=True, attributes_to_get=["pk", "sk", "site"]
                )
                recorded.update(row.sk.removeprefix(EVENT) for row in found if row.site == site)
        return [each.event_id for each in asked if each.event_id not in recorded]

    def _record(self, event: ProcedureStepEvent, site: str, relay_id: str) -> EventResult:
        row = self.step_row(event.sop_instance_uid)
        if row is not None and row.site != site:
            return _refused(event, "this SOP Instance UID belongs to another site")
        before = step_of(row) if row else None
        if before is not None and self._is_recorded(event):  # an event is never without its step
            items = self._worklist.writer.read(site, before.item_ids)
            return self._result(event, "already_recorded", items)
        if before is not None and event.kind is EventKind.N_CREATE and self._is_repeated(event):
            # The scanner was not answered by one relay, and sent the same to another.
            items = self._worklist.writer.read(site, before.item_ids)
            return self._result(event, "already_recorded", items)
        try:
            after = fold(before, event)
            body = pack(event)
        except Rejected as error:
            return _refused(event, str(error))
        if isinstance(after, Refusal):
            return _refused(event, f"{after.status:04X}H: {after.comment}")
        item_ids = tuple(dict.fromkeys([*after.item_ids, *self._linked(event, site)]))[:BATCH]
        step = after.model_copy(update={"item_ids": item_ids})
        changes: dict[str, Change] = dict.fromkeys(item_ids, _from_scanner(step))

        def save(transaction: TransactWrite, key: str) -> None:
            self._save_event(transaction, event, body, row, site, relay_id)
            self.save_step(transaction, step, row, site, key, patient=patient_of(event.dataset))

        written = self._worklist.writer.change(
            site,
            changes,
            also=save,
            by=Actor(kind="relay", name=relay_id),
            about=[step_subject(before, step, event, row.audited if row else None)],
        )
        return self._result(event, "recorded", written.items)

    def _save_event(
        self,
        transaction: TransactWrite,
        event: ProcedureStepEvent,
        body: EventBody,
        row: StepRow | None,
        site: str,
        relay_id: str,
    ) -> None:
        transaction.save(
            self._tables.event(
                step_key(event.sop_instance_uid),
                EVENT + event.event_id,
                site=site,
                relay_id=relay_id,
                recorded_at=stamp(self._now()),
                number=_version(row) + 1,
                body=body.body,
                packed=body.packed,
            ),
            condition=EventRow.pk.does_not_exist(),
        )

    def save_step(
        self,
        transaction: TransactWrite,
        step: Step,
        row: StepRow | None,
        site: str,
        key: str,
        *,
        patient: Mapping[str, str] | None = None,
        unlinked: Collection[str] | None = None,
    ) -> None:
        """Write a step in a transaction, on the condition that it is still as it was read.

        :param key: of the audit entry.
        :param patient: name and id that the scanner reported; None: as before.
        :param unlinked: items that a person said it is not of; None: as before.
        """
        began = step.started_at or step.reported_at
        left = (row.unlinked if row else None) if unlinked is None else list(unlinked)
        told = bool(step.item_ids or left)
        version = _version(row)
        transaction.save(
            self._tables.step(
                step_key(step.sop_instance_uid),
                STATE,
                site=site,
                version=version + 1,
                body=step.model_dump_json(),
                audited=key,
                # Unscheduled steps owe REDCap nothing: there is no row to write to until a person links one.
                write_back_due=DUE if told else None,
                write_back_at=stamp(self._now()) if told else None,
                unlinked=left or None,
                patient=dict(patient) if patient else (row.patient if row else None),
                group_key=steps_group(site),
                group_at=f"{began:%Y%m%d%H%M%S}#{step.sop_instance_uid}",
            ),
            condition=(StepRow.version == version) if row else StepRow.pk.does_not_exist(),
        )

    def _linked(self, event: ProcedureStepEvent, site: str) -> list[str]:
        """Return the ids of the site's items an event refers to, among the relay's finds and the study's.

        The relay also finds by accession number, for which the table has no index. What it found is looked
        at again with the function it used itself: no relay can link a step to an item it does not name.
        """
        candidates = list(event.linked())
        for reference in references(event.dataset):
            candidates += self._of_study(reference)
        found = self._worklist.writer.read(site, candidates)
        return list(linked_items(event.dataset, (stored.item for stored in found.values())))

    def _of_study(self, reference: ScheduledStepReference) -> list[str]:
        if not reference.study_instance_uid:
            return []
        with translated("finding a study's items"):
            rows = self._tables.item.by_study.query(reference.study_instance_uid, limit=BATCH)
            return [row.sk.removeprefix(ITEM) for row in rows]

    def _is_recorded(self, event: ProcedureStepEvent) -> bool:
        key = step_key(event.sop_instance_uid)
        with translated("reading an event"):
            try:
                self._tables.event.get(key, EVENT + event.event_id, consistent_read=True)
            except DoesNotExist:
                return False
        return True

    def _is_repeated(self, event: ProcedureStepEvent) -> bool:
        """Tell whether a step was created by the very same message."""
        created = self.events(event.sop_instance_uid)[:1]
        return any(each.dataset == event.dataset for each in created)

    def _result(
        self, event: ProcedureStepEvent, outcome: Outcome, items: Mapping[str, StoredItem]
    ) -> EventResult:
        linked = (LinkedItem(item_id=key, feed_seq=stored.feed_seq) for key, stored in items.items())
        return EventResult(event_id=event.event_id, outcome=outcome, items=tuple(linked))


def _from_scanner(step: Step) -> Change:
    return lambda current: None if current is None else ownership.from_scanner(current, step)


def _refused(event: ProcedureStepEvent, reason: str) -> EventResult:
    return EventResult(event_id=event.event_id, outcome="refused", reason=reason)


def _version(row: StepRow | None) -> int:
    return int(row.version) if row else 0
