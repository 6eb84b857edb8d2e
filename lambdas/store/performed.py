"""Performed procedure steps as people look at them: what was done, and whether REDCap has been told."""

from __future__ import annotations

from collections.abc import Collection

from lambdas.store.faults import translated
from lambdas.store.models import DUE, MPPS, STATE, StepRow, Tables, step_key
from lambdas.store.unfinished_write_backs import FOR_GOOD, PARKED, PerformedStep, WriteBackState
from shared.batches import batches
from shared.steps.procedure_step import Step

_BATCH_GET = 100


def performed_steps(tables: Tables, uids: Collection[str]) -> dict[str, PerformedStep]:
    """Return the steps with these SOP Instance UIDs that there are, by UID."""
    found: dict[str, PerformedStep] = {}
    for some in batches([(step_key(uid), STATE) for uid in sorted(set(uids))], _BATCH_GET):
        with translated("reading procedure steps"):
            for row in tables.step.batch_get(some, consistent_read=True):
                found[row.pk.removeprefix(MPPS)] = _performed(row)
    return found


def _performed(row: StepRow) -> PerformedStep:
    states: dict[str | None, WriteBackState] = {DUE: "due", PARKED: "parked"}
    return PerformedStep(
        Step.model_validate_json(row.body),
        states.get(row.write_back_due, "done"),
        row.write_back_note.removeprefix(FOR_GOOD),
    )
