"""Performed procedure steps in DynamoDB: each event recorded once, and due for write-back until done.

One transaction records the event, the folded step with its unfinished write-back (``write_back_due``) and the
status of every linked item. So there is no moment at which one is known without the others, and a lost queue
message loses nothing: the write-back stays due in the table until it has been verified.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, Literal

from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from lambdas.store import ownership
from lambdas.store.commit import BATCH, Change
from lambdas.store.event_body import EventBody, pack, unpack
from lambdas.store.faults import ATTEMPTS, races, translated
from lambdas.store.models import DUE, EVENT, ITEM, MPPS, STATE, EventRow, StepRow, Tables, step_key
from lambdas.store.ownership import StoredItem
from lambdas.store.performed import performed_steps
from lambdas.store.unfinished_write_backs import (
    FOR_GOOD,
    NO_SHOW,
    NOTE_LENGTH,
    PARKED,
    ParkedWriteBack,
    PendingWriteBack,
    PerformedStep,
)
from lambdas.store.worklist import WorklistStore
from shared.batches import batches
from shared.errors import Conflict, NotFound, Rejected
from shared.steps.procedure_step import (
    EventReference,
    EventResult,
    LinkedItem,
    ProcedureStepEvent,
    Refusal,
    Step,
)
from shared.steps.step_dataset import ScheduledStepReference, fold, linked_items, references

_BATCH_GET: Final = 100
Outcome = Literal["recorded", "already_recorded"]


class StepStore:
    """Steps and events of all sites.

    :param now: seconds since 1970.
    """

    def __init__(self, tables: Tables, worklist: WorklistStore, *, now: Callable[[], float]) -> None:
        self._tables, self._worklist, self._now = tables, worklist, now

    def record_event(self, event: ProcedureStepEvent, *, site: str, relay_id: str) -> EventResult:
        """Record an event of a site's relay: once, however often it is sent.

        :returns: ``refused`` if the state machine or the site forbids it; nothing is then stored, and the
            relay, which keeps it, may try again after someone has looked.
        :raises Conflict, Unavailable: nothing is known; the same call again is safe.
        """
        return races(ATTEMPTS)(self._record, event, site, relay_id)

    def find(self, sop_instance_uid: str) -> Step | None:
        """Return a step as folded so far; None if it is unknown."""
        row = self._step_row(sop_instance_uid)
        return _step(row) if row and row.pk.startswith(MPPS) else None

    def performed(self, uids: Collection[str]) -> dict[str, PerformedStep]:
        """Return steps with their write-backs, by SOP Instance UID; see `lambdas.store.performed`."""
        return performed_steps(self._tables, uids)

    def events(self, sop_instance_uid: str) -> list[ProcedureStepEvent]:
        """Return the recorded events of a step in the order they were recorded."""
        model = self._tables.event
        with translated("reading a step's events"):
            rows = list(model.query(step_key(sop_instance_uid), model.sk.startswith(EVENT)))
        rows.sort(key=lambda row: int(row.number))
        return [unpack(EventBody(row.body, row.packed)) for row in rows]

    def events_at(self, sop_instance_uid: str, *, site: str) -> list[ProcedureStepEvent]:
        """Return the recorded events of a step in order; none if it is unknown, or another site's."""
        row = self._step_row(sop_instance_uid)
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

    def due_write_backs(self, limit: int) -> list[str]:
        """Return the SOP Instance UIDs of steps whose write-back is due, the longest due first."""
        model = self._tables.step
        with translated("listing due write-backs"):
            rows = list(model.due.query(DUE, model.write_back_at <= _stamp(self._now()), limit=limit))
        return [_uid(row) for row in rows]

    def parked_write_backs(self, limit: int = 100) -> list[ParkedWriteBack]:
        """Return the parked write-backs, the longest parked first."""
        model = self._tables.step
        with translated("listing parked write-backs"):
            keys = [(row.pk, row.sk) for row in model.due.query(PARKED, limit=limit)]
            found = {row.pk: row for row in model.batch_get(keys, consistent_read=True)}
        rows = [found[pk] for pk, _ in keys if pk in found]
        # The index may be a moment behind: what has been told or tried again meanwhile is not parked.
        return [self._parked(row) for row in rows if row.write_back_due == PARKED]

    def pending(self, sop_instance_uid: str) -> PendingWriteBack | None:
        """Return the write-back that is due for a step; None if none is."""
        row = self._step_row(sop_instance_uid)
        if row is None or row.write_back_due != DUE:
            return None
        item_ids = _item_ids(row)
        found = self._worklist.writer.read(row.site, item_ids)
        linked = [found[item_id] for item_id in item_ids if item_id in found]
        # After the items: a step that comes later has a write-back of its own.
        known = self._steps({uid for stored in linked for uid in stored.progress.steps})
        performed = {
            stored.item.id: tuple(known[uid] for uid in stored.progress.steps if uid in known)
            for stored in linked
        }
        items = tuple(stored.item for stored in linked)
        return PendingWriteBack(items, performed, int(row.version), int(row.write_back_attempts))

    def write_back_done(self, sop_instance_uid: str, version: int) -> bool:
        """End the write-back; False if a newer event or another run came between: it is due again then."""
        model = self._tables.step
        actions = [
            model.write_back_due.remove(),
            model.write_back_at.remove(),
            model.write_back_attempts.set(0),
            model.write_back_note.set(""),
        ]
        return self._end_write_back(sop_instance_uid, version, actions)

    def write_back_later(
        self, sop_instance_uid: str, version: int, *, at: float, note: str, counted: bool = True
    ) -> None:
        """Put the next try off until ``at`` (seconds since 1970), with the reason for people to see.

        :param counted: whether this one was in vain; False if REDCap was not asked at all.
        """
        model = self._tables.step
        actions = [model.write_back_at.set(_stamp(at)), model.write_back_note.set(note[:NOTE_LENGTH])]
        if counted:
            actions.append(model.write_back_attempts.set(model.write_back_attempts + 1))
        self._end_write_back(sop_instance_uid, version, actions)

    def write_back_parked(self, sop_instance_uid: str, version: int, *, note: str) -> None:
        """Stop trying: REDCap refuses for good. The reason stays with the step, until its next event."""
        model = self._tables.step
        actions = [
            model.write_back_due.set(PARKED),
            model.write_back_at.set(_stamp(self._now())),
            model.write_back_attempts.set(model.write_back_attempts + 1),
            model.write_back_note.set((FOR_GOOD + note)[:NOTE_LENGTH]),
        ]
        self._end_write_back(sop_instance_uid, version, actions)

    def retry_write_back(self, sop_instance_uid: str) -> None:
        """Make a step's write-back due again, parked or done: doing it twice does no harm.

        :raises NotFound: there is no such step, or no item is linked to it, so that there is no row to tell.
        """
        row = self._step_row(sop_instance_uid)
        if row is None or not _item_ids(row):
            raise NotFound("there is no such procedure step with an item", where="sop_instance_uid")
        self._make_due_again(row)

    def _record(self, event: ProcedureStepEvent, site: str, relay_id: str) -> EventResult:
        row = self._step_row(event.sop_instance_uid)
        if row is not None and row.site != site:
            return _refused(event, "this SOP Instance UID belongs to another site")
        before = _step(row) if row else None
        if before is not None and self._is_recorded(event):  # an event is never without its step
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
        written = self._worklist.writer.change(
            site, changes, also=lambda tx: self._save(tx, event, body, step, row, site, relay_id)
        )
        return self._result(event, "recorded", written.items)

    def _save(
        self,
        transaction: TransactWrite,
        event: ProcedureStepEvent,
        body: EventBody,
        step: Step,
        row: StepRow | None,
        site: str,
        relay_id: str,
    ) -> None:
        now = _stamp(self._now())
        version = int(row.version) if row else 0
        transaction.save(
            self._tables.event(
                step_key(event.sop_instance_uid),
                EVENT + event.event_id,
                site=site,
                relay_id=relay_id,
                recorded_at=now,
                number=version + 1,
                body=body.body,
                packed=body.packed,
            ),
            condition=EventRow.pk.does_not_exist(),
        )
        transaction.save(
            self._tables.step(
                step_key(step.sop_instance_uid),
                STATE,
                site=site,
                version=version + 1,
                body=step.model_dump_json(),
                # Unscheduled steps owe REDCap nothing: there is no row to write to until a person links one.
                write_back_due=DUE if step.item_ids else None,
                write_back_at=now if step.item_ids else None,
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

    def _step_row(self, sop_instance_uid: str) -> StepRow | None:
        with translated("reading a procedure step"):
            try:
                return self._tables.step.get(step_key(sop_instance_uid), STATE, consistent_read=True)
            except DoesNotExist:
                return None

    def _steps(self, uids: Collection[str]) -> dict[str, Step]:
        keys = [(step_key(uid), STATE) for uid in sorted(uids)]
        with translated("reading procedure steps"):
            rows = list(self._tables.step.batch_get(keys, consistent_read=True)) if keys else []
        return {_uid(row): _step(row) for row in rows}

    def _parked(self, row: StepRow) -> ParkedWriteBack:
        item_ids = _item_ids(row)
        found = self._worklist.writer.read(row.site, item_ids)
        return ParkedWriteBack(
            sop_instance_uid=_uid(row),
            site=row.site,
            items=tuple(found[item_id].item for item_id in item_ids if item_id in found),
            reason=row.write_back_note.removeprefix(FOR_GOOD),
            attempts=int(row.write_back_attempts),
            parked_at=datetime.fromisoformat(row.write_back_at or _stamp(0)),
        )

    def _is_recorded(self, event: ProcedureStepEvent) -> bool:
        key = step_key(event.sop_instance_uid)
        with translated("reading an event"):
            try:
                self._tables.event.get(key, EVENT + event.event_id, consistent_read=True)
            except DoesNotExist:
                return False
        return True

    def _end_write_back(self, sop_instance_uid: str, version: int, actions: Sequence[Action]) -> bool:
        row = self._tables.step(step_key(sop_instance_uid), STATE)
        try:
            with translated("noting a write-back"):
                row.update(actions=list(actions), condition=StepRow.version == version)
        except Conflict:
            self._make_due_again(row)
            return False
        return True

    def _make_due_again(self, row: StepRow) -> None:
        """Make a step due: after a run that was overtaken, what it wrote may be older than what stood there.

        The version moves too, so that a write-back still under way does not end this one with its own.
        """
        model = self._tables.step
        now = _stamp(self._now())
        with translated("noting a write-back"):
            row.update(
                actions=[
                    model.version.set(model.version + 1),
                    model.write_back_due.set(DUE),
                    model.write_back_at.set(now),
                    model.write_back_attempts.set(0),
                ]
            )

    def _result(
        self, event: ProcedureStepEvent, outcome: Outcome, items: Mapping[str, StoredItem]
    ) -> EventResult:
        linked = (LinkedItem(item_id=key, feed_seq=stored.feed_seq) for key, stored in items.items())
        return EventResult(event_id=event.event_id, outcome=outcome, items=tuple(linked))


def _from_scanner(step: Step) -> Change:
    return lambda current: None if current is None else ownership.from_scanner(current, step)


def _refused(event: ProcedureStepEvent, reason: str) -> EventResult:
    return EventResult(event_id=event.event_id, outcome="refused", reason=reason)


def _step(row: StepRow) -> Step:
    return Step.model_validate_json(row.body)


def _item_ids(row: StepRow) -> tuple[str, ...]:
    return (row.body,) if row.pk.startswith(NO_SHOW) else _step(row).item_ids


def _uid(row: StepRow) -> str:
    return row.pk.removeprefix(MPPS)


def _stamp(seconds: float) -> str:
    """Return a moment in a form that sorts as text."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")
