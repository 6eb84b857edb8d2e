"""What became of an exam, and what the audit trail holds, in words: who did what to what, when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from lambdas.api.pages.views.item import LABELS
from lambdas.api.pages.views.site import SiteState
from lambdas.api.schemas.audit import AuditRecord

_ACTORS: Final = {
    "relay": "the scanner, by its relay",
    "source": "REDCap",
    "write-back": "the write-back",
    "command": "a command",
    "system": "the system",
}
_MOST_LETTERS: Final = 80


class Change(NamedTuple):
    """A field before and after."""

    label: str
    before: str
    after: str


class Line(NamedTuple):
    """An entry: when, who, what was done, and to which fields."""

    when: str
    who: str
    what: str
    changes: tuple[Change, ...]


def history_lines(
    records: Iterable[AuditRecord], state: SiteState, *, hides_names: bool = False
) -> tuple[Line, ...]:
    """Return the records of one exam, the newest first.

    :param records: the oldest first.
    """
    return tuple(_line(record, state, hides_values=hides_names) for record in reversed(list(records)))


def audit_lines(records: Sequence[AuditRecord], state: SiteState) -> tuple[Line, ...]:
    """Return the records of the audit trail in their order, without values: they may be of participants."""
    return tuple(_line(record, state, hides_values=True) for record in records)


def _line(record: AuditRecord, state: SiteState, *, hides_values: bool) -> Line:
    names = list(dict.fromkeys((*record.before, *record.after)))
    return Line(
        when=state.said_at(record.at),
        who=record.actor if record.actor_kind == "person" else _actor(record),
        what=f"{record.kind} {record.action.replace('-', ' ')}",
        changes=tuple(
            Change(
                LABELS.get(name, name.replace("_", " ")),
                "-" if hides_values else _text(record.before.get(name)),
                "-" if hides_values else _text(record.after.get(name)),
            )
            for name in names
        ),
    )


def _actor(record: AuditRecord) -> str:
    said = _ACTORS.get(record.actor_kind, record.actor_kind)
    return f"{said} ({record.actor})" if record.actor else said


def _text(value: Any) -> str:
    if isinstance(value, dict):
        value = ", ".join(f"{name.replace('_', ' ')} {each}" for name, each in value.items())
    text = "" if value is None else str(value)
    return text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]}…"
