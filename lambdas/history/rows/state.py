"""What is known of a site's exams and steps after some facts: enough to go on with the next ones. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any, NamedTuple

from pydantic import AwareDatetime, BaseModel

from shared.steps.procedure_step import Step


class Study(NamedTuple):
    """What rows are made with besides facts.

    :param zone: where its scanners stand; ``time_zone``: its name.
    :param shifted: its participants' dates are moved.
    """

    zone: tzinfo
    time_zone: str = "UTC"
    shifted: bool = False
    sites: frozenset[str] = frozenset()
    enabled: bool = True
    no_show_days: int = 2


class ExamState(BaseModel):
    """An exam as far as it is known.

    :param planned_on: AE title of its planned scanner.
    :param listed_at: since when it is on the list as it is planned; ``row_seen_at``: its row was seen.
    """

    fields: dict[str, Any] = {}
    participant: str = ""
    shift_days: int = 0
    version: int = 0
    removed: bool = False
    status: str = ""
    status_since_at: AwareDatetime | None = None
    first_seen_at: AwareDatetime | None = None
    saved_at: AwareDatetime | None = None
    first_planned: str = ""
    planned: str = ""
    planned_on: str = ""
    listed_at: AwareDatetime | None = None
    row_seen_at: AwareDatetime | None = None
    reschedules: int = 0
    held_at: AwareDatetime | None = None
    shown_at: AwareDatetime | None = None
    unshown_minutes: int | None = None

    @property
    def study(self) -> str:
        """Its study; empty if it was made by hand."""
        return str(self.fields.get("source", ""))


class StepState(BaseModel):
    """A performed step as far as it is known. ``fields``: those of `Step`, and ``calling_aetitle``."""

    fields: dict[str, Any] = {}
    exams: tuple[str, ...] = ()
    version: int = 0
    told_at: AwareDatetime | None = None

    def step(self, key: str) -> Step:
        """Return it as the rest of the program knows it, with keys for ids."""
        fields = {name: value for name, value in self.fields.items() if name != "calling_aetitle"}
        return Step.model_validate({**fields, "sop_instance_uid": key, "item_ids": self.exams})


class Heard(BaseModel):
    """The last minute in which a relay told of itself, and how long it was silent before; None: not known."""

    minute: AwareDatetime
    silent_seconds: int | None = None


class SiteState(BaseModel):
    """All of a site.

    :param through: the last entry of its chain that was taken in; ``latest``: when that was.
    :param steps_of: the steps of an exam, in the order in which they came.
    :param unshown: exams whose rows are rejected or held -> since when, by study.
    :param pending: exams that no scanner has been shown yet.
    :param heard: when each relay told of itself last.
    """

    through: int = 0
    latest: AwareDatetime | None = None
    exams: dict[str, ExamState] = {}
    steps: dict[str, StepState] = {}
    steps_of: dict[str, list[str]] = {}
    unshown: dict[str, dict[str, AwareDatetime]] = {}
    pending: list[str] = []
    heard: dict[str, Heard] = {}

    def exam_of(self, step: StepState) -> ExamState | None:
        """Return the first exam of a step; None if it is of none that is known."""
        return next((self.exams[key] for key in step.exams if key in self.exams), None)


def zone_of(studies: Mapping[str, Study], study: str, site: str) -> tzinfo:
    """Return a study's zone; for an exam made by hand that of a study at its site, else UTC."""
    if study in studies:
        return studies[study].zone
    return next((each.zone for _, each in sorted(studies.items()) if site in each.sites), UTC)


def utc(moment: datetime | None) -> datetime | None:
    """Return an instant as the files hold it: in UTC, without saying so."""
    return None if moment is None else moment.astimezone(UTC).replace(tzinfo=None)
