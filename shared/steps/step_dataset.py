"""Reading an MPPS attribute list: what the state machine, the links and the write-back need of it.

Works on the DICOM JSON model (PS3.18 Annex F), which both sides exchange; tags are PS3.4 Table F.7.2-1.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from shared.dicom.dicom_text import parse_date_time
from shared.errors import Rejected
from shared.steps.image_references import image_count
from shared.steps.procedure_step import DataSetJson, ProcedureStepEvent, Refusal, Step, StepStatus, transition
from shared.worklist_item import OPEN_STATUSES

CHARACTER_SET: Final = "00080005"
STATUS: Final = "00400252"
_SCHEDULED_STEP_ATTRIBUTES: Final = "00400270"
_LONGEST_KEPT: Final = (
    64  # of what a step is told by: the standard's 16 for each; a lenient scanner may send a book
)
_UTC_OFFSET: Final = "00080201"
DICOM_STATUS: Final = {
    "IN PROGRESS": StepStatus.IN_PROGRESS,
    "COMPLETED": StepStatus.COMPLETED,
    "DISCONTINUED": StepStatus.DISCONTINUED,
}


class Candidate(Protocol):
    """What linking needs of an item; a `WorklistItem` is one."""

    @property
    def id(self) -> str:
        """The item's id."""

    @property
    def study_instance_uid(self) -> str:
        """Its Study Instance UID."""

    @property
    def accession_number(self) -> str | None:
        """Its Accession Number, if it has one."""

    @property
    def scheduled_procedure_step_id(self) -> str | None:
        """Its Scheduled Procedure Step ID, if it has one."""

    @property
    def performed_procedure_step_status(self) -> str:
        """How far it is, as a `shared.worklist_item.Status` has it."""


C = TypeVar("C", bound=Candidate)


class ScheduledStepReference(NamedTuple):
    """One item of the Scheduled Step Attributes Sequence (0040,0270): which exam the scanner says it did."""

    study_instance_uid: str
    scheduled_procedure_step_id: str
    accession_number: str


def text(dataset: DataSetJson, tag: str) -> str:
    """Return the first value of an attribute as text, empty if absent or empty."""
    values = _values(dataset, tag)
    return str(values[0]).strip() if values and not isinstance(values[0], dict) else ""


def patient_of(dataset: DataSetJson) -> dict[str, str]:
    """Return name and id of the patient that the scanner reported; those that it did not are left out."""
    names = _values(dataset, "00100010")
    name = (
        names[0].get("Alphabetic", "") if names and isinstance(names[0], dict) else text(dataset, "00100010")
    )
    found = {"patient_name": str(name).strip(), "patient_id": text(dataset, "00100020")}
    return {key: value for key, value in found.items() if value}


def step_status(dataset: DataSetJson) -> StepStatus | None:
    """Return the status the data set asks for, None if it names none; raise `Rejected` if it is no status.

    Small letters are read too: scanners send them. Whether they may is not decided here.
    """
    asked = text(dataset, STATUS).upper()
    if not asked:
        return None
    if asked not in DICOM_STATUS:
        raise Rejected("the status is not IN PROGRESS, COMPLETED or DISCONTINUED", where="(0040,0252)")
    return DICOM_STATUS[asked]


def references(dataset: DataSetJson) -> tuple[ScheduledStepReference, ...]:
    """Return what the Scheduled Step Attributes Sequence refers to, in order; empty if unscheduled."""
    return tuple(
        ScheduledStepReference(text(entry, "0020000D"), text(entry, "00400009"), text(entry, "00080050"))
        for entry in _values(dataset, _SCHEDULED_STEP_ATTRIBUTES)
        if isinstance(entry, dict)
    )


def meant_by(reference: ScheduledStepReference, candidates: Iterable[C]) -> list[C]:
    """Return the candidates a reference means: those of its study, or else those of its accession number.

    A reference that names a step id means only items with that id. The accession number counts where no item
    is of the study: a scanner that groups exams may make a study of its own (PS3.4 F.7.2.1.2, note 2). If its
    step id is nobody's, it means the one item of its study that is open; of several, none: that is for people
    to decide. Never by patient id: that would be a guess.
    """
    candidates = list(candidates)
    step_id = reference.scheduled_procedure_step_id
    possible = [item for item in candidates if not step_id or step_id == item.scheduled_procedure_step_id]
    study, accession = reference.study_instance_uid, reference.accession_number
    by_study = [item for item in possible if study and study == item.study_instance_uid]
    by_accession = [item for item in possible if accession and accession == item.accession_number]
    return by_study or by_accession or ([] if possible else _open_one(study, candidates))


def _open_one(study: str, candidates: Iterable[C]) -> list[C]:
    of_study = {item.id: item for item in candidates if study and study == item.study_instance_uid}
    found = [item for item in of_study.values() if item.performed_procedure_step_status in OPEN_STATUSES]
    return found if len(found) == 1 else []


def other_step_ids(dataset: DataSetJson, items: Iterable[Candidate]) -> tuple[str, ...]:
    """Return the ids of linked items that were meant by their study alone: no reference names their step."""
    named = {reference.scheduled_procedure_step_id for reference in references(dataset)}
    return tuple(item.id for item in items if not {"", item.scheduled_procedure_step_id} & named)


def linked_items(dataset: DataSetJson, candidates: Iterable[Candidate]) -> tuple[str, ...]:
    """Return the ids of the candidates the Scheduled Step Attributes Sequence means, in its order."""
    items = list(candidates)
    found = [item.id for reference in references(dataset) for item in meant_by(reference, items)]
    return tuple(dict.fromkeys(found))


def merged(before: DataSetJson, event: DataSetJson) -> DataSetJson:
    """Return a step's attributes after an event: N-SET replaces what it carries, sequences whole.

    Specific Character Set stays that of the N-CREATE (PS3.4 F.7.2.2.3).
    """
    after = {**before, **event}
    if CHARACTER_SET in before:
        after[CHARACTER_SET] = before[CHARACTER_SET]
    return after


def fold(step: Step | None, event: ProcedureStepEvent) -> Step | Refusal:
    """Return the step's state after an event, or the refusal the state machine gives.

    Attributes the event does not carry keep their value; N-SET replaces what it carries (PS3.4 F.7.2.2).
    """
    outcome = transition(step.status if step else None, event.kind, step_status(event.dataset))
    if isinstance(outcome, Refusal):
        return outcome
    before = step or Step(
        sop_instance_uid=event.sop_instance_uid, status=outcome.to, created_at=event.received_at
    )
    ds = event.dataset
    changes: dict[str, Any] = {
        "status": outcome.to,
        "reported_at": event.received_at,
        "station_aetitle": text(ds, "00400241")[:_LONGEST_KEPT],
        "station_name": text(ds, "00400242")[:_LONGEST_KEPT],
        "discontinuation_reason": _code_value(ds, "00400281")[:_LONGEST_KEPT],
        "series_count": len(_values(ds, "00400340")),
        "image_count": image_count(ds),
    }
    told = {key: value for key, value in changes.items() if value}
    began = _times("started", event, "00400244", "00400245")
    return before.model_copy(update=told | began | _times("ended", event, "00400250", "00400251"))


def _values(dataset: DataSetJson, tag: str) -> list[Any]:
    element = dataset.get(tag)
    values = element.get("Value") if isinstance(element, dict) else None
    return values if isinstance(values, list) else []


def _code_value(dataset: DataSetJson, tag: str) -> str:
    entries = _values(dataset, tag)
    return text(entries[0], "00080100") if entries and isinstance(entries[0], dict) else ""


def _times(which: str, event: ProcedureStepEvent, date_tag: str, time_tag: str) -> dict[str, Any]:
    """Return when a step ``started`` or ``ended``, if the event says so, and what tells the instant."""
    moment = _moment(event.dataset, date_tag, time_tag)
    if moment is None:
        return {}
    offset = text(event.dataset, _UTC_OFFSET)
    return {f"{which}_at": moment, f"{which}_offset": offset[:16], f"{which}_heard_at": event.received_at}


def _moment(dataset: DataSetJson, date_tag: str, time_tag: str) -> Any:
    day, clock = text(dataset, date_tag), text(dataset, time_tag)
    if not day or not clock:
        return None
    try:
        return parse_date_time(day, clock)
    except Rejected:
        return None  # an illegal date loses itself only, never the event; the relay's warnings tell
