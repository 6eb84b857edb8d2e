"""Character sets: what of a text can be sent to a scanner in the set its profile names (PS3.5 section 6.1).

What a set cannot express degrades visibly: first to the letter without its accent, else to ``?``.
"""

from __future__ import annotations

import codecs
import unicodedata
from collections.abc import Sequence
from typing import Final

from pydicom.charset import python_encoding

from shared.errors import Rejected

TEXT_VRS: Final = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
"""Value representations that Specific Character Set (0008,0005) applies to."""

UTF8: Final = "ISO_IR 192"


class CharacterSet:
    """The character set, or ISO 2022 sets, of the answers to one scanner.

    :param terms: the defined terms of (0008,0005), e.g. ``["ISO_IR 100"]``.
    """

    def __init__(self, terms: Sequence[str]) -> None:
        self.terms: Final = tuple(terms)
        self._encodings: Final = tuple(_encoding(term) for term in terms)

    def fit(self, text: str) -> tuple[str, bool]:
        """Return the text as this set can carry it, and whether nothing was lost."""
        if self._encodings == ("utf_8",) or text.isascii():
            return text, True
        fitted = "".join(c if self._carries(c) else self._nearest(c) for c in text)
        return fitted, fitted == text

    def _nearest(self, character: str) -> str:
        base = "".join(c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c))
        return base if base and all(self._carries(c) for c in base) and "\\" not in base else "?"

    def _carries(self, character: str) -> bool:
        return any(_can_encode(character, encoding) for encoding in self._encodings)


def check_terms(terms: Sequence[str]) -> tuple[str, ...]:
    """Return the terms if (0008,0005) may hold them together; raise `Rejected` saying which may not."""
    if not terms:
        raise Rejected(f"a character set must be named, for instance {UTF8}")
    for term in terms:
        if not term or term not in python_encoding:
            raise Rejected(
                f"{term!r} is not a character set of DICOM", hint=f"for instance {UTF8} or ISO_IR 100"
            )
    if len(terms) > 1 and not all(term.startswith("ISO 2022 ") for term in terms):
        raise Rejected("several character sets can be combined only if each begins with 'ISO 2022'")
    return tuple(terms)


def _encoding(term: str) -> str:
    name = python_encoding[term]
    # pydicom's name for the default repertoire is Latin-1, wider than it is (PS3.5 6.1.2.1: ISO IR 6, ASCII).
    return "ascii" if name == "iso8859" else codecs.lookup(name).name.replace("-", "_")


def _can_encode(character: str, encoding: str) -> bool:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
