"""The audit trail for admins: what was done, by whom, when; and whether anything was taken out of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import Header, Query, Request, Response
from pydantic import BaseModel, Field

from lambdas.api.auth import Acting, MayAdminister
from lambdas.api.dependencies import Router, UseServices
from lambdas.api.schemas import common as schemas
from lambdas.api.schemas.audit import AuditRecord, as_csv
from lambdas.store.audit.entry import Action, Entry, Subject, flaws_of, split_key
from lambdas.store.audit.trail import AuditTrail
from shared.dicom.dicom_text import DA, OptionalDA
from shared.errors import Rejected
from shared.worklist_item import OptionalSiteName

MOST_READ: Final = 5000
"""Entries looked through for one answer: a filter that fits few goes on with the next page."""

MOST_DAYS: Final = 31
"""Days looked through for one answer, and how far back a question goes that says no day."""

router = Router(prefix="/audit", tags=["audit"], dependencies=[MayAdminister])


class AuditQuery(schemas.Request):
    """What to list: every condition given must hold. Days are UTC, both ends included."""

    actor: Annotated[str, Field(max_length=64, description="A username, or a relay's or source's id.")] = ""
    kind: Annotated[str, Field(max_length=32, description="`item`, `step`, `user`, `source` ...")] = ""
    action: Action | None = None
    item: Annotated[str, Field(max_length=64, description="The `id` of an item, or of another thing.")] = ""
    site: OptionalSiteName = ""
    date_from: OptionalDA = ""
    date_to: OptionalDA = ""
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    cursor: Annotated[str, Field(max_length=256, description="From the page before: its `Link` header")] = ""

    def admits(self, entry: Entry, subject: Subject) -> bool:
        """Tell whether a record is to be listed."""
        return (
            self.actor in {"", entry.actor.name}
            and self.kind in {"", subject.kind}
            and self.action in {None, subject.action}
            and self.site in {"", entry.site}
            and (not self.item or self.item == subject.id or self.item in subject.ids)
        )

    def days(self, today: date) -> Iterator[str]:
        """Yield the days to look at, the latest first."""
        first = _day(self.date_from) if self.date_from else today - timedelta(days=MOST_DAYS)
        day = min(_day(split_key(self.cursor)[0]) if self.cursor else today, today)
        day = min(day, _day(self.date_to)) if self.date_to else day
        while day >= first:
            yield f"{day:%Y%m%d}"
            day -= timedelta(days=1)


class AuditCheck(BaseModel):
    """Whether a day's entries are all there, as they were written; `flaws` says what is not."""

    day: str
    entries: int
    flaws: list[str]


@router.get("", response_model=list[AuditRecord], responses={200: {"content": {"text/csv": {}}}})
def list_audit(
    query: Annotated[AuditQuery, Query()],
    request: Request,
    services: UseServices,
    by: Acting,
    accept: Annotated[str, Header()] = "",
) -> Response:
    """List what was done, the newest first; as CSV with `Accept: text/csv`.

    Without `date_from` it goes back 31 days. `Link: <...>; rel="next"` leads on, also where a page is empty:
    one answer looks through so many entries and no more.
    """
    today = datetime.fromtimestamp(services.now(), UTC).date()
    records, last = read_page(services.audit, query, today)
    services.audit.record(by, [Subject(kind="audit", action="read", id=query.item)], site=query.site)
    headers = {"Link": f'<{_next_page(request, last)}>; rel="next"'} if last else {}
    if "text/csv" in accept:
        return Response(as_csv(records), media_type="text/csv", headers=headers)
    content = "[" + ",".join(record.model_dump_json() for record in records) + "]"
    return Response(content, media_type="application/json", headers=headers)


@router.get("/check")
def check_audit(day: Annotated[DA, Query()], services: UseServices) -> AuditCheck:
    """Check a day's entries (UTC): each must fit the one before it in its chain."""
    entries = list(services.audit.of_day(day))
    return AuditCheck(day=day, entries=len(entries), flaws=flaws_of(entries))


def read_page(trail: AuditTrail, query: AuditQuery, today: date) -> tuple[list[AuditRecord], str]:
    """Return the records of a page, and the key to go on after; empty if there are no more."""
    found: list[AuditRecord] = []
    read, cursor = 0, query.cursor
    for number, day in enumerate(query.days(today)):
        if number >= MOST_DAYS:
            return found, f"{day}/"
        for stored in trail.of_day(day, before=cursor if split_key(cursor)[0] == day else None):
            read += 1
            entry = stored.entry
            found += [
                AuditRecord.of(stored.key, entry, subject)
                for subject in entry.subjects
                if query.admits(entry, subject)
            ]
            if len(found) >= query.limit or read >= MOST_READ:
                return found, stored.key
    return found, ""


def _day(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise Rejected("not a cursor this server gave out", where="cursor", hint="leave it out") from None


def _next_page(request: Request, cursor: str) -> str:
    kept: list[tuple[str, Any]] = [pair for pair in request.query_params.multi_items() if pair[0] != "cursor"]
    return f"{request.url.path}?{urlencode([*kept, ('cursor', cursor)])}"
