"""Three projects to test with, the same for the same seed, of any size.

(a) `classic`: the predecessor's shape, demographics on the base row, scans on the repeating instrument `mri`.
(b) `longitudinal`: two arms, MRI a repeating event, demographics in the enrolment event, groups as sites.
(c) `single`: one row a participant, `mri_date` and `mri_time` on it.

Records are built one by one when looked at, each from the seed and its own position, so the size costs
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from random import Random

from infra.redcap_simulator.project.project import (
    Event,
    ExportRight,
    Field,
    Group,
    Project,
    Shape,
    User,
    token_for,
)
from infra.redcap_simulator.project.records import Record, RecordStore, Row, RowKey
from infra.redcap_simulator.samples import names

SEX = {"1": "Male", "2": "Female", "3": "Other"}
PROTOCOLS = {"1": "Brain T1/T2", "2": "fMRI rest", "3": "DTI", "4": "Full battery"}
MISSING = {"-99": "Not collected", "UNK": "Unknown", "NASK": "Not asked"}
FIRST_DAY = date(2026, 1, 5)


def _weight_kg(row: Mapping[str, str]) -> str:
    try:
        return f"{float(row.get('mri_wt_lbs', '')) * 0.45359237:.1f}"
    except ValueError:
        return ""


def _person_fields(form: str, id_field: str) -> tuple[Field, ...]:
    return (
        Field(id_field, form, label="Study ID"),
        Field("family_id", form, label="Family ID"),
        Field("youth_dob_y", form, validation="integer", label="Year of birth"),
        Field("youth_dob", form, validation="date_ymd", label="Date of birth", identifier=True),
        Field("first_name", form, label="First name", identifier=True),
        Field("last_name", form, label="Last name", identifier=True),
        Field("t1_date", form, validation="date_mdy", label="Date of the first visit"),
        Field("demo_sex", form, "radio", "Sex", SEX),
    )


def _mri_fields(form: str) -> tuple[Field, ...]:
    return (
        Field("mri_date", form, validation="date_ymd", label="Date of the scan"),
        Field("mri_time", form, validation="time", label="Time of the scan"),
        Field("mri_instance", form, label="Scan number", annotation="@CALCTEXT([current-instance])"),
        Field("mri_wt_lbs", form, validation="number", label="Weight (lb)"),
        Field("mri_ht_in", form, validation="number", label="Height (in)"),
        Field(
            "mri_wt_kg",
            form,
            "calc",
            "Weight (kg)",
            compute=_weight_kg,
            formula="round([mri_wt_lbs]*0.45359237,1)",
        ),
        Field(
            "mri_safety", form, "checkbox", "Safety", {"1": "Implant", "2": "Pregnancy", "-99": "Not asked"}
        ),
        Field("referring_physician", form),
        Field("performing_physician", form),
        Field("station_name", form),
        Field("protocol", form, "dropdown", "Protocol", PROTOCOLS),
        Field("mri_status", form, label="Status, written back"),
        Field("mri_start", form, validation="datetime_seconds_ymd", label="Started, written back"),
        Field("mri_end", form, validation="datetime_seconds_ymd", label="Ended, written back"),
        Field("mri_station", form, label="Scanner, written back"),
        Field("mri_discontinuation_reason", form, label="Why it was stopped, written back"),
    )


def _users(project: str, seed: int, dags: tuple[str, ...] = ()) -> tuple[User, ...]:
    def user(name: str, export: ExportRight = "full", dag: str = "") -> User:
        return User(name, token_for(project, name, seed), export=export, dag=dag)

    return (
        user("relay"),
        user("limited", "no_identifiers"),
        replace(
            user("reader"),
            can_import=False,
            can_delete=False,
            can_rename=False,
            can_log=False,
            can_design=False,
        ),
        user("blind", "none"),
        *(user(dag, dag=dag) for dag in dags),
    )


def _person(rng: Random, id_field: str, record_id: str, form: str) -> Row:
    sex = rng.choices(("1", "2", "3"), (48, 48, 4))[0]
    born = date(2004, 1, 1) + timedelta(days=rng.randrange(5000))
    visit = FIRST_DAY - timedelta(days=rng.randrange(1, 400))
    return {
        id_field: record_id,
        "family_id": f"F{rng.randrange(100_000):05}",
        "youth_dob_y": str(born.year),
        "youth_dob": born.isoformat(),
        "first_name": rng.choice(names.FIRST_BY_SEX[sex]),
        "last_name": rng.choice(names.LAST),
        # Somebody always leaves a date with a code that says why it is missing.
        "t1_date": "-99" if rng.random() < 0.05 else visit.isoformat(),
        "demo_sex": sex,
        f"{form}_complete": "2",
    }


def _scan(rng: Random, form: str, instance: int, *, missing: bool) -> Row:
    day = FIRST_DAY + timedelta(days=rng.randrange(0, 360))
    row = {
        "mri_date": rng.choice(("-99", "UNK")) if missing else day.isoformat(),
        "mri_time": f"{rng.randrange(8, 19):02}:{rng.choice((0, 15, 30, 45)):02}",
        "mri_instance": str(instance),
        "mri_wt_lbs": f"{rng.uniform(60, 220):.1f}",
        "mri_ht_in": f"{rng.uniform(48, 76):.1f}",
        "referring_physician": rng.choice(names.PHYSICIANS),
        "performing_physician": rng.choice(names.PHYSICIANS),
        "station_name": rng.choice(("PRISMA1", "SKYRA2")),
        "protocol": rng.choice(tuple(PROTOCOLS)),
        f"{form}_complete": "0",
    }
    row["mri_wt_kg"] = _weight_kg(row)
    if rng.random() < 0.1:
        row["mri_safety___1"] = "1"
    return row


def _ids(records: int, pattern: str = "{:06}") -> tuple[str, ...]:
    """Record ids with leading zeros, which a spreadsheet would lose."""
    return tuple(pattern.format(number) for number in range(1, records + 1))


def _misses(rng: Random, position: int) -> bool:
    # The fifth record always has a code for a date, so that ten records are enough to meet one.
    return position % 100 == 4 or rng.random() < 0.02


def classic(records: int = 10, seed: int = 1) -> Project:
    """Project (a), pid 11. Ids `000001`...; base row: `demographics`; one to three repeats of `mri`."""
    fields = (*_person_fields("demographics", "study_id"), *_mri_fields("mri"))
    forms = {"demographics": "Demographics", "mri": "MRI visit"}
    event = Event("", "", 1, tuple(forms), repeating_forms=("mri",))
    shape = Shape(11, "Youth MRI (classic)", fields, forms, (event,), missing_codes=MISSING, autonumber=True)
    ids = _ids(records)

    def build(position: int) -> Record:
        rng = Random(f"classic:{seed}:{position}")  # noqa: S311 - invented people, not secrets
        rows = {RowKey(""): _person(rng, "study_id", ids[position], "demographics")}
        missing = _misses(rng, position)
        for instance in range(1, rng.choices((1, 2, 3), (70, 25, 5))[0] + 1):
            rows[RowKey("", "mri", instance)] = _scan(rng, "mri", instance, missing=missing and instance == 1)
        return Record(rows)

    return Project(shape, _users("classic", seed), RecordStore(ids, build))


def longitudinal(records: int = 10, seed: int = 1) -> Project:
    """Project (b), pid 22. Ids `S-0001`...; events enrolment_arm_N and mri_arm_N (repeating), N = 1, 2."""
    fields = (*_person_fields("demographics", "record_id"), *_mri_fields("mri"))
    forms = {"demographics": "Demographics", "mri": "MRI visit"}
    arms = {1: "Controls", 2: "Patients"}
    events = tuple(
        event
        for arm in arms
        for event in (
            Event("Enrolment", f"enrolment_arm_{arm}", arm, ("demographics",)),
            Event("MRI", f"mri_arm_{arm}", arm, ("mri",), repeating=True),
        )
    )
    groups = (Group("Montréal", "montreal", 101), Group("Québec", "quebec", 102), Group("大阪", "osaka", 103))
    shape = Shape(
        22,
        "Sites and visits (longitudinal)",
        fields,
        forms,
        events,
        arms=arms,
        groups=groups,
        missing_codes=MISSING,
    )
    ids = _ids(records, "S-{:04}")

    def build(position: int) -> Record:
        rng = Random(f"longitudinal:{seed}:{position}")  # noqa: S311 - as above
        arm = 1 + position % 2
        person = _person(rng, "record_id", ids[position], "demographics")
        rows = {RowKey(f"enrolment_arm_{arm}"): person}
        missing = _misses(rng, position)
        for instance in range(1, rng.choices((1, 2), (70, 30))[0] + 1):
            scan = _scan(rng, "mri", instance, missing=missing and instance == 1)
            rows[RowKey(f"mri_arm_{arm}", "", instance)] = {"record_id": ids[position], **scan}
        return Record(rows, dag=groups[position % len(groups)].unique)

    users = _users("longitudinal", seed, tuple(group.unique for group in groups))
    return Project(shape, users, RecordStore(ids, build))


def single(records: int = 10, seed: int = 1) -> Project:
    """Project (c), pid 33. Ids `0001`...; one form `visit`, one row a participant, nothing repeats."""
    shape = Shape(
        33,
        "One scan each (single)",
        (*_person_fields("visit", "participant"), *_mri_fields("visit")),
        {"visit": "Visit"},
        (Event("", "", 1, ("visit",)),),
        missing_codes=MISSING,
    )
    ids = _ids(records, "{:04}")

    def build(position: int) -> Record:
        rng = Random(f"single:{seed}:{position}")  # noqa: S311 - as above
        person = _person(rng, "participant", ids[position], "visit")
        scan = _scan(rng, "visit", 1, missing=_misses(rng, position))
        return Record({RowKey(""): {**person, **scan}})

    return Project(shape, _users("single", seed), RecordStore(ids, build))


Builder = Callable[[int, int], Project]
BUILDERS: dict[str, Builder] = {"classic": classic, "longitudinal": longitudinal, "single": single}
