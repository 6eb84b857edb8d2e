"""The steps that change a REDCap value before it is used, as data. Pure.

A step that finds nothing to do leaves the value as it is: `after_last` without its separator, a prefix that
is not there. Only `take` can fail, on what is no date or time.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from lambdas.sources.section import Section
from lambdas.sources.typed_values import read_time
from shared.errors import Rejected

Separator = Annotated[str, Field(min_length=1, max_length=64)]
Part = Literal["date", "time", "year", "month", "day"]

_DATE: Final = re.compile(r"(?P<date>(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d))(?:[ T].*)?", re.ASCII)
_BEFORE_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]+|$)", re.ASCII)


class Transform(Section):
    """One step: exactly one of these keys.

    :param strip_prefix: this text is taken off the front.
    :param strip_suffix: this text is taken off the end.
    :param before_first: what stands before the first of these separators is kept.
    :param before_last: what stands before the last one.
    :param after_first: what stands after the first one.
    :param after_last: what stands after the last one: ``after_last = "-"`` makes 42 of ``cpip-b-42``.
    :param zero_pad: zeros are put in front until the value has this many characters.
    :param replace: each text on the left is replaced by the one on the right, in the order written.
    :param case: all letters become upper or lower case.
    :param take: a part of a date, a time or a date-time as REDCap sends them: the date ``2026-11-23``, the
        time ``09:30``, or the digits of year, month or day.
    """

    strip_prefix: Separator | None = None
    strip_suffix: Separator | None = None
    before_first: Separator | None = None
    before_last: Separator | None = None
    after_first: Separator | None = None
    after_last: Separator | None = None
    zero_pad: Annotated[int, Field(ge=1, le=64)] | None = None
    replace: Annotated[dict[Separator, str], Field(min_length=1)] | None = None
    case: Literal["upper", "lower"] | None = None
    take: Part | None = None

    @model_validator(mode="after")
    def _one_step(self) -> Self:
        if len(self.model_dump(exclude_none=True)) != 1:
            raise ValueError(f"a step has exactly one of {', '.join(type(self).model_fields)}")
        return self

    def apply(self, text: str) -> str:
        """Return the value after this step, without spaces around it; raise `Rejected` if it cannot be."""
        if self.take is not None:
            return _part(text, self.take)
        if self.case is not None:
            return text.upper() if self.case == "upper" else text.lower()
        if self.zero_pad is not None:
            return text.rjust(self.zero_pad, "0")
        for old, new in (self.replace or {}).items():
            text = text.replace(old, new)
        return self._cut(text).strip()

    def _cut(self, text: str) -> str:
        text = text.removeprefix(self.strip_prefix or "").removesuffix(self.strip_suffix or "")
        if self.before_first is not None:
            return text.partition(self.before_first)[0]
        if self.after_last is not None:
            return text.rpartition(self.after_last)[2]
        if self.before_last is not None and self.before_last in text:
            return text.rpartition(self.before_last)[0]
        if self.after_first is not None and self.after_first in text:
            return text.partition(self.after_first)[2]
        return text


def _part(text: str, part: Part) -> str:
    if part == "time":
        clock = _BEFORE_TIME.sub("", text, count=1)
        try:
            read_time(clock)
        except Rejected as error:
            raise Rejected(f"to take the time from it: {error.what}") from None
        return clock
    match = _DATE.fullmatch(text)
    if match is None:
        raise Rejected(f"to take the {part} from it, it must look like YYYY-MM-DD or YYYY-MM-DD HH:MM")
    return str(match[part])
