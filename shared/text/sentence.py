"""A sentence that one side says to the other, cut to a length that fits. Pure."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator

MOST_CHARACTERS: Final = 300


def cut(text: str) -> str:
    """Return a text in at most `MOST_CHARACTERS`; what was cut off shows as an ellipsis."""
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"


Sentence = Annotated[str, AfterValidator(cut)]
"""A field that is cut rather than refused: whoever is in trouble must be heard."""
