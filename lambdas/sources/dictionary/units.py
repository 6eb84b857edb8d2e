"""Whether a measure is in the unit the definition says, as far as the field's name and label tell. Pure.

A weight in pounds taken for kilograms is believed by everybody downstream: 150 of either is a weight.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from lambdas.sources.definition import SourceDefinition
from lambdas.sources.dictionary.fields import Project, ProjectField
from lambdas.sources.field_mapping import UNITS

_OURS: Final = {"patient_weight_kg": "kg", "patient_size_m": "m"}

_WORDS: Final[dict[str, dict[str, str]]] = {
    "patient_weight_kg": {
        "kg": "kg kgs kilo kilos kilogram kilograms kilogramm kilogrammes kilogramme",
        "g": "gram grams gramm gramme grammes",
        "lb": "lb lbs pound pounds",
        "stones": "stone stones",
        "ounces": "oz ounce ounces",
    },
    "patient_size_m": {
        "cm": "cm cms centimeter centimeters centimetre centimetres zentimeter",
        "mm": "mm millimeter millimeters millimetre millimetres",
        "m": "meter meters metre metres",
        "in": "inch inches",
        "feet": "ft feet foot",
    },
}
"""Measure -> unit -> the words that mean it wherever they stand."""

_SHORT: Final[dict[str, dict[str, str]]] = {
    "patient_weight_kg": {"g": "g", "st": "stones", "#": "lb"},
    "patient_size_m": {"m": "m", "in": "in", '"': "in", "″": "in", "'": "feet", "′": "feet"},
}
"""Abbreviations that are other words too: they mean a unit in brackets, or at the end."""


def unit_problems(definition: SourceDefinition, project: Project) -> Iterator[str]:
    """Yield the measures whose field says another unit than the definition."""
    for target, ours in _OURS.items():
        mapping = definition.fields.get(target)
        if mapping is None:
            continue
        unit = mapping.unit or ours
        for name in mapping.redcap_fields(definition.parts):
            column = project.column(name)
            found = _units(target, column) if column is not None else frozenset[str]()
            if not found or found == {unit} or (unit in found and mapping.unit is not None):
                continue
            said = " or ".join(sorted(found))
            taken = f"unit is {unit}" if mapping.unit else f"without unit it is taken for {ours}"
            yield f"fields.{target}: {name} seems to be in {said}, and {taken}; {_advice(target, found)}"


def _advice(target: str, found: frozenset[str]) -> str:
    known = sorted(found & UNITS[target])
    if not known:
        return f"map a field in {', '.join(sorted(UNITS[target]))}: let REDCap calculate one"
    return " or ".join(f'set unit = "{unit}"' for unit in known)


def _units(target: str, column: ProjectField) -> frozenset[str]:
    """Return the units that a field's label and note name; if those name none, the ones in its name."""
    told = re.sub(r"<[^>]*>", " ", f"{column.label}\n{column.note}").casefold()
    return frozenset(_in_text(target, told)) or frozenset(_in_name(target, column.name))


def _in_text(target: str, text: str) -> Iterator[str]:
    yield from _by_words(target, set(re.findall(r"[^\W\d_]+", text)))
    for line in text.splitlines():
        bracketed = re.findall(r"[(\[{]([^)\]}]*)[)\]}]", line)
        ends = re.findall(r"(?:^|[\s,;:/])(\S{1,2})\W?$", line)
        short = {word.strip(" .") for inside in bracketed for word in re.split(r"[\s,/]+", inside)} | set(
            ends
        )
        yield from (unit for word, unit in _SHORT[target].items() if word in short)


def _in_name(target: str, name: str) -> Iterator[str]:
    words = re.findall(r"[a-z]+", name)
    found = list(_by_words(target, set(words)))
    yield from found
    if not found and words:
        yield from (unit for word, unit in _SHORT[target].items() if word == words[-1])


def _by_words(target: str, words: set[str]) -> Iterator[str]:
    yield from (unit for unit, names in _WORDS[target].items() if words & set(names.split()))
