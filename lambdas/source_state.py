"""What is remembered of a source between two syncs, and what its last one did. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

REJECTS_KEPT: Final = 200
"""Rejected rows kept for people to see; all are counted."""

RECENT_KEPT: Final = 1000
"""Records whose last content is remembered; more than that is a bulk change, and is read again."""


class RejectedRow(BaseModel):
    """A row that should be a scan and cannot be. Kept with the source, shown to people, never logged.

    :param field: the REDCap field at fault.
    :param reason: what is wrong with it, without its value.
    """

    model_config = ConfigDict(frozen=True)

    record: str
    event: str = ""
    instrument: str = ""
    instance: int = 1
    field: str
    reason: str


class SyncReport(BaseModel):
    """What the last sync did.

    :param outcome: ``failed``: nothing is known to be right since the last ``ok``.
    :param error: why it failed, and what to do; empty if it did not.
    :param full: whether it read every record.
    """

    model_config = ConfigDict(frozen=True)

    outcome: Literal["ok", "failed"]
    finished_at: AwareDatetime
    error: str = ""
    full: bool = False
    written: int = 0
    unchanged: int = 0
    withdrawn: int = 0


class SourceState(BaseModel):
    """What the next sync needs to know.

    :param watermark: the server's time at the start of the last sync that succeeded; None: read everything.
    :param definition: digest of the definition that sync used.
    :param site: the site it wrote to.
    :param reconciled_at: our time when everything was last read.
    :param ids_checked_at: our time when deleted records were last looked for.
    :param ids_digest: digest of all record ids then.
    :param missing_data_codes: the project's own, as of the last full read.
    :param recent: digests of the records read lately: what has not changed since is not looked at again.
    :param rejected: rows that cannot be items, up to `REJECTS_KEPT`.
    :param failures: syncs failed in a row.
    :param paused_until: seconds since 1970 before which the schedule leaves the source alone.
    :param banned_until: seconds since 1970 before which nobody may ask.
    """

    model_config = ConfigDict(frozen=True)

    watermark: AwareDatetime | None = None
    definition: str = ""
    site: str = ""
    reconciled_at: float = 0.0
    ids_checked_at: float = 0.0
    ids_digest: str = ""
    missing_data_codes: tuple[str, ...] = ()
    recent: tuple[str, ...] = ()
    rejected: tuple[RejectedRow, ...] = ()
    rejected_count: Annotated[int, Field(ge=0)] = 0
    failures: Annotated[int, Field(ge=0)] = 0
    paused_until: float = 0.0
    banned_until: float = 0.0
    last_run_at: datetime | None = None
    report: SyncReport | None = None
