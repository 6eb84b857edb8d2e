"""The test participant: an exam that nobody has, sent the whole way of a real one and back. Pure.

    cloud    SAVED        written to the table, where the feed takes it from
    relay    FETCHED      came with the worklist
    relay    FOUND        its own DICOM client asked for it (C-FIND) and was shown it
    relay    BEGUN        its own client reported the start (N-CREATE)
    cloud    BEGUN_TOLD   that report arrived
    relay    ENDED        its own client reported the end (N-SET)
    cloud    ENDED_TOLD   that report arrived
    relay    BACK         came with the worklist as completed

It stands apart from the worklist everywhere: in a row of its own kind, a list of its own in the feed and a
table of its own at the relay. No list, count, report or write-back looks there, and a relay that is too old
for it never reads it. Its id and its SOP Instance UID belong together: no scanner's report passes for one.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID, uuid5

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shared.identifiers import (
    accession_number,
    requested_procedure_id,
    scheduled_procedure_step_id,
    study_instance_uid,
)
from shared.steps.procedure_step import ProcedureStepEvent
from shared.text.sentence import Sentence
from shared.text.storable import StorableModel
from shared.worklist_item import WorklistItem

ABILITY: Final = "self-test"
"""What a relay that knows the test participant says of itself in its heartbeat."""

SECONDS: Final = 180
"""How long a test may take. What has not happened by then has failed."""

_PREFIX: Final = "self-test-"
_PATIENT_PREFIX: Final = "SELF-TEST-"
_NAMESPACE: Final = UUID("0d0d4f5e-8f0c-5c0a-9d8e-2b5a3c7f1e64")
_DIGITS: Final = 32


class Hop(StrEnum):
    """A place the test participant comes to, in this order."""

    SAVED = "SAVED"
    FETCHED = "FETCHED"
    FOUND = "FOUND"
    BEGUN = "BEGUN"
    BEGUN_TOLD = "BEGUN_TOLD"
    ENDED = "ENDED"
    ENDED_TOLD = "ENDED_TOLD"
    BACK = "BACK"


RELAYS_HOPS: Final = (Hop.FETCHED, Hop.FOUND, Hop.BEGUN, Hop.ENDED, Hop.BACK)
"""Those a relay tells of; the others the cloud sees itself."""


class HopResult(StorableModel):
    """How one hop went, and when; ``failure`` says in words why it did not, and is empty if it did."""

    hop: Hop
    at: AwareDatetime
    failure: Sentence = ""


class SelfTestReport(StorableModel):
    """What a relay says of a test: the body of ``POST /relay/self-tests/{id}``.

    :param hops: all it has so far.
    :param over: it will say no more.
    """

    hops: Annotated[tuple[HopResult, ...], Field(max_length=len(Hop))]
    over: bool = False


class FeedSelfTest(BaseModel):
    """A test participant as of change number ``feed_seq``, for one relay; after ``expires_at`` it is gone."""

    model_config = ConfigDict(defer_build=True, frozen=True, hide_input_in_errors=True)

    feed_seq: Annotated[int, Field(ge=1)]
    relay_id: str
    expires_at: AwareDatetime
    item: WorklistItem


def id_of(unique: UUID) -> str:
    """Return the id of a test participant."""
    return _PREFIX + unique.hex


def is_test_patient(patient_id: str) -> bool:
    """Tell whether a Patient ID is a test participant's, whole and without wildcards."""
    digits = patient_id.removeprefix(_PATIENT_PREFIX)
    return len(digits) == _DIGITS and digits != patient_id and digits.isalnum()


def step_uid(item_id: str) -> str:
    """Return the SOP Instance UID of the step that belongs to a test participant."""
    return f"2.25.{uuid5(_NAMESPACE, item_id).int}"


def item_of_event(event: ProcedureStepEvent) -> str | None:
    """Return the id of the test participant that a report is of; None for every report of a real scan.

    Id and UID must both say so: what only one of them says is a scan, and is never set aside.
    """
    linked = event.linked()
    if len(linked) != 1 or not linked[0].startswith(_PREFIX):
        return None
    return linked[0] if event.sop_instance_uid == step_uid(linked[0]) else None


def exam_of(item_id: str, site: str, now: datetime) -> WorklistItem:
    """Return the exam of a test participant.

    :param now: the site's local time.
    """
    return WorklistItem(
        id=item_id,
        site=site,
        study_instance_uid=study_instance_uid(item_id),
        accession_number=accession_number(item_id),
        requested_procedure_id=requested_procedure_id(item_id),
        scheduled_procedure_step_id=scheduled_procedure_step_id(item_id),
        patient_name="TEST^PARTICIPANT",
        patient_id=_PATIENT_PREFIX + item_id.removeprefix(_PREFIX),
        modality="OT",  # "other": no scanner asks for it
        scheduled_station_aetitle="SELF_TEST",
        scheduled_start_date=f"{now:%Y%m%d}",
        scheduled_start_time=f"{now:%H%M%S}",
        procedure_description="Test of the connection",
    )
