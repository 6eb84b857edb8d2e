"""Section 5.7: Specific Character Set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pydicom.charset import python_encoding

from edge_relay.conformance.markdown import table, text
from shared.dicom.charset import character_set

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
        192. An answer declares the least that its text needs: none (type 1C, the default repertoire ISO-IR 6)
        if all text asked for is ASCII, else the whole of that character set. Several `ISO 2022` sets may be
        combined, with code extensions; the first may be empty, which is the default repertoire.

        What a set cannot express:

        - **Identifiers** (Patient ID, Issuer of Patient ID, Accession Number, Requested Procedure ID,
          Scheduled Procedure Step ID) are sent as they are, or the exam is withheld from that scanner. The
          relay's status counts such exams by scanner; `mwl-cloud sources preview` names them beforehand.
        - **Person names**: a letter is replaced by the letter without its accent, else by the letters that
          stand for it (`Łukasz` Lukasz, `Strauß` Strauss, `O’Neil` O'Neil; Greek by ISO 843, Cyrillic by ICAO
          Doc 9303). A component group with a character that has none is left out. An exam whose patient
          then has no name is withheld too.
        - **Codes**: the Scheduled Protocol Code Sequence is sent without an item.
        - **Other text**: replaced like names, else by `?`, and cut to the longest its VR allows.

        Whenever text was changed, a log line says so without the text. Queries and MPPS are decoded with the
        Specific Character Set that they declare. If they declare none, bytes outside the default repertoire
        are decoded as UTF-8 if they are valid UTF-8, else as Latin-1.
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
