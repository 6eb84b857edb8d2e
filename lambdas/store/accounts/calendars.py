"""Calendars that other programs may read without signing in, each by a secret address.

CALENDARS   <SHA-256 of the secret>   whose exams it has

The secret has 256 random bits, is shown once, and is never stored. A calendar's id is its row's name.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict

from lambdas.store.accounts.rows import AccountRows, Audited, hidden_name
from lambdas.store.audit.entry import SYSTEM, Action, Actor, Subject
from lambdas.store.audit.trail import AuditTrail
from lambdas.store.models import Tables
from shared.errors import NotFound


class Calendar(BaseModel):
    """One calendar.

    :param scanner: the AE title of the scanner whose exams it has.
    :param salt: random; with it an event's UID tells nobody which row of REDCap it is.
    """

    model_config = ConfigDict(frozen=True)

    site: str
    scanner: str
    salt: str
    made_at: AwareDatetime
    made_by: str = ""


class CalendarStore:
    """All calendars.

    :param now: seconds since 1970.
    """

    def __init__(self, tables: Tables, *, now: Callable[[], float]) -> None:
        self._rows = AccountRows(tables.account, "CALENDARS", Calendar)
        self._trail = AuditTrail(tables, now=now)
        self._now = now

    def make(self, secret: str, *, site: str, scanner: str, salt: str, by: Actor = SYSTEM) -> str:
        """Let whoever has a secret read a scanner's calendar; return the calendar's id."""
        calendar = Calendar(
            site=site,
            scanner=scanner,
            salt=salt,
            made_at=datetime.fromtimestamp(self._now(), UTC),
            made_by=by.name,
        )
        calendar_id = hidden_name(secret)
        self._rows.add(calendar_id, calendar, audit=self._audited(calendar_id, calendar, "created", by))
        return calendar_id

    def find(self, secret: str) -> Calendar:
        """Return the calendar of a secret. :raises NotFound: there is none, or not any more."""
        kept = self._rows.get(hidden_name(secret))
        if kept is None:
            raise NotFound("there is no such calendar")
        return kept.value

    def all(self) -> dict[str, Calendar]:
        """Return every calendar by its id."""
        return {name: kept.value for name, kept in self._rows.all().items()}

    def revoke(self, calendar_id: str, *, by: Actor = SYSTEM) -> None:
        """End a calendar with its next reading. :raises NotFound: there is none."""
        kept = self._rows.get(calendar_id)
        if kept is None:
            raise NotFound("there is no such calendar", where="calendar_id")
        audit = self._audited(calendar_id, kept.value, "removed", by)
        self._rows.remove(calendar_id, kept.version, audit=audit)

    def _audited(self, calendar_id: str, calendar: Calendar, action: Action, by: Actor) -> Audited:
        fields = {"scanner": calendar.scanner}
        said = {"after": fields} if action == "created" else {"before": fields}
        subject = Subject.model_validate({"kind": "calendar", "id": calendar_id, "action": action, **said})
        return Audited(self._trail, by, subject, calendar.site)
