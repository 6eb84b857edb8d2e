"""Exams that were there before the audit trail: as they stood before its first entry of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from lambdas.history.facts.fact import EntryFact, exam_part
from lambdas.history.facts.pseudonyms import Pseudonyms
from lambdas.store.audit.entry import Subject


class Present(NamedTuple):
    """An item of the table now.

    :param fields: what an audit entry would tell of it.
    """

    item_id: str
    fields: Mapping[str, Any]
    gone: bool


def found(
    site: str,
    at: datetime,
    items: Iterable[Present],
    subjects: Mapping[str, Iterable[Subject]],
    names: Pseudonyms,
) -> EntryFact | None:
    """Return the fact that stands before all entries of a site; None if there is no such exam.

    :param at: when the audit trail began.
    :param subjects: what entries say of each item, the oldest first, by its id.
    """
    parts = []
    for item in items:
        told = list(subjects.get(item.item_id, ()))
        if (told and told[0].action == "created") or (item.gone and not told):
            continue
        fields = _before(item.fields, told)
        subject = Subject(kind="item", id=item.item_id, action="created", after=fields)
        parts.append(exam_part(subject, names).model_copy(update={"action": "found"}))
    if not parts:
        return None
    parts.sort(key=lambda part: part.subject)
    return EntryFact(site=site, number=0, mark="", at=at, by="system", exams=tuple(parts))


def _before(now: Mapping[str, Any], told: list[Subject]) -> dict[str, Any]:
    fields = {name: value for name, value in now.items() if value not in ("", None, [], ())}
    for subject in reversed(told):
        fields = {name: value for name, value in fields.items() if name not in subject.after}
        fields |= subject.before
    return fields
