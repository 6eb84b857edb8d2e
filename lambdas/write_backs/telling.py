"""Telling a row what REDCap takes of it: one value it refuses keeps no other from being written.

REDCap's import is all or nothing, so what it refuses is taken out and the rest is sent again. A form that
somebody has locked is no refusal for good: it is told when they have unlocked it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lambdas.redcap.refusals import ValuesRefused
from lambdas.redcap.row import RedcapRow
from shared.errors import MwlError, Rejected, Unavailable

if TYPE_CHECKING:
    from lambdas.redcap.project import RedcapProject


class FormLocked(Unavailable):
    """The form is locked or signed in REDCap; it is tried again until somebody has unlocked it."""


@dataclass(frozen=True)
class Told:
    """What came of it.

    :param values: what was written, and has to show.
    :param errors: why the rest was not.
    """

    values: dict[str, str]
    errors: tuple[MwlError, ...] = ()


def tell(redcap: RedcapProject, row: RedcapRow, before_each: Callable[[], None]) -> Told:
    """Write a row's values, those that REDCap takes.

    :param before_each: called before every import.
    :raises MwlError: REDCap could not be asked; some of it may be written.
    """
    before_each()
    try:
        redcap.import_status([row])
    except ValuesRefused as refused:
        bad = refused.fields & row.values.keys()
        if not bad:
            raise
        rest = {name: text for name, text in row.values.items() if name not in bad}
        told = tell(redcap, replace(row, values=rest), before_each) if rest else Told({})
        return Told(told.values, (*told.errors, *_reasons(refused, bad)))
    except Rejected as refused:
        if len(row.values) == 1:
            return Told({}, (refused,))
        return _one_by_one(redcap, row, before_each)
    return Told(dict(row.values))


def _one_by_one(redcap: RedcapProject, row: RedcapRow, before_each: Callable[[], None]) -> Told:
    """Find out which value it is, where REDCap does not say."""
    every = [
        tell(redcap, replace(row, values={name: text}), before_each) for name, text in row.values.items()
    ]
    return Told(
        {name: text for told in every for name, text in told.values.items()},
        tuple(error for told in every for error in told.errors),
    )


def _reasons(refused: ValuesRefused, bad: frozenset[str]) -> Iterator[MwlError]:
    if locked := bad & refused.locked:
        yield FormLocked(
            f"the form of {', '.join(sorted(locked))} is locked in REDCap",
            where=refused.where,
            hint="unlock it for this record; it is tried again every hour at least",
        )
    if bad - refused.locked:
        yield refused
