"""Performed procedure steps in DynamoDB: each event recorded once, folded, and owed to REDCap until told.

One transaction records the event, the folded step with its debt to REDCap (``write_back_due``) and the status
of every linked item. So there is no moment at which one is known without the others, and a lost queue message
loses nothing: the debt stands in the table until the write-back has been verified.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from lambdas.store import ownership
from lambdas.store.commit import BATCH, Change
from lambdas.store.faults import ATTEMPTS, races, translated
from lambdas.store.models import DUE, EVENT, ITEM, STATE, EventRow, StepRow, Tables, step_key
from lambdas.store.ownership import StoredItem
from lambdas.store.worklist import WorklistStore
from shared.errors import Conflict, Rejected
from shared.procedure_step import EventResult, LinkedItem, ProcedureStepEvent, Refusal, Step
from shared.step_dataset import ScheduledStepReference, fold, references, refers_to
from shared.worklist_item import WorklistItem

Outcome = Literal["recorded", "already_recorded"]


@dataclass(frozen=True)
class PendingWriteBack:
    """What REDCap has yet to be told of a step.

    :param version: hand it back when done: a newer event in between keeps the step due.
    :param attempts: how often it has been tried in vain.
    """

    step: Step
    items: tuple[WorklistItem, ...]
    version: int
    attempts: int


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
        return Step.model_validate_json(row.body) if row else None

    def events(self, sop_instance_uid: str) -> list[ProcedureStepEvent]:
        """Return the recorded events of a step in the order they were recorded."""
        model = self._tables.event
        with translated("reading a step's events"):
            rows = list(model.query(step_key(sop_instance_uid), model.sk.startswith(EVENT)))
        rows.sort(key=lambda row: int(row.number))
        return [ProcedureStepEvent.model_validate_json(row.body) for row in rows]

    def due_write_backs(self, limit: int) -> list[str]:
        """Return SOP Instance UIDs of steps REDCap should be told of by now, the longest due first."""
        model = self._tables.step
        with translated("listing due write-backs"):
            rows = list(model.due.query(DUE, model.write_back_at <= _stamp(self._now()), limit=limit))
        return [row.pk.removeprefix(step_key("")) for row in rows]

    def pending(self, sop_instance_uid: str) -> PendingWriteBack | None:
        """Return what REDCap has yet to be told of a step; None if nothing is due."""
        row = self._step_row(sop_instance_uid)
        if row is None or row.write_back_due != DUE:
            return None
        step = Step.model_validate_json(row.body)
        found = self._worklist.writer.read(row.site, step.item_ids)
        items = tuple(found[item_id].item for item_id in step.item_ids if item_id in found)
        return PendingWriteBack(step, items, int(row.version), int(row.write_back_attempts))

    def write_back_done(self, sop_instance_uid: str, version: int) -> bool:
        """Strike the debt; False if a newer event or another run came between: it is due again then."""
        model = self._tables.step
        actions = [model.write_back_due.remove(), model.write_back_at.remove(), model.write_back_note.set("")]
        return self._settle_debt(sop_instance_uid, version, actions)

    def write_back_later(self, sop_instance_uid: str, version: int, *, at: float, note: str) -> None:
        """Put the next try off until ``at`` (seconds since 1970), with the reason for people to see."""
        model = self._tables.step
        actions = [
            model.write_back_at.set(_stamp(at)),
            model.write_back_attempts.set(model.write_back_attempts + 1),
            model.write_back_note.set(note),
        ]
        self._settle_debt(sop_instance_uid, version, actions)

    def write_back_parked(self, sop_instance_uid: str, version: int, *, note: str) -> None:
        """Stop trying: REDCap refuses for good. The reason stays with the step."""
        model = self._tables.step
        actions = [
            model.write_back_due.remove(),
            model.write_back_at.remove(),
            model.write_back_note.set(f"parked: {note}"),
        ]
        self._settle_debt(sop_instance_uid, version, actions)

    def _record(self, event: ProcedureStepEvent, site: str, relay_id: str) -> EventResult:
        row = self._step_row(event.sop_instance_uid)
        if row is not None and row.site != site:
            return _refused(event, "this SOP Instance UID belongs to another site")
        before = Step.model_validate_json(row.body) if row else None
        if before is not None and self._is_recorded(event):  # an event is never without its step
            items = self._worklist.writer.read(site, before.item_ids)
            return self._result(event, "already_recorded", items)
        try:
            after = fold(before, event)
        except Rejected as error:
            return _refused(event, str(error))
        if isinstance(after, Refusal):
            return _refused(event, f"{after.status:04X}H: {after.comment}")
        item_ids = tuple(dict.fromkeys([*after.item_ids, *self._linked(event, site)]))[:BATCH]
        step = after.model_copy(update={"item_ids": item_ids})
        changes: dict[str, Change] = dict.fromkeys(item_ids, _from_scanner(step))
        written = self._worklist.writer.change(
            site, changes, also=lambda tx: self._save(tx, event, step, row, site, relay_id)
        )
        return self._result(event, "recorded", written.items)

    def _save(
        self,
        transaction: TransactWrite,
        event: ProcedureStepEvent,
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
                body=event.model_dump_json(),
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
        """Return the ids of the site's items an event refers to: the relay's own find, then the study's."""
        referred = references(event.dataset)
        candidates = [event.item_id] if event.item_id else []
        for reference in referred:
            candidates += self._of_study(reference)
        found = self._worklist.writer.read(site, candidates)
        return [
            item_id
            for item_id, stored in found.items()
            if any(refers_to(reference, stored.item) for reference in referred)
        ]

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

    def _is_recorded(self, event: ProcedureStepEvent) -> bool:
        key = step_key(event.sop_instance_uid)
        with translated("reading an event"):
            try:
                self._tables.event.get(key, EVENT + event.event_id, consistent_read=True)
            except DoesNotExist:
                return False
        return True

    def _settle_debt(self, sop_instance_uid: str, version: int, actions: Sequence[Action]) -> bool:
        row = self._tables.step(step_key(sop_instance_uid), STATE)
        try:
            with translated("noting a write-back"):
                row.update(actions=list(actions), condition=StepRow.version == version)
        except Conflict:
            self._owe_again(row)
            return False
        return True

    def _owe_again(self, row: StepRow) -> None:
        """Make a step due after a run that was overtaken: what it wrote may be older than what stood there.

        The version moves too, so that a run still under way does not strike this debt with its own.
        """
        model = self._tables.step
        now = _stamp(self._now())
        with translated("noting a write-back"):
            row.update(
                actions=[
                    model.version.set(model.version + 1),
                    model.write_back_due.set(DUE),
                    model.write_back_at.set(now),
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


def _stamp(seconds: float) -> str:
    """Return a moment in a form that sorts as text."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")
