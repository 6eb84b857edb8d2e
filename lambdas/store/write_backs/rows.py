"""Write-backs as the rows of performed procedure steps hold them: due until done, later, or parked.

Also the rows of scans that were missed, or completed without a step, under keys of their own: their
write-back is all there is to them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, Literal

from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from lambdas.store.audit.entry import Actor, Subject
from lambdas.store.audit.trail import AuditTrail
from lambdas.store.faults import ATTEMPTS, races, translated
from lambdas.store.models import DUE, MPPS, STATE, StepRow, Tables, step_key
from lambdas.store.unfinished_write_backs import (
    FOR_GOOD,
    NOTE_LENGTH,
    PARKED,
    WITHOUT_STEP,
    ParkedWriteBack,
    PendingWriteBack,
    PerformedStep,
    WriteBackState,
)
from lambdas.store.worklist import StoredItem, WorklistStore
from shared.errors import NotFound
from shared.steps.procedure_step import WRONG_WORKLIST_ENTRY, Step, StepStatus
from shared.worklist_item import Status

_STATES: Final[Mapping[str | None, WriteBackState]] = {DUE: "due", PARKED: "parked"}

Happened = Literal["told", "refused", "retried"]
"""What an audit entry says of a write-back."""


class WriteBackRows:
    """The write-backs of all sites, a part of `lambdas.store.steps.StepStore`.

    :param now: seconds since 1970.
    """

    def __init__(self, tables: Tables, worklist: WorklistStore, *, now: Callable[[], float]) -> None:
        self._tables, self._worklist, self._now = tables, worklist, now
        self._trail = AuditTrail(tables, now=now)

    def due_write_backs(self, limit: int) -> list[str]:
        """Return the SOP Instance UIDs of steps whose write-back is due, the longest due first."""
        model = self._tables.step
        with translated("listing due write-backs"):
            rows = list(model.due.query(DUE, model.write_back_at <= stamp(self._now()), limit=limit))
        return [uid_of(row) for row in rows]

    def parked_write_backs(self, limit: int = 100) -> list[ParkedWriteBack]:
        """Return the parked write-backs, the longest parked first."""
        model = self._tables.step
        with translated("listing parked write-backs"):
            keys = [(row.pk, row.sk) for row in model.due.query(PARKED, limit=limit)]
            found = {row.pk: row for row in model.batch_get(keys, consistent_read=True)}
        rows = [found[pk] for pk, _ in keys if pk in found]
        # The index may be a moment behind: what has been told or tried again meanwhile is not parked.
        return [self._parked(row) for row in rows if row.write_back_due == PARKED]

    def performed(self, uids: Collection[str]) -> dict[str, PerformedStep]:
        """Return the steps with these SOP Instance UIDs that there are, each with its write-back, by UID."""
        return {
            uid_of(row): PerformedStep(
                step_of(row),
                _STATES.get(row.write_back_due, "done"),
                row.write_back_note.removeprefix(FOR_GOOD),
            )
            for row in self.step_rows(set(uids))
        }

    def write_back_state(self, key: str) -> WriteBackState | None:
        """Return how a write-back stands; None if there never was one.

        :param key: a SOP Instance UID, or the key of a write-back without a step.
        """
        row = self.step_row(key)
        return _STATES.get(row.write_back_due, "done") if row else None

    def pending(self, sop_instance_uid: str) -> PendingWriteBack | None:
        """Return the write-back that is due for a step; None if none is."""
        row = self.step_row(sop_instance_uid)
        if row is None or row.write_back_due != DUE:
            return None
        item_ids = item_ids_of(row)
        found = self._worklist.writer.read(row.site, item_ids)
        linked = [found[item_id] for item_id in item_ids if item_id in found]
        # After the items: a step that comes later has a write-back of its own.
        wanted = {uid for stored in linked for uid in stored.progress.steps} | {uid_of(row)}
        known = {uid_of(each): each for each in self.step_rows(wanted)}
        performed = {stored.item.id: tuple(_counted(stored, row, known)) for stored in linked}
        return PendingWriteBack(
            items=tuple(stored.item for stored in linked),
            performed=performed,
            version=int(row.version),
            attempts=int(row.write_back_attempts),
            completed_by={stored.item.id: _completed_by(stored) for stored in linked},
        )

    def write_back_done(self, sop_instance_uid: str, version: int) -> bool:
        """End the write-back; False if a newer event or another run came between: it is due again then."""
        model = self._tables.step
        actions = [
            model.write_back_due.remove(),
            model.write_back_at.remove(),
            model.write_back_attempts.set(0),
            model.write_back_note.set(""),
        ]
        return self._end_write_back(sop_instance_uid, version, actions, "told")

    def write_back_later(
        self, sop_instance_uid: str, version: int, *, at: float, note: str, counted: bool = True
    ) -> None:
        """Put the next try off until ``at`` (seconds since 1970), with the reason for people to see.

        :param counted: whether this one was in vain; False if REDCap was not asked at all.
        """
        model = self._tables.step
        actions = [model.write_back_at.set(stamp(at)), model.write_back_note.set(note[:NOTE_LENGTH])]
        if counted:
            actions.append(model.write_back_attempts.set(model.write_back_attempts + 1))
        self._end_write_back(sop_instance_uid, version, actions, None)

    def write_back_parked(self, sop_instance_uid: str, version: int, *, note: str) -> None:
        """Stop trying: REDCap refuses for good. The reason stays with the step, until its next event."""
        model = self._tables.step
        actions = [
            model.write_back_due.set(PARKED),
            model.write_back_at.set(stamp(self._now())),
            model.write_back_attempts.set(model.write_back_attempts + 1),
            model.write_back_note.set((FOR_GOOD + note)[:NOTE_LENGTH]),
        ]
        self._end_write_back(sop_instance_uid, version, actions, "refused")

    def retry_write_back(self, sop_instance_uid: str, *, by: Actor | None = None) -> None:
        """Make a step's write-back due again, parked or done: doing it twice does no harm.

        :param by: who asks for it; None: nobody did, it was overtaken.

        :raises NotFound: there is no such step, or no item is linked to it, so that there is no row to tell.
        """
        row = self.step_row(sop_instance_uid)
        if row is None or not item_ids_of(row):
            raise NotFound("there is no such procedure step with an item", where="sop_instance_uid")
        self._make_due_again(row, by)

    def step_row(self, sop_instance_uid: str) -> StepRow | None:
        """Return a step's row, consistently; None if it is unknown."""
        with translated("reading a procedure step"):
            try:
                return self._tables.step.get(step_key(sop_instance_uid), STATE, consistent_read=True)
            except DoesNotExist:
                return None

    def step_rows(self, uids: Collection[str]) -> list[StepRow]:
        """Return the rows of those steps that there are."""
        keys = [(step_key(uid), STATE) for uid in sorted(uids)]
        with translated("reading procedure steps"):
            return list(self._tables.step.batch_get(keys, consistent_read=True)) if keys else []

    def _parked(self, row: StepRow) -> ParkedWriteBack:
        item_ids = item_ids_of(row)
        found = self._worklist.writer.read(row.site, item_ids)
        return ParkedWriteBack(
            sop_instance_uid=uid_of(row),
            site=row.site,
            items=tuple(found[item_id].item for item_id in item_ids if item_id in found),
            reason=row.write_back_note.removeprefix(FOR_GOOD),
            attempts=int(row.write_back_attempts),
            parked_at=datetime.fromisoformat(row.write_back_at or stamp(0)),
        )

    def _end_write_back(
        self, sop_instance_uid: str, version: int, actions: Sequence[Action], happened: Happened | None
    ) -> bool:
        """Note how a write-back went, with an audit entry if something ``happened``.

        False if the step moved on meanwhile: it is due again then.
        """
        ended = races(ATTEMPTS)(self._try_to_end, sop_instance_uid, version, actions, happened)
        if not ended:
            self._make_due_again(self._tables.step(step_key(sop_instance_uid), STATE))
        return bool(ended)

    def _try_to_end(
        self, sop_instance_uid: str, version: int, actions: Sequence[Action], happened: Happened | None
    ) -> bool:
        row = self.step_row(sop_instance_uid)
        if row is None or row.version != version:
            return False
        if happened is None:
            with translated("noting a write-back"):
                row.update(actions=list(actions), condition=StepRow.version == version)
        else:
            self._update_audited(row, actions, happened, Actor(kind="write-back", name=row.site))
        return True

    def _update_audited(self, row: StepRow, actions: Sequence[Action], happened: Happened, by: Actor) -> None:
        """Change a step's row, unless it has moved on, in one transaction with an audit entry of it."""
        subject = Subject(kind="step", id=uid_of(row), action=happened, earlier=row.audited or "")

        def update(transaction: TransactWrite, key: str) -> None:
            changes: list[Action] = [*actions, StepRow.audited.set(key)]
            transaction.update(row, actions=changes, condition=StepRow.version == row.version)

        self._trail.record(by, [subject], site=row.site, also=update)

    def _make_due_again(self, row: StepRow, by: Actor | None = None) -> None:
        """Make a step due: after a run that was overtaken, what it wrote may be older than what stood there.

        The version moves too, so that a write-back still under way does not end this one with its own.
        """
        actions = row.due_again(stamp(self._now()))
        if by is not None:
            self._update_audited(row, actions, "retried", by)
            return
        with translated("noting a write-back"):
            row.update(actions=actions)


def step_of(row: StepRow) -> Step:
    """Return the step a row holds."""
    return Step.model_validate_json(row.body)


def item_ids_of(row: StepRow) -> tuple[str, ...]:
    """Return the items that a row is about."""
    return (row.body,) if row.pk.startswith(WITHOUT_STEP) else (*step_of(row).item_ids, *(row.unlinked or ()))


def freed(step: Step) -> Step:
    """Return a step as it is to an item that it was taken from: the wrong entry had been selected."""
    return step.model_copy(
        update={"status": StepStatus.DISCONTINUED, "discontinuation_reason": WRONG_WORKLIST_ENTRY}
    )


def _counted(stored: StoredItem, row: StepRow, known: Mapping[str, StepRow]) -> Iterator[Step]:
    """Yield the steps of an item that count; if there are none any more, the one that was taken from it."""
    stale = stored.progress.stale
    counted = [step_of(known[uid]) for uid in stored.progress.steps if uid in known and uid not in stale]
    yield from counted
    to_do = stored.item.performed_procedure_step_status is Status.SCHEDULED
    if not counted and to_do and stored.item.id in (row.unlinked or ()):
        yield freed(step_of(row))


def _completed_by(stored: StoredItem) -> str:
    completed = stored.item.performed_procedure_step_status is Status.COMPLETED
    return stored.status_owner if completed else ""


def uid_of(row: StepRow) -> str:
    """Return what a row is called: a SOP Instance UID, or the key of a write-back without one."""
    return row.pk.removeprefix(MPPS)


def stamp(seconds: float) -> str:
    """Return a moment in a form that sorts as text."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")
