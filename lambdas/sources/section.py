"""What every part of a source definition has in common. Pure."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict

_FIELD_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")


class Section(BaseModel):
    """Every part of a definition: an unknown key is an error, not a wish that is silently ignored."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid", hide_input_in_errors=True)


def field_name(name: str) -> str:
    """Return the name if a REDCap field can have it."""
    if not _FIELD_NAME.fullmatch(name):
        raise ValueError("a REDCap field's name has only a-z, 0-9 and _, and begins with a letter")
    return name


FieldName = Annotated[str, AfterValidator(field_name)]
"""A REDCap field, a checkbox's column ``field___code``, ``form_complete``, or one of `PSEUDO_FIELDS`."""
