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

    :param item_id: the id of its item.
    :param fields: the item's fields, if it is one.
    """

    place: Place
    item_id: str
    verdict: Literal["item", "held", "rejected"]
    site: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


class Identities:
    """Which item a row means: its own, or that of a scan that had begun when its record was renamed."""

    def __init__(self) -> None:
        self._followed: dict[Place, str] = {}

    def of(self, place: Place) -> str:
        """Return the id of the item of a row."""
        return self._followed.get(place) or identifiers.RowKey(SOURCE, *place).item_id()

    def follow(self, old: Place, new: Place) -> None:
        """Let the item of a row be that of another, which is what it is called from now on."""
        self._followed[new] = self.of(old)

    def begin_anew(self, place: Place) -> None:
        """Let a row have an item of its own."""
        self._followed.pop(place, None)

    def followed(self, record: str) -> dict[Place, str]:
        """Return the ids of the items that a record has from another name."""
        return {place: own for place, own in self._followed.items() if place[0] == record}


def scans(project: Project, study: Study, variant: Variant, identities: Identities) -> dict[str, Scan]:
    """Return every scan of the project, by item id."""
    found: dict[str, Scan] = {}
    for name, record in project.records.items(project.records.ids()):
        found |= {scan.item_id: scan for scan in _of_record(name, record, study, variant, identities)}
    return found


def _of_record(
    name: str, record: Record, study: Study, variant: Variant, identities: Identities
) -> Iterator[Scan]:
    person = record.rows.get(RowKey(study.person_event), {})
    for key, row in record.rows.items():
        if not _is_scan(key, study) or row.get("mri_date", "") in NO_DATES:
            continue
        place = (name, key.event, key.instrument, key.instance or 1)
        own = identities.of(place)
        site = variant.site_of(study, record.dag)
        if not site:
            yield Scan(place, own, "rejected")
        elif variant.gated and person.get("consent", "") != "yes":
            yield Scan(place, own, "held", site)
        else:
            yield _judged(place, own, site, {**person, **row}, variant)


def _is_scan(key: RowKey, study: Study) -> bool:
    return key.event == study.scan_event and key.instrument == ("mri" if study.kind == "classic" else "")


def _judged(place: Place, own: str, site: str, values: Mapping[str, str], variant: Variant) -> Scan:
    day, time = DATES[values["mri_date"]], TIMES[values.get("mri_time", "")]
    birth_date = BIRTH_DATES[values.get("youth_dob", "")]
    weight = WEIGHTS[values.get("mri_wt_lbs", "")]
    if day is None or time is None or not values.get("mrn"):
        return Scan(place, own, "rejected", site)
    if HELD in {birth_date, weight}:
        return Scan(place, own, "held", site)
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
        **_identifiers(own),
    }
    return Scan(place, own, "item", site, fields)


def _identifiers(own: str) -> dict[str, str]:
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
