"""What the worklist must show, from what REDCap holds and what the definition says. Pure.

Written anew from docs/sources.md: the only thing taken from the product is how an identifier is hashed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from infra.redcap_simulator import Project
from infra.redcap_simulator.project.records import Record, RowKey
from shared import identifiers
from tests.fuzz.histories.study import (
    BIRTH_DATES,
    DATES,
    HELD,
    NO_DATES,
    SEXES,
    SOURCE,
    TIMES,
    WEIGHTS,
    Study,
    Variant,
)

Place = tuple[str, str, str, int]
"""Record, event, instrument and instance: what a scan is identified by."""


@dataclass(frozen=True)
class Scan:
    """A row that is a scan, and what must become of it.

    :param fields: the item's fields, if it is one.
    """

    place: Place
    verdict: Literal["item", "held", "rejected"]
    site: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def item_id(self) -> str:
        """The id of its item."""
        return item_id(self.place)


def item_id(place: Place) -> str:
    """Return the id of the item of a row."""
    return identifiers.RowKey(SOURCE, *place).item_id()


def scans(project: Project, study: Study, variant: Variant) -> dict[str, Scan]:
    """Return every scan of the project, by item id."""
    found: dict[str, Scan] = {}
    for name, record in project.records.items(project.records.ids()):
        found |= {scan.item_id: scan for scan in _of_record(name, record, study, variant)}
    return found


def _of_record(name: str, record: Record, study: Study, variant: Variant) -> Iterator[Scan]:
    person = record.rows.get(RowKey(study.person_event), {})
    for key, row in record.rows.items():
        if not _is_scan(key, study) or row.get("mri_date", "") in NO_DATES:
            continue
        place = (name, key.event, key.instrument, key.instance or 1)
        site = variant.site_of(study, record.dag)
        if not site:
            yield Scan(place, "rejected")
        elif variant.gated and person.get("consent", "") != "yes":
            yield Scan(place, "held", site)
        else:
            yield _judged(place, site, {**person, **row}, variant)


def _is_scan(key: RowKey, study: Study) -> bool:
    return key.event == study.scan_event and key.instrument == ("mri" if study.kind == "classic" else "")


def _judged(place: Place, site: str, values: Mapping[str, str], variant: Variant) -> Scan:
    day, time = DATES[values["mri_date"]], TIMES[values.get("mri_time", "")]
    birth_date = BIRTH_DATES[values.get("youth_dob", "")]
    weight = WEIGHTS[values.get("mri_wt_lbs", "")]
    if day is None or time is None or not values.get("mrn"):
        return Scan(place, "rejected", site)
    if HELD in {birth_date, weight}:
        return Scan(place, "held", site)
    fields = {
        "patient_name": f"{values['last_name']}^{values['first_name']}",
        "patient_id": values["mrn"],
        "patient_birth_date": birth_date,
        "patient_sex": SEXES[values.get("demo_sex", "")],
        "patient_weight_kg": weight,
        "modality": "MR",
        "scheduled_station_aetitle": "MR1",
        "scheduled_start_date": day,
        "scheduled_start_time": time,
        "procedure_description": "MRI",
        "protocol_name": variant.protocol,
        **_identifiers(place),
    }
    return Scan(place, "item", site, fields)


def _identifiers(place: Place) -> dict[str, str]:
    own = item_id(place)
    return {
        "study_instance_uid": identifiers.study_instance_uid(own),
        "accession_number": identifiers.accession_number(own),
        "requested_procedure_id": identifiers.requested_procedure_id(own),
        "scheduled_procedure_step_id": identifiers.scheduled_procedure_step_id(own),
    }


def are_two_people(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Tell whether two items of one site have one Patient ID, and differ in what both know of the person."""
    if one["patient_id"] != other["patient_id"]:
        return False
    known = ("patient_name", "patient_birth_date", "patient_sex")
    return any(one[name] and other[name] and one[name] != other[name] for name in known)
