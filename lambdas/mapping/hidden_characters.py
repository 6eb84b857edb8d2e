"""Characters that nobody sees, or that look like others: put right in names, refused in identifiers. Pure.

They come by copying from web pages and spreadsheets. Two identifiers that look alike and are not the same are
two participants to a scanner and one to a person; a name with such a character is found by no search.

    hidden   format characters (Unicode Cf: zero width space, soft hyphen, byte order mark, direction marks),
             variation selectors, fillers, and every other code point that is drawn as nothing
    blank    spaces that are not the plain one (no-break space, ideographic space, line separator)
    wide     full-width letters and digits, drawn like the plain ones
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from shared.errors import Rejected

IDENTIFIERS: Final = frozenset(
    {
        "patient_id",
        "issuer_of_patient_id",
        "accession_number",
        "requested_procedure_id",
        "scheduled_procedure_step_id",
        "hisris_coding_designator",
        "scheduled_station_aetitle",
        "other_patient_ids",
        "admission_id",
        "requested_procedure_code_value",
        "requested_procedure_code_scheme",
        "reason_code_value",
        "reason_code_scheme",
        "clinical_trial_protocol_id",
        "clinical_trial_site_id",
        "clinical_trial_subject_id",
        "clinical_trial_subject_reading_id",
        "clinical_trial_time_point_id",
    }
)
"""Worklist fields that tell one thing from another: in these nothing is put right, it is refused."""

_IGNORABLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Drawn as nothing, though their category does not say so (Unicode's Default_Ignorable_Code_Point)."""

_BLANKS: Final = frozenset({"Zs", "Zl", "Zp"})
_WIDE: Final = {
    code: code - 0xFEE0
    for first, last in ("０９", "ＡＺ", "ａｚ")
    for code in range(ord(first), ord(last) + 1)
}
_WILDCARDS: Final = "*?"
"""They match other text in a query (DICOM PS3.4 C.2.2.2.4): an identifier with one means several things."""


def visible(text: str) -> str:
    """Return the text as it looks: nothing hidden, plain spaces, plain letters and digits."""
    if not visible_fault(text):
        return text
    kept = (" " if unicodedata.category(c) in _BLANKS else c for c in text.translate(_WIDE) if not _hidden(c))
    return re.sub(r" {2,}", " ", "".join(kept)).strip()


def visible_fault(text: str) -> str:
    """Return what is not as it looks, without quoting it; empty if all is."""
    if text.isascii():  # none of them is, and most text is
        return ""
    for character in text:
        if _hidden(character):
            return f"a character that nobody sees (U+{ord(character):04X})"
        if character != " " and unicodedata.category(character) in _BLANKS:
            return f"a space that is not the plain one (U+{ord(character):04X})"
        if ord(character) in _WIDE:
            return f"a full-width letter or digit (U+{ord(character):04X})"
    return ""


def check_identifier(text: str) -> str:
    """Return an identifier that is what it looks like; raise `Rejected` if it is not, without quoting it."""
    if fault := visible_fault(text):
        raise Rejected(f"an identifier may not contain {fault}; type it anew")
    if any(wildcard in text for wildcard in _WILDCARDS):
        raise Rejected("an identifier may not contain * or ?, which stand for other text in a query")
    return text


def _hidden(character: str) -> bool:
    return unicodedata.category(character) == "Cf" or bool(_IGNORABLE.match(character))
