"""Which character sets Specific Character Set (0008,0005) may name: PS3.5 section 6.1.2, PS3.3 C.12.1.1.2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator

from shared.errors import Rejected

UTF8: Final = "ISO_IR 192"
_NOT_DICOM: Final = frozenset(
    {"ISO 2022 GBK", "ISO 2022 58"}
)  # pydicom reads them; no table of the standard has them


def check_terms(terms: Sequence[str]) -> tuple[str, ...]:
    """Return the terms if (0008,0005) may hold them together; raise `Rejected` saying which may not."""
    # pydicom takes a while to load, and most profiles name no character set.
    from pydicom.charset import python_encoding  # noqa: PLC0415

    if not terms:
        raise Rejected(f"a character set must be named, for instance {UTF8}")
    # Of several, the first may be empty: the default repertoire, ISO 2022 IR 6 (PS3.3 C.12.1.1.2).
    named = terms[1:] if len(terms) > 1 and not terms[0] else terms
    for term in named:
        if not term or term not in python_encoding or term in _NOT_DICOM:
            raise Rejected(
                f"{term!r} is not a character set of DICOM", hint=f"for instance {UTF8} or ISO_IR 100"
            )
    if len(terms) > 1 and not all(term.startswith("ISO 2022 ") for term in named):
        raise Rejected("several character sets can be combined only if each begins with 'ISO 2022'")
    return tuple(terms)


def _split(value: object) -> object:
    return value.split("\\") if isinstance(value, str) else value


CharacterSetTerms = Annotated[tuple[str, ...], BeforeValidator(_split), AfterValidator(check_terms)]
"""Defined terms, as a list or joined by backslashes as in DICOM."""
