"""The REDCap project's dictionary: which fields there are, on which form, with which choices. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_SEX_WORDS = {
    "M": {"m", "male", "man", "boy", "homme", "masculin", "hombre", "männlich"},
    "F": {"f", "female", "woman", "girl", "femme", "féminin", "mujer", "weiblich"},
    "O": {"o", "other", "intersex", "nonbinary", "non-binary", "autre", "otro", "divers"},
}


@dataclass(frozen=True)
class ProjectDictionary:
    """A project's fields.

    :param rows: REDCap's ``content=metadata``, in order.
    """

    rows: Sequence[Mapping[str, str]]

    @property
    def record_id_field(self) -> str:
        """The first field, whatever its name."""
        return self.rows[0].get("field_name", "") if self.rows else ""

    def forms(self) -> dict[str, str]:
        """Return field -> form."""
        return {row.get("field_name", ""): row.get("form_name", "") for row in self.rows}

    def choices(self, name: str) -> dict[str, str]:
        """Return code -> label of a field's choices, empty if it has none."""
        texts = [
            row.get("select_choices_or_calculations", "")
            for row in self.rows
            if row.get("field_name") == name and row.get("field_type") in {"radio", "dropdown"}
        ]
        pairs = (entry.partition(",") for text in texts for entry in text.split("|"))
        return {code.strip(): label.strip() for code, comma, label in pairs if comma}


def sex_values(choices: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return code -> M, F or O by the choices' labels, and the codes whose label says none of them."""
    known, unknown = {}, []
    for code, label in choices.items():
        ours = next((sex for sex, words in _SEX_WORDS.items() if label.casefold() in words), "")
        if ours:
            known[code] = ours
        else:
            unknown.append(code)
    return known, unknown
