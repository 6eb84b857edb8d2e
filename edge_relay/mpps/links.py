"""Links a performed step to worklist items, by the references in the scanner's message.

The decision is `linked_items` of `shared.steps.step_dataset`, the same the cloud takes. Where nothing fits,
a step stays unscheduled; if the patient has exactly one open exam of that modality on that day, its id is
noted with the event as inferred, for a person to judge. It is never linked by that: a patient id alone is a
guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, Protocol

from edge_relay.worklist.cache import Cache
from edge_relay.worklist.query import Condition
from shared.steps.procedure_step import DataSetJson
from shared.steps.step_dataset import (
    Candidate,
    ScheduledStepReference,
    linked_items,
    other_step_ids,
    references,
    text,
)
from shared.worklist_item import OPEN_STATUSES, WorklistItem

_PATIENT_ID: Final = "00100020"
_MODALITY: Final = "00080060"
_START_DATE: Final = "00400244"


class Worklist(Protocol):
    """What linking needs of the worklist; raises `sqlite3.Error` if it cannot be read."""

    def linked(self, reference: ScheduledStepReference) -> Iterable[Candidate]:
        """Return at least all items of a reference's study, and of its accession number."""

    def of_patient(self, patient_id: str, modality: str, day: str) -> Iterable[WorklistItem]:
        """Return a patient's items of one modality on one day (``YYYYMMDD``)."""


class CachedWorklist:
    """The worklist as the cache holds it."""

    def __init__(self, cache: Cache) -> None:
        self._cache: Final = cache

    def linked(self, reference: ScheduledStepReference) -> Iterator[Candidate]:
        """Return the items of the reference's study, a test participant too, and of its accession number."""
        yield from self._cache.candidates(reference.study_instance_uid, reference.accession_number)
        tests = (test.item for test in self._cache.self_tests())
        yield from (item for item in tests if item.study_instance_uid == reference.study_instance_uid)

    def of_patient(self, patient_id: str, modality: str, day: str) -> Iterator[WorklistItem]:
        """Return a patient's items of one modality on one day."""
        return self._select(
            Condition("patient_id", values=(patient_id,)),
            Condition("modality", values=(modality,)),
            Condition("scheduled_start_date", values=(day,)),
        )

    def _select(self, *conditions: Condition) -> Iterator[WorklistItem]:
        return (cached.item for cached in self._cache.select(conditions))


class Links(NamedTuple):
    """The items an N-CREATE refers to.

    :param item_ids: in its order; empty if it is unscheduled.
    :param by_study_alone: those of them that have another step id than the scanner named.
    """

    item_ids: tuple[str, ...]
    by_study_alone: tuple[str, ...] = ()


def links(attributes: DataSetJson, worklist: Worklist) -> Links:
    """Return the items an N-CREATE refers to."""
    found = {item.id: item for reference in references(attributes) for item in worklist.linked(reference)}
    item_ids = linked_items(attributes, found.values())
    return Links(item_ids, other_step_ids(attributes, [found[item_id] for item_id in item_ids]))


def inferred(attributes: DataSetJson, worklist: Worklist) -> str | None:
    """Return the id of the one open item an unscheduled step may be of, by patient, modality and day."""
    asked = text(attributes, _PATIENT_ID), text(attributes, _MODALITY), text(attributes, _START_DATE)
    if not all(asked):
        return None
    patient_id, modality, day = asked
    found = [
        item
        for item in worklist.of_patient(patient_id, modality, day)
        if item.performed_procedure_step_status in OPEN_STATUSES
        and (item.patient_id, item.modality, item.scheduled_start_date) == asked
    ]
    return found[0].id if len(found) == 1 else None
