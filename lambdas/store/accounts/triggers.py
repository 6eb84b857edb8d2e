"""The secrets in the URLs of Data Entry Triggers, one for each source.

TRIGGERS   <source_id>   the SHA-256 of the secret in the trigger's URL, and the project it is for

The secret has 256 random bits, so its hash needs no salt and no slowness. It is shown once, when it is made.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from pydantic import AwareDatetime, BaseModel, ConfigDict

from lambdas.sources.definition import ID_PATTERN
from lambdas.store.accounts.rows import AccountRows, Audited, hidden_name
from lambdas.store.audit.entry import SYSTEM, Action, Actor, Subject
from lambdas.store.audit.trail import AuditTrail
from lambdas.store.models import Tables
from shared.errors import AlreadyExists, NotFound

_NO_SOURCE: Final = "-"
_NOBODYS: Final = hidden_name("the secret of no source")
"""Compared with where there is no trigger: that must take as long as a wrong secret."""


class Trigger(BaseModel):
    """A source's trigger.

    :param secret_hash: SHA-256 of the secret, in hexadecimal.
    :param project_id: REDCap's own id of the project; empty: not known, any is taken.
    """

    model_config = ConfigDict(frozen=True)

    secret_hash: str
    project_id: str = ""
    made_at: AwareDatetime


class TriggerStore:
    """The triggers of all sources.

    :param now: seconds since 1970.
    """

    def __init__(self, tables: Tables, *, now: Callable[[], float]) -> None:
        self._rows = AccountRows(tables.account, "TRIGGERS", Trigger)
        self._trail = AuditTrail(tables, now=now)
        self._now = now

    def find(self, source_id: str) -> Trigger | None:
        """Return a source's trigger, None if it has none."""
        kept = self._rows.get(source_id)
        return kept.value if kept else None

    def make(
        self,
        source_id: str,
        secret: str,
        *,
        project_id: str = "",
        replace: bool = False,
        by: Actor = SYSTEM,
    ) -> None:
        """Let a secret wake a source's sync.

        :param replace: in the place of the one before, which then wakes nobody any more.
        :raises AlreadyExists: the source has a trigger, and ``replace`` is not said.
        """
        trigger = Trigger(
            secret_hash=hidden_name(secret),
            project_id=project_id,
            made_at=datetime.fromtimestamp(self._now(), UTC),
        )
        kept = self._rows.get(source_id)
        if kept is None:
            self._rows.add(source_id, trigger, audit=self._audited(source_id, "created", by))
        elif replace:
            audit = self._audited(source_id, "changed", by)
            self._rows.replace(source_id, trigger, kept.version, audit=audit)
        else:
            raise AlreadyExists("has a trigger already", where=f"source {source_id}")

    def delete(self, source_id: str, *, by: Actor = SYSTEM) -> None:
        """Forget a source's trigger; quiet if it has none."""
        kept = self._rows.get(source_id)
        if kept is not None:
            self._rows.remove(source_id, kept.version, audit=self._audited(source_id, "removed", by))

    def _audited(self, source_id: str, action: Action, by: Actor) -> Audited:
        return Audited(self._trail, by, Subject(kind="trigger", id=source_id, action=action))

    def known(self, source_id: str, secret: str) -> Trigger:
        """Return the trigger that a secret opens.

        :raises NotFound: the secret is not the source's, or there is no such source: the same answer, found
            in the same time.
        """
        trigger = self.find(source_id if re.fullmatch(ID_PATTERN, source_id) else _NO_SOURCE)
        kept = trigger.secret_hash if trigger else _NOBODYS
        right = hmac.compare_digest(hidden_name(secret), kept)
        if trigger is None or not right:
            raise NotFound("there is no such hook")
        return trigger
