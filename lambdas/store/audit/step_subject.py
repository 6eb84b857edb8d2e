"""What an audit entry says of a procedure step's event. Pure."""

from __future__ import annotations

from typing import Any

from lambdas.store.audit.entry import Subject, difference
from shared.steps.procedure_step import ProcedureStepEvent, Step


def step_subject(before: Step | None, after: Step, event: ProcedureStepEvent, earlier: str | None) -> Subject:
    """Return what a scanner's event made of a step.

    :param earlier: the key of the audit entry before this one about the step.
    """
    were, are = difference(_fields(before) if before else {}, _fields(after))
    told = {"event": event.kind.value, "calling_aetitle": event.calling_aetitle, "event_id": event.event_id}
    return Subject(
        kind="step",
        id=after.sop_instance_uid,
        action="reported",
        before=were,
        after={**are, **told},
        earlier=earlier or "",
    )


def _fields(step: Step) -> dict[str, Any]:
    fields = step.model_dump(mode="json", exclude={"sop_instance_uid"})
    return {**fields, "item_ids": list(step.item_ids)}
