"""Whether every choice of a coded field becomes something, and M and F what their labels say. Pure.

A choice that is not mapped is found on the day somebody selects it, when the scan is missing; and a ``1``
that is sent as it is means nothing at the scanner.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from lambdas.redcap.row import DATA_ACCESS_GROUP
from lambdas.sources.definition import SourceDefinition
from lambdas.sources.dictionary.fields import Project
from lambdas.sources.dictionary.formats import wanted
from lambdas.sources.dictionary.words import labelled, listed
from lambdas.sources.field_mapping import ITEM_FIELDS, FieldMapping
from lambdas.sources.field_values import DATES, MEASURES, TIMES, converted, fault_of
from shared.errors import Rejected

_SEXES: Final = {
    "M": re.compile(
        "m|males?|man|men|boys?|masculine|mann|männlich|junge|homme|garçon|masculin|hombre|varón|masculino|niño"
        "|maschio|uomo|gutt|mannlig|pojke|manlig|mand|mandlig|mies|poika|мужской|男|男性|남|남성"
    ),
    "F": re.compile(
        "f|w|females?|woman|women|girls?|feminine|frau|weiblich|mädchen|femme|fille|féminin|mujer|femenino|feminino"
        "|niña|femmina|donna|jente|kvinne|kvinnelig|flicka|kvinna|kvinnlig|kvinde|kvindelig|nainen|tyttö|женский"
        "|女|女性|여|여성"
    ),
}
"""What labels call the two, in the languages our users have written them in."""

_NUMERIC: Final = frozenset({*DATES, *TIMES, *MEASURES, "pregnancy_status"})
"""Worklist fields of which a bare number may be a value."""


def choice_problems(definition: SourceDefinition, project: Project) -> Iterator[str]:
    """Yield the choices that become nothing, or something else than their label says."""
    for target, mapping in definition.fields.items():
        if mapping.field is None or target not in ITEM_FIELDS:
            continue
        choices = _choices(definition, project, mapping.field)
        key = f"fields.{target}"
        if mapping.values is None and not mapping.transforms:
            column = project.column(mapping.field)
            kind = column.kind if column is not None else "choice"
            yield from _sent_as_they_are(key, target, mapping, choices, kind)
        else:
            yield from _unmapped(f"{key}.values", mapping.field, choices, mapping.refine)
        if target == "patient_sex":
            yield from _other_sex(key, mapping, choices)
    for name, part in definition.parts.items():
        choices = _choices(definition, project, part.field)
        if part.values is not None or part.transforms:
            yield from _unmapped(f"parts.{name}.values", part.field, choices, part.refine)
    if (protocol := definition.protocol) is not None:
        choices = _choices(definition, project, protocol.field)
        yield from _unmapped("protocol.codes", protocol.field, choices, protocol.choose)


def _choices(definition: SourceDefinition, project: Project, name: str) -> dict[str, str]:
    """Return code -> label of what can stand in a field of a scan; empty if anything can."""
    if name == DATA_ACCESS_GROUP:
        return dict.fromkeys(definition.sites_by_dag, "")
    if name == "redcap_event_name":
        return dict.fromkeys(definition.rows.events, "")
    column = project.column(name)
    missing = {*project.missing, *definition.missing_data_codes}
    codes = column.codes if column is not None else {}
    return {code: label for code, label in codes.items() if code not in missing}


def _unmapped(
    key: str, name: str, choices: Mapping[str, str], become: Callable[[str], object]
) -> Iterator[str]:
    left = {code: label for code, label in choices.items() if _refused(become, code)}
    if left:
        rest = "default" if key == "protocol.codes" else "otherwise"
        said = f"{name} can also be {listed(labelled(left))}"
        yield f"{key}: {said}; map every choice, or give {rest}"


def _sent_as_they_are(
    key: str, target: str, mapping: FieldMapping, choices: Mapping[str, str], kind: str
) -> Iterator[str]:
    bad = {code: label for code, label in choices.items() if not _fits(target, mapping, code)}
    if bad and target in _NUMERIC:
        said = f"{mapping.field} is a {kind} field, and this must be {wanted(target)}"
        yield f"{key}: {said}; give values, or map another field"
    elif bad:
        said = f"{mapping.field} has choices, and the bare code would be sent of {listed(labelled(bad))}"
        yield f"{key}: {said}; give values"


def _fits(target: str, mapping: FieldMapping, code: str) -> bool:
    if target not in _NUMERIC and re.fullmatch(r"-?\d+", code):
        return False
    return not _refused(lambda text: _legal(target, converted(target, mapping, text)), code)


def _legal(target: str, value: object) -> None:
    if fault := fault_of(target, value):
        raise Rejected(fault)


def _refused(become: Callable[[str], object], code: str) -> bool:
    try:
        become(code)
    except Rejected:
        return True
    return False


def _other_sex(key: str, mapping: FieldMapping, choices: Mapping[str, str]) -> Iterator[str]:
    for code, label in choices.items():
        meant = _sex_of(label)
        if not meant or _refused(mapping.refine, code):
            continue
        ours = mapping.refine(code)
        if ours != meant and ours in {"M", "F", "O", ""}:  # anything else is refused for what it is
            said = f"{mapping.field} calls {code} {label[:40]}"
            yield f"{key}.values: {said}, and it becomes {ours or 'nothing'}"


def _sex_of(label: str) -> str:
    """Return the sex a label names; empty if it names none, or both."""
    words = re.findall(r"\w+", label.casefold())
    found = [sex for sex, names in _SEXES.items() if any(map(names.fullmatch, words))]
    return found[0] if len(found) == 1 else ""
