"""The audit trail as it is shown: one record for each thing that an entry is about."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel

from lambdas.store.accounts.shown_items import ShownAt
from lambdas.store.audit.entry import Action, ActorKind, Entry, Subject
from shared.scanners.shown_items import ShownTo
from shared.text.spreadsheet import harmless

COLUMNS: Final = (
    "at",
    "actor_kind",
    "actor",
    "address",
    "request_id",
    "site",
    "action",
    "kind",
    "id",
    "field",
    "before",
    "after",
    "entry",
    "previous",
)


class AuditRecord(BaseModel):
    """Who did what to what, when, and from where.

    `before` and `after` hold the fields that changed. `ids` are the items that were shown, of a reading.
    `entry` names the entry, `hash` is its hash, `previous` that of the entry before it in its chain.
    """

    at: datetime
    actor_kind: ActorKind
    actor: str
    address: str
    request_id: str
    site: str
    action: Action
    kind: str
    id: str
    ids: tuple[str, ...]
    before: dict[str, Any]
    after: dict[str, Any]
    entry: str
    previous: str

    @classmethod
    def of(cls, key: str, entry: Entry, subject: Subject) -> AuditRecord:
        """Return what is shown of one subject of an entry."""
        return cls(
            at=entry.at,
            actor_kind=entry.actor.kind,
            actor=entry.actor.name,
            address=entry.actor.address,
            request_id=entry.actor.request_id,
            site=entry.site,
            action=subject.action,
            kind=subject.kind,
            id=subject.id,
            ids=subject.ids,
            before=dict(subject.before),
            after=dict(subject.after),
            entry=key,
            previous=entry.previous,
        )

    @classmethod
    def of_shown(cls, item_id: str, told: ShownAt, to: ShownTo) -> AuditRecord:
        """Return what is shown of a scanner that was shown an item: counted by its relay, no audit entry."""
        counted = {"scanner": to.ae_title, "last_shown_at": to.last_at.isoformat(), "times": to.times}
        return cls(
            at=to.first_at,
            actor_kind="relay",
            actor=told.relay_id,
            address="",
            request_id="",
            site=told.site,
            action="shown",
            kind="item",
            id=item_id,
            ids=(),
            before={},
            after=counted,
            entry="",
            previous="",
        )


def as_csv(records: Iterable[AuditRecord]) -> str:
    """Return records as CSV (RFC 4180): a line for each field that changed, or one if none did."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    for record in records:
        writer.writerows([harmless(value) for value in line] for line in _lines(record))
    return buffer.getvalue()


def _lines(record: AuditRecord) -> Iterator[list[Any]]:
    start = [getattr(record, name) for name in COLUMNS[1:9]]
    names = list(dict.fromkeys((*record.before, *record.after)))
    for name in names or [""]:
        was, now = record.before.get(name, ""), record.after.get(name, "")
        yield [record.at.isoformat(), *start, name, was, now, record.entry, record.previous]
