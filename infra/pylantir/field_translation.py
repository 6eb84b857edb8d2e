"""The predecessor's field mapping, REDCap field -> worklist column, as our fields. Pure.

What pylantir does whatever the mapping says (0.2.3, ``redcap_to_db.py``; 0.4.6, ``redcap_plugin.py``):

    row         one of the repeating instrument "mri" with mri_instance, mri_date and mri_time
    name, id    cpip-id-{study}^fa-{family}, sub_{study}_ses_{mri_instance}_fam_{family}_site_{site}, where
                study and family are what stands after the last "-" of study_id and family_id
    date, time  mri_date, mri_time
    0.2 only    sex from demo_sex; description "CPIP"; modality "MR"; birth date youth_dob_y + "0101"

Pairs of the mapping come on top. One whose column is among those fixed names, or is no column, has no effect.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from infra.pylantir.findings import Finding, Outcome
from infra.pylantir.project import ProjectDictionary, sex_values
from shared.text.spelling import did_you_mean

INSTRUMENT: Final = "mri"
REQUIRED: Final = ("mri_instance", "mri_date", "mri_time")
FIXED: Final = {
    "record_id": (Outcome.TAKEN, "record_id_field"),
    "study_id": (Outcome.TAKEN, "part of the participant's name and id"),
    "family_id": (Outcome.TAKEN, "part of the participant's name and id"),
    "redcap_repeat_instrument": (Outcome.TAKEN, 'rows.instrument = "mri", as pylantir has it'),
    "mri_instance": (Outcome.TAKEN, "part of the participant's id"),
    "mri_date": (Outcome.TAKEN, "scheduled_start_date"),
    "mri_time": (Outcome.TAKEN, "scheduled_start_time"),
    "t1_date": (Outcome.UNNEEDED, "pylantir reads it and uses it for nothing"),
    "youth_dob_y": (
        Outcome.CHANGED,
        "a year: pylantir 0.2 sends it as a date of birth on 1 January, which is invented. None is sent; "
        "map patient_birth_date to a field with the date",
    ),
}
"""Fields that pylantir reads by name, and what became of each."""

DIRECT: Final = frozenset(
    {
        "hisris_coding_designator",
        "modality",
        "patient_birth_date",
        "patient_id",
        "patient_name",
        "performing_physician",
        "procedure_description",
        "protocol_name",
        "referring_physician_name",
        "scheduled_start_date",
        "scheduled_start_time",
        "scheduled_station_aetitle",
        "station_name",
        "study_description",
    }
)
"""Columns that are worklist fields of ours under the same name."""

_REFUSED: Final = {
    "performed_procedure_step_status": "the status is the scanner's and people's: pylantir overwrites it "
    "with REDCap's at every sync, whatever the scanner did. Write-back goes the other way",
    "study_instance_uid": "derived from the REDCap row, so that it is the same after every loss",
    "accession_number": "derived from the REDCap row; pylantir sends none to the scanner",
}
_BASE_ROW: Final = frozenset({"study_id", "family_id", "demo_sex", "youth_dob_y", "t1_date"})
_FIELD: Final = re.compile(r"[a-z][a-z0-9_]*")


@dataclass
class Fields:
    """What a mapping becomes.

    :param fields: worklist field -> what a source definition says of it.
    :param parts: names for use in templates.
    """

    fields: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, Any] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def redcap_fields(self) -> list[str]:
        """Return the REDCap fields that are read, in order, each once."""
        named = [each if isinstance(each, str) else each.get("field", "") for each in self.fields.values()]
        parts = [part["field"] for part in self.parts.values()]
        return list(dict.fromkeys(name for name in [*parts, *named] if _FIELD.fullmatch(name)))


def fixed_fields(form: str, site: str, station: str, *, decimal_sessions: bool) -> Fields:
    """Return what pylantir does whatever the mapping says.

    :param decimal_sessions: ids are ``ses_1.0``: pandas, in 0.2, makes a decimal number of mri_instance.
    """
    suffix = ".0" if decimal_sessions else ""
    place = site.replace("{", "{{").replace("}", "}}")
    last = [{"after_last": "-"}]
    made = Fields(
        parts={
            "study": {"field": "study_id", "transforms": last},
            "family": {"field": "family_id", "transforms": last},
            "session": {"field": "mri_instance"},
        },
        fields={
            "patient_name": "cpip-id-{study}^fa-{family}",
            "patient_id": f"sub_{{study}}_ses_{{session}}{suffix}_fam_{{family}}_site_{place}",
            "modality": {"constant": "MR"},
            "scheduled_station_aetitle": {"constant": station},
            "scheduled_start_date": "mri_date",
            "scheduled_start_time": "mri_time",
        },
    )
    if form == "0.2":
        made.fields["study_description"] = {"constant": "CPIP"}
    return made


def translate_mapping(
    made: Fields, form: str, mapping: Mapping[str, object], path: str, project: ProjectDictionary | None
) -> None:
    """Add what a mapping says to ``made``, with a finding for each pair."""
    defaults = {name: said["constant"] for name, said in made.fields.items() if isinstance(said, dict)}
    for name in mapping:
        outcome, said = _pair(made, form, mapping, name, project)
        made.findings.append(Finding(f"{path}{name}", outcome, said))
    if form == "0.2" and mapping.get("demo_sex") != "demo_sex" and "patient_sex" not in mapping.values():
        made.findings.append(Finding("(demo_sex)", *_sex(made, "demo_sex", project)))
    for name, default in defaults.items():
        if isinstance(made.fields[name], str):
            made.fields[name] = {"field": made.fields[name], "default": default}


def _pair(
    made: Fields,
    form: str,
    mapping: Mapping[str, object],
    name: str,
    project: ProjectDictionary | None,
) -> tuple[Outcome, str]:
    column = mapping[name]
    if not isinstance(column, str):
        return Outcome.DECIDE, "not a worklist field's name; nothing was done with it"
    if not _FIELD.fullmatch(name):
        return Outcome.DECIDE, "cannot be a REDCap field's name; nothing was done with it"
    if column == "demo_sex" == name:
        return _own_sex(made, form, mapping, project)
    if passed_over := _passed_over(name, column):
        return passed_over
    if project is not None and name not in project.forms():
        near = did_you_mean(name, project.forms())
        return Outcome.CHANGED, f"left out: the project has no such field, and pylantir drops it{near}"
    return _column(made, name, column, project)


def _own_sex(
    made: Fields, form: str, mapping: Mapping[str, object], project: ProjectDictionary | None
) -> tuple[Outcome, str]:
    if form == "0.4":
        return Outcome.UNNEEDED, "pylantir 0.4 sends no sex unless patient_sex is mapped"
    if "patient_sex" in mapping.values():
        return Outcome.UNNEEDED, "another field is mapped to patient_sex"
    return _sex(made, "demo_sex", project)


def _passed_over(name: str, column: str) -> tuple[Outcome, str] | None:
    """Return what is said of a pair that fills no field; None if it fills one."""
    if name in FIXED and (column in FIXED or (name, column) == ("youth_dob_y", "patient_birth_date")):
        return FIXED[name]
    if column in {*FIXED, "demo_sex"}:
        return Outcome.UNNEEDED, f"no effect in pylantir: it reads the field {column} by that very name"
    if column in _REFUSED:
        return Outcome.CHANGED, f"left out: {_REFUSED[column]}"
    if column not in DIRECT | {"patient_sex", "patient_weight_lb"}:
        return Outcome.UNNEEDED, "no effect in pylantir: its worklist has no such column"
    return None


def _column(made: Fields, name: str, column: str, project: ProjectDictionary | None) -> tuple[Outcome, str]:
    if column == "patient_sex":
        return _sex(made, name, project)
    if column == "patient_weight_lb":
        made.fields["patient_weight_kg"] = {"field": name, "unit": "lb"}
        return Outcome.CHANGED, "patient_weight_kg, from pounds: pylantir sends the pounds as if they were kg"
    twice = isinstance(made.fields.get(column), str) and column not in {"patient_name", "patient_id"}
    made.fields[column] = name
    if twice:
        return (
            Outcome.TAKEN,
            f"{column}, in place of what was there before; as in pylantir the last one counts",
        )
    return Outcome.TAKEN, column


def _sex(made: Fields, name: str, project: ProjectDictionary | None) -> tuple[Outcome, str]:
    if project is not None and name not in project.forms():
        return Outcome.CHANGED, f"left out: the project has no field {name}, so no sex is sent"
    known, unknown = sex_values(project.choices(name) if project else {})
    made.fields["patient_sex"] = {"field": name, "values": known or {"M": "M", "F": "F", "O": "O"}}
    raw = "pylantir sends the code itself, which is no DICOM sex"
    if not known:
        return Outcome.DECIDE, f"patient_sex: list the field's codes in values (M, F or O); {raw}"
    if unknown:
        left = f"patient_sex; say what code {', '.join(unknown)} means: a row with it is rejected"
        return Outcome.DECIDE, f"{left}; {raw}"
    return Outcome.CHANGED, f"patient_sex, by the labels of its choices; {raw}"


def joined(fields: list[str], record_id_field: str, project: ProjectDictionary | None) -> list[str]:
    """Return the fields that are not on the scan's own row but on the record's base row.

    :param project: None: nobody could be asked, and the study is taken to be laid out as pylantir's own.
    """
    forms = project.forms() if project else {}
    found = []
    for name in fields:
        elsewhere = forms[name] != INSTRUMENT if name in forms else name in _BASE_ROW
        if elsewhere and name != record_id_field:
            found.append(name)
    return found
