"""Which items a performed step is of, when a person says so: linking, taking a link back, and looking.

One transaction changes the step, the item and its status, and writes the audit entry; the write-back is due
in it too, so that REDCap is told. Either can be undone by the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from pynamodb.transactions import TransactWrite

from lambdas.store import ownership
from lambdas.store.audit.entry import SYSTEM, Actor, Subject
from lambdas.store.commit import BATCH, Change
from lambdas.store.faults import ATTEMPTS, races, translated
from lambdas.store.models import MPPS, StepRow, Tables, steps_group
from lambdas.store.ownership import StoredItem
from lambdas.store.steps import StepStore
from lambdas.store.worklist import WorklistStore
from lambdas.store.write_backs.rows import step_of, uid_of
from shared.errors import NotFound, Rejected
from shared.steps.procedure_step import Step

_LAST: Final = "~"


@dataclass(frozen=True)
class FoundStep:
    """A step, the items it is of, and whom the scanner says it is of."""

    site: str
    step: Step
    items: tuple[StoredItem, ...]
    patient_name: str = ""
    patient_id: str = ""


class StepLinks:
    """The links between steps and items of all sites."""

    def __init__(self, tables: Tables, worklist: WorklistStore, steps: StepStore) -> None:
        self._tables, self._worklist, self._steps = tables, worklist, steps

    def find(self, uid: str) -> FoundStep:
        """Return a step. :raises NotFound: there is none."""
        return self._found(self._row(uid))

    def between(self, site: str, first: str, last: str) -> Iterator[FoundStep]:
        """Yield a site's steps by the day they began, the latest first.

        :param first: ``YYYYMMDD``, likewise ``last``; both included.
        """
        for row in self._rows(site, first, last):
            yield self._found(row)

    def steps_between(self, site: str, first: str, last: str) -> Iterator[Step]:
        """Yield the same steps without their items, in one query."""
        return map(step_of, self._rows(site, first, last))

    def _rows(self, site: str, first: str, last: str) -> Iterator[StepRow]:
        model = self._tables.step
        with translated("listing procedure steps"):
            yield from model.by_group.query(
                steps_group(site), model.group_at.between(first, last + _LAST), scan_index_forward=False
            )

    def link(self, uid: str, item_id: str, *, by: Actor = SYSTEM) -> FoundStep:
        """Say that a step is of an item; saying it twice is saying it once.

        :raises NotFound: there is no such step, or its site has no such item.
        """
        races(ATTEMPTS)(self._link, uid, item_id, by)
        return self.find(uid)

    def unlink(self, uid: str, item_id: str, *, by: Actor = SYSTEM) -> FoundStep:
        """Say that a step is not of an item, which is to be scanned again unless another step is of it.

        :raises NotFound: there is no such step, or it is not of this item.
        """
        races(ATTEMPTS)(self._unlink, uid, item_id, by)
        return self.find(uid)

    def _link(self, uid: str, item_id: str, by: Actor) -> None:
        row = self._row(uid)
        step = step_of(row)
        there = self._worklist.writer.read(row.site, [item_id]).get(item_id)
        if there is None or there.gone:
            raise NotFound("no such worklist item at the step's site", where="item_id")
        if item_id in step.item_ids:
            return
        if len(step.item_ids) >= BATCH:
            raise Rejected("is of too many items already", where="sop_instance_uid")
        linked = step.model_copy(update={"item_ids": (*step.item_ids, item_id)})
        left = [each for each in row.unlinked or () if each != item_id]
        self._write(row, linked, left, {item_id: _scanned(linked)}, _subject(row, "linked", item_id), by)

    def _unlink(self, uid: str, item_id: str, by: Actor) -> None:
        row = self._row(uid)
        step = step_of(row)
        if item_id not in step.item_ids:
            raise NotFound("the step is not of this item", where="item_id")
        left = [*(row.unlinked or ()), item_id]
        without = step.model_copy(
            update={"item_ids": tuple(each for each in step.item_ids if each != item_id)}
        )
        self._write(row, without, left, {item_id: self._freed(uid)}, _subject(row, "unlinked", item_id), by)

    def _freed(self, uid: str) -> Change:
        def change(current: StoredItem | None) -> StoredItem | None:
            if current is None:
                return None
            others = self._steps.step_rows({each for each in current.progress.steps if each != uid})
            return ownership.unlinked(current, uid, [step_of(row) for row in others])

        return change

    def _write(
        self,
        row: StepRow,
        step: Step,
        left: list[str],
        changes: dict[str, Change],
        subject: Subject,
        by: Actor,
    ) -> None:
        def save(transaction: TransactWrite, key: str) -> None:
            self._steps.save_step(transaction, step, row, row.site, key, unlinked=left)

        self._worklist.writer.change(row.site, changes, also=save, by=by, about=[subject])

    def _row(self, uid: str) -> StepRow:
        row = self._steps.step_row(uid)
        if row is None or not row.pk.startswith(MPPS):
            raise NotFound("there is no such procedure step", where="sop_instance_uid")
        return row

    def _found(self, row: StepRow) -> FoundStep:
        step, patient = step_of(row), row.patient or {}
        found = self._worklist.writer.read(row.site, step.item_ids)
        items = tuple(found[item_id] for item_id in step.item_ids if item_id in found)
        name, patient_id = patient.get("patient_name", ""), patient.get("patient_id", "")
        return FoundStep(row.site, step, items, name, patient_id)


def _scanned(step: Step) -> Change:
    return lambda current: None if current is None else ownership.from_scanner(current, step)


def _subject(row: StepRow, action: Literal["linked", "unlinked"], item_id: str) -> Subject:
    ids = (item_id,)
    return Subject(kind="step", id=uid_of(row), action=action, ids=ids, earlier=row.audited or "")
