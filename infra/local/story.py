"""The story the demo tells: from a form saved in REDCap to the scanner and back, every step checked.

A step returns what happened, in one line, or raises `StoryFailed` saying what was expected and what was seen.
Nothing here reaches behind a part's own interface: REDCap by its screen and its API, the scanner by DICOM,
people by the REST API.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypeVar
from uuid import uuid4

import httpx
from pydicom.dataset import Dataset

from edge_relay.client import scu
from infra.local.stack import PROJECT_ID, LocalStack
from shared.errors import MwlError

STORY_RECORD: Final = "900007"
FAMILY_NAME, GIVEN_NAME = "Núñez", "Zoë"
PATIENT_NAME: Final = f"{FAMILY_NAME}^{GIVEN_NAME}"
WEIGHT_LB: Final = Decimal("143.3")
WEIGHT_KG: Final = Decimal("65.0")  # to 0.1 kg
PATIENCE_SECONDS: Final = 120.0  # on a slow machine the story goes on, and tells how long things took
USUAL_SECONDS: Final = 2.0
"""On an idle machine a saved form is visible to the scanner sooner than this."""
_POLL_SECONDS: Final = 0.02
T = TypeVar("T")


class StoryFailed(MwlError):
    """A step did not turn out as it must."""


@dataclass(frozen=True)
class FinishedStep:
    """One step that turned out well: its title, what it showed, and how long it took in seconds.

    :param look: where the dashboard shows it.
    """

    title: str
    result: str
    seconds: float
    look: str


@dataclass
class Story:
    """The steps in order; `tell` plays them.

    :param within: seconds after which a saved form must be visible to the scanner; None: however long.
    :param record: the REDCap record the story is about; it must be a new one.
    """

    stack: LocalStack
    within: float | None = None
    record: str = STORY_RECORD
    _found: Dataset = field(default_factory=Dataset)
    _sop_instance_uid: str = field(default_factory=lambda: f"2.25.{uuid4().int}")

    @property
    def patient_id(self) -> str:
        """The participant's id at the scanner, as the source definition makes it."""
        return f"sub_{self.record}_ses_1"

    def tell(self, about_to: Callable[[str], None]) -> Iterator[FinishedStep]:
        """Play the steps.

        :param about_to: is told the title of the step that begins.
        :raises StoryFailed: at the first step that does not hold.
        """
        today = "/app/today"
        for title, step, look in (
            ("A coordinator books an MRI in REDCap; the scanner's worklist shows it", self.book, today),
            ("The scanner starts the exam (N-CREATE); its next query shows it started", self.begin, today),
            ("The study team sees it in progress through the API", self.seen_in_progress, "/app/find"),
            ("The scanner completes the exam (N-SET); it leaves the worklist", self.complete, today),
            ("REDCap has the status and the times; nobody typed them", self.written_back, "/app/find"),
            ("Nothing changed: the next sync writes nothing", self.quiet, "/app/sources"),
        ):
            about_to(title)
            began = time.monotonic()
            result = step()
            yield FinishedStep(title, result, time.monotonic() - began, f"{self.stack.api_url}{look}")

    def book(self) -> str:
        """Save the booking as a person does, and wait until C-FIND finds it."""
        now = datetime.now()  # noqa: DTZ005 - the scanner's wall clock
        person = {
            "last_name": FAMILY_NAME,
            "first_name": GIVEN_NAME,
            "youth_dob": "2011-02-28",
            "demo_sex": "2",
        }
        booking = {
            "mri_date": now.strftime("%Y-%m-%d"),
            "mri_time": now.strftime("%H:%M"),
            "mri_wt_lbs": str(WEIGHT_LB),
            "mri_ht_in": "61",
            "protocol": "4",
        }
        self._save_form("demographics", person)
        saved = time.monotonic()
        self._save_form("mri", booking)
        self._found = self._until("C-FIND shows the booking", self._query)
        took = time.monotonic() - saved
        _expect("patient name", str(self._found.PatientName), PATIENT_NAME)
        _expect("birth date", self._found.PatientBirthDate, "20110228")
        _expect("sex", self._found.PatientSex, "F")
        weight = Decimal(str(self._found.PatientWeight)).quantize(Decimal("0.1"))
        _expect("weight in kg", weight, WEIGHT_KG)
        step = self._found.ScheduledProcedureStepSequence[0]
        _expect("date", step.ScheduledProcedureStepStartDate, now.strftime("%Y%m%d"))
        _expect("status", step.ScheduledProcedureStepStatus, "SCHEDULED")
        if self.within is not None and took > self.within:
            raise StoryFailed(
                f"the booking took {took:.2f} s to reach the scanner, {self.within:g} s allowed"
            )
        slow = "" if took <= USUAL_SECONDS else " (usually less than 2 s: this machine is slow or busy)"
        return f"{PATIENT_NAME}, {self.patient_id}, {weight} kg: visible after {took:.2f} s{slow}"

    def begin(self) -> str:
        """Start the exam and ask again at once: no waiting, the very next query must show it."""
        step = self._found.ScheduledProcedureStepSequence[0]
        began = scu.step_began(
            study_instance_uid=self._found.StudyInstanceUID,
            scheduled_step_id=step.ScheduledProcedureStepID,
            accession_number=self._found.AccessionNumber,
            patient_id=self.patient_id,
            patient_name=PATIENT_NAME,
            modality="MR",
            station_aetitle=self.stack.options.scanner,
            now=datetime.now(),  # noqa: DTZ005 - the scanner's wall clock
        )
        scu.create_step(self.stack.peer, began, self._sop_instance_uid)
        found = self._query()
        if found is None:
            raise StoryFailed("the exam vanished from the worklist when it started")
        status = found.ScheduledProcedureStepSequence[0].ScheduledProcedureStepStatus
        _expect("status in the next C-FIND", status, "STARTED")
        return "STARTED in the very next C-FIND"

    def seen_in_progress(self) -> str:
        """Log in as a person and find the exam in progress."""
        with httpx.Client(base_url=self.stack.api_url, timeout=10) as client:
            login = client.post(
                "/auth/login", json={"username": "admin", "password": self.stack.admin_password}
            )
            _expect("status of the login", login.status_code, 200)
            token = {"Authorization": f"Bearer {login.json()['access_token']}"}

            def shown() -> dict[str, Any] | None:
                query = {"patient_id": self.patient_id, "status": "IN_PROGRESS"}
                answer = client.get("/worklist", params=query, headers=token)
                _expect("status of GET /worklist", answer.status_code, 200)
                return next(iter(answer.json()), None)

            item = self._until("the API shows the exam IN_PROGRESS", shown)
        _expect("weight in lb", Decimal(str(item["patient_weight_lb"])).quantize(Decimal("0.1")), WEIGHT_LB)
        return f"GET /worklist: {item['patient_id']} IN_PROGRESS"

    def complete(self) -> str:
        """Complete the exam; the very next query must not show it any more."""
        ended = scu.step_completed(datetime.now(), f"2.25.{uuid4().int}")  # noqa: DTZ005
        scu.set_step(self.stack.peer, ended, self._sop_instance_uid)
        if self._query() is not None:
            raise StoryFailed("the exam is still on the worklist after it was completed")
        return "gone from the very next C-FIND"

    def written_back(self) -> str:
        """Read the record as REDCap's API exports it."""

        def exported() -> dict[str, str] | None:
            [row] = self._export()
            return row if row["mri_status"] == "COMPLETED" else None

        row = self._until("REDCap has status COMPLETED", exported)
        for name in ("mri_start", "mri_end"):
            datetime.strptime(row[name], "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 - REDCap has no zones
        _expect("scanner", row["mri_station"], self.stack.options.scanner)
        return f"mri_status {row['mri_status']}, {row['mri_start']} to {row['mri_end']}"

    def quiet(self) -> str:
        """Wait for a sync that began after REDCap was written to, and see that it wrote no item."""
        since = self._reported_at()
        self._until("another sync", lambda: self._reported_at() > since or None)
        before, head = self._reported_at(), self._head()
        self._until("one more sync", lambda: self._reported_at() > before or None)
        _expect("changes in the feed", self._head(), head)
        return "our own write to REDCap changed no item"

    def _query(self) -> Dataset | None:
        found = self.stack.worklist(patient_id=self.patient_id)
        if len(found) > 1:
            raise StoryFailed(f"C-FIND found {len(found)} items for one booking")
        return found[0] if found else None

    def _save_form(self, instrument: str, values: dict[str, str]) -> None:
        url = f"{self.stack.control_url}/projects/{PROJECT_ID}/save_form"
        body: dict[str, object] = {"record": self.record, "instrument": instrument, "values": values}
        if instrument == "mri":
            body["instance"] = 1
        httpx.post(url, json=body, timeout=10).raise_for_status()

    def _export(self) -> list[dict[str, str]]:
        form: dict[str, str] = {
            "token": self.stack.redcap_token,
            "content": "record",
            "format": "json",
            "records[0]": self.record,
            "forms[0]": "mri",
            "fields[0]": "study_id",
        }
        answer = httpx.post(self.stack.redcap_url, data=form, timeout=10).raise_for_status()
        return [row for row in answer.json() if row["redcap_repeat_instrument"] == "mri"]

    def _reported_at(self) -> datetime:
        report = self.stack.source_state().report
        if report is None or report.outcome != "ok":
            raise StoryFailed(f"the sync failed: {report.error if report else 'it never ran'}")
        return report.finished_at

    def _head(self) -> int:
        head = self.stack.services.worklist.head(self.stack.definition.site)
        return head.seq if head else 0

    def _until(self, what: str, look: Callable[[], T | None]) -> T:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            found = look()
            if found is not None:
                return found
            time.sleep(_POLL_SECONDS)
        raise StoryFailed(f"waited {PATIENCE_SECONDS:g} s in vain: {what}", hint=f"see {self.stack.folder}")


def _expect(what: str, actual: object, expected: object) -> None:
    if actual != expected:
        raise StoryFailed(f"{what} should be {expected}, and is {actual}")
