"""Three kinds of project, their definition in its variants, and what people type into them. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from infra.redcap_simulator import BUILDERS, Project
from infra.redcap_simulator.project.project import Field
from tests.rigs.redcap import classic_data

Kind = Literal["classic", "longitudinal", "single"]
KINDS: Final[tuple[Kind, ...]] = ("classic", "longitudinal", "single")
SOURCE: Final = "classic"
GROUPS: Final = ("montreal", "quebec", "osaka", "")
SITE_MAPS: Final[tuple[dict[str, str], ...]] = (
    {"montreal": "north", "quebec": "south"},
    {"montreal": "north", "quebec": "south", "osaka": "south"},
    {"montreal": "north", "quebec": "north"},
    {"montreal": "south"},
)
SITES: Final = ("main", "north", "south")
PERSON: Final = ("consent", "mrn", "youth_dob", "first_name", "last_name", "demo_sex")


@dataclass(frozen=True)
class Study:
    """One kind of project.

    :param scan_event: where its scans are; ``person_event``: where the participant is described.
    """

    kind: Kind
    project_id: int
    id_field: str
    person_form: str
    scan_form: str
    person_event: str = ""
    scan_event: str = ""

    @property
    def has_groups(self) -> bool:
        """Whether its sites are data access groups."""
        return self.kind == "longitudinal"

    def project(self, *, may_log: bool) -> Project:
        """Return the project, without records, with a field for the consent and one for the Patient ID.

        :param may_log: whether its users may read the log, which shows the server's clock and former names.
        """
        empty = BUILDERS[self.kind](0, 1)
        more = tuple(Field(name, self.person_form) for name in ("consent", "mrn"))
        users = tuple(replace(user, can_log=may_log) for user in empty.users)
        return Project(replace(empty.shape, fields=(*empty.shape.fields, *more)), users, empty.records)


STUDIES: Final[dict[Kind, Study]] = {
    "classic": Study("classic", 11, "study_id", "demographics", "mri"),
    "longitudinal": Study(
        "longitudinal", 22, "record_id", "demographics", "mri", "enrolment_arm_1", "mri_arm_1"
    ),
    "single": Study("single", 33, "participant", "visit", "visit"),
}


@dataclass(frozen=True)
class Variant:
    """How the definition stands.

    :param sites: index into `SITE_MAPS`, for a study with groups.
    """

    gated: bool = True
    protocol: str = "P1"
    sites: int = 0
    may_share: bool = False

    def site_of(self, study: Study, group: str) -> str:
        """Return where a record's scans take place; empty: it is not known."""
        return SITE_MAPS[self.sites].get(group, "") if study.has_groups else "main"

    def definition(self, study: Study, given: dict[str, Any]) -> dict[str, Any]:
        """Return the definition as data; ``given`` says what does not change in a history."""
        data = classic_data(record_id_field=study.id_field, max_withdrawn_share=0.2, reconcile_seconds=604800)
        data["rows"] = {"required": ["mri_date"]}
        joined = [name for name in PERSON if study.kind != "single"]
        if study.kind == "classic":
            data["rows"]["instrument"] = study.scan_form
        if study.has_groups:
            data |= {"site": "", "sites_by_dag": SITE_MAPS[self.sites]}
            data["rows"]["events"] = [study.scan_event]
        events = [study.person_event] if study.has_groups else []
        data["joins"] = [{"fields": joined, "events": events}] if joined else []
        if self.gated:
            data["gates"] = [{"field": "consent", "values": ["yes"], "reason": "no consent"}]
        data["fields"] = self._fields()
        data["write_back"] = {"status": "mri_status", "start": "mri_start"}
        return {**data, "allow_shared_patient_id": self.may_share, **given}

    def _fields(self) -> dict[str, Any]:
        return {
            "patient_name": "{last_name}^{first_name}",
            "patient_id": "{mrn}",
            "patient_birth_date": "youth_dob",
            "patient_sex": {"field": "demo_sex", "values": {"1": "M", "2": "F"}},
            "patient_weight_kg": {"field": "mri_wt_lbs", "unit": "lb"},
            "modality": {"constant": "MR"},
            "scheduled_station_aetitle": {"constant": "MR1"},
            "scheduled_start_date": "mri_date",
            "scheduled_start_time": {"field": "mri_time", "default": "00:00"},
            "procedure_description": {"constant": "MRI"},
            "protocol_name": {"constant": self.protocol},
        }


# What people type, and what it means on the list. None: a scan cannot be without it, and the row is
# rejected. HELD: nobody believes it. A table: the oracle shares no code with the product.
HELD: Final = "held"
DATES: Final = {f"2026-12-{day:02}": f"202612{day:02}" for day in (1, 7, 24)} | {"soon": None}
NO_DATES: Final = ("", "-99", "UNK")
TIMES: Final = {"09:30": "093000", "9:30": "093000", "14:05": "140500", "": "000000", "9 am": None}
BIRTH_DATES: Final = {
    "2014-02-28": "20140228",
    "1999-12-31": "19991231",
    "": "",
    "1.1.90": "",
    "2062-01-01": HELD,
}
SEXES: Final = {"1": "M", "2": "F", "": "", "9": ""}
WEIGHTS: Final = {"150": "68.039", "70,5": "31.978", "": "", "heavy": "", "999": HELD}
LAST_NAMES: Final = ("Doe", "O'Núñez", "山田")
MRNS: Final = ("M1", "M2", "M3")
"""Typed by hand, so two participants may get the same one; every record begins with one of its own."""
