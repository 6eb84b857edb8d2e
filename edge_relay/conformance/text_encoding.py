"""Section 5.7: Specific Character Set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pydicom.charset import python_encoding

from edge_relay.conformance.markdown import table, text
from edge_relay.dicom.charset import character_set

_BY_NUMBER: Final = {  # PS3.3 Tables C.12-2 to C.12-5
    "13": "Japanese, katakana (JIS X 0201)",
    "100": "Latin alphabet No. 1",
    "101": "Latin alphabet No. 2",
    "109": "Latin alphabet No. 3",
    "110": "Latin alphabet No. 4",
    "144": "Cyrillic",
    "127": "Arabic",
    "126": "Greek",
    "138": "Hebrew",
    "148": "Latin alphabet No. 5",
    "166": "Thai",
    "87": "Japanese, kanji (JIS X 0208)",
    "159": "Japanese, supplementary kanji (JIS X 0212)",
    "149": "Korean (KS X 1001)",
    "58": "Simplified Chinese (GB 2312)",
    "192": "Unicode, UTF-8",
}
_ALONE: Final = {"GB18030": "Chinese (GB 18030)", "GBK": "Simplified Chinese (GBK)"}
_SAMPLE: Final = "éőĉāДبαהğก亜丂가中ｱ"
"""One character of each repertoire; every set that is known has at least one of them."""


def section() -> str:
    """Return the section."""
    return text(
        "### 5.7 Specific Character Sets",
        """
        Answers use the character set of the scanner's profile, else that of the relay; the default is ISO_IR
        192. Answers always declare it, even if all text is ASCII. Several `ISO 2022` sets may be combined,
        with code extensions. A character that a set cannot express is replaced by the letter without its
        accent, else by `?`, and a log line says so without the text. Nothing is left out. Queries and MPPS
        are decoded with the Specific Character Set that they declare. If they declare none, bytes outside
        the default repertoire are decoded as UTF-8 if they are valid UTF-8, else as Latin-1.
        """,
        table(("Defined term", "Character set"), _terms()),
    )


def _terms() -> Iterator[tuple[str, str]]:
    yield "ISO 2022 IR 6", "Default repertoire, as the first of several"
    for term in python_encoding:
        name = _name(term)
        if name and any(character_set((term,)).fit(each)[1] for each in _SAMPLE):
            yield term, name


def _name(term: str) -> str:
    number = term.rpartition("IR ")[2]
    return _ALONE.get(term) or (_BY_NUMBER.get(number, "") if "IR" in term else "")
