"""What is remembered of a source between two syncs, and what its last one did. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

REJECTS_KEPT: Final = 200
"""Rejected rows kept for people to see; all are counted."""

NOTES_KEPT: Final = 100
"""Notes kept for people to see; a source's row in DynamoDB has 400 KB for all that is kept."""

RECENT_KEPT: Final = 1000
"""Records whose last content is remembered; more than that is a bulk change, and is read again."""

VANISHED_KEPT: Final = 2000
"""Items a full read may find without a row and still withdraw by itself; DynamoDB's row has 400 KB."""


class RejectedRow(BaseModel):
    """A row that should be a scan and cannot be. Kept with the source, shown to people, never logged.

    :param field: the REDCap field at fault.
    :param reason: what is wrong with it, without its value.
    :param day: of the scan, ``YYYYMMDD``; empty if it cannot be read.
    :param site: empty if it is not known.
    """

    model_config = ConfigDict(frozen=True)

    record: str
    event: str = ""
    instrument: str = ""
    instance: int = 1
    field: str
    reason: str
    day: str = ""
    site: str = ""


class HeldRow(BaseModel):
    """A scan that is kept off the worklist: by a safety gate, or by a value that nobody believes.

    Kept with the source, never logged.

    :param field: the REDCap fields the gate looks at, or the value is in.
    :param reason: what is still to be done, as the source definition says it, or what is not believed.
    :param because_of: the record whose item bears the same Patient ID; empty: it is held for another reason.
    :param day: of the scan, ``YYYYMMDD``; empty if it cannot be read.
    :param site: empty if it is not known.
    """

    model_config = ConfigDict(frozen=True)

    record: str
    event: str = ""
    instrument: str = ""
    instance: int = 1
    field: str
    reason: str
    day: str = ""
    site: str = ""
    because_of: str = ""


class Note(BaseModel):
    """Something about a scan that is on the worklist, and not quite as REDCap has it. Kept, never logged.

    :param field: the REDCap fields it concerns.
    :param reason: what was left out or put right, and why, without the value.
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
    :param held: scans that safety gates kept off the worklist, among the records it read.
    :param notes: values left out or put right, among them.
    :param missing_soon: scans of today or soon that are rejected or held, of all records.
    :param unfinished: it is a full read that ran out of time, and is gone on with at the next tick.
    """

    model_config = ConfigDict(frozen=True)

    outcome: Literal["ok", "failed"]
    finished_at: AwareDatetime
    error: str = ""
    full: bool = False
    written: int = 0
    unchanged: int = 0
    withdrawn: int = 0
    held: int = 0
    notes: int = 0
    missing_soon: int = 0
    unfinished: bool = False


class ReadPart(BaseModel):
    """A run of record ids, in order, that was dealt with.

    :param last: the last id of it when it was made.
    :param digest: of all its ids, each with its data access group.
    """

    model_config = ConfigDict(frozen=True)

    last: str
    digest: str


class FullRead(BaseModel):
    """How far a full read has come, which may take several invocations.

    :param started: the server's time before its first request for rows: changes since are to be looked for.
    :param began_at: our time then.
    :param definition: digest of the definition it uses.
    :param parts: what it has dealt with, in order of record id.
    :param vanished: ids of items that no row stands for; they are withdrawn when all has been read.
    :param confirmed: a person has agreed that however many may be withdrawn.
    """

    model_config = ConfigDict(frozen=True)

    started: AwareDatetime
    began_at: float
    definition: str
    missing_data_codes: tuple[str, ...] = ()
    parts: tuple[ReadPart, ...] = ()
    vanished: tuple[str, ...] = ()
    confirmed: bool = False
    written: int = 0
    unchanged: int = 0
    withdrawn: int = 0
    rejected: tuple[RejectedRow, ...] = ()
    rejected_count: int = 0
    held: tuple[HeldRow, ...] = ()
    held_count: int = 0
    notes: tuple[Note, ...] = ()
    notes_count: int = 0


class SourceState(BaseModel):
    """What the next sync needs to know.

    :param watermark: the server's time at the start of the last sync that succeeded; None: read everything.
    :param definition: digest of the definition that sync used.
    :param sites: the sites its items may be at.
    :param reconciled_at: our time when everything was last read.
    :param ids_checked_at: our time when deleted records were last looked for.
    :param parts: all record ids then, as digests of parts of them.
    :param unchecked: items may have been written since, of records that came and went between two looks.
    :param missing_data_codes: the project's own, as of the last full read.
    :param recent: digests of the records read lately: what has not changed since is not looked at again.
    :param rejected: rows that cannot be items, up to `REJECTS_KEPT`.
    :param held: scans that safety gates keep off the worklist, up to `REJECTS_KEPT`.
    :param notes: values left out or put right, up to `NOTES_KEPT`.
    :param progress: a full read under way.
    :param failures: syncs failed in a row.
    :param paused_until: seconds since 1970 before which the schedule leaves the source alone.
    :param banned_until: seconds since 1970 before which nobody may ask.
    """

    model_config = ConfigDict(frozen=True)

    watermark: AwareDatetime | None = None
    definition: str = ""
    sites: tuple[str, ...] = ()
    reconciled_at: float = 0.0
    ids_checked_at: float = 0.0
    parts: tuple[ReadPart, ...] = ()
    unchecked: bool = False
    missing_data_codes: tuple[str, ...] = ()
    recent: tuple[str, ...] = ()
    rejected: tuple[RejectedRow, ...] = ()
    rejected_count: Annotated[int, Field(ge=0)] = 0
    held: tuple[HeldRow, ...] = ()
    held_count: Annotated[int, Field(ge=0)] = 0
    notes: tuple[Note, ...] = ()
    notes_count: Annotated[int, Field(ge=0)] = 0
    progress: FullRead | None = None
    failures: Annotated[int, Field(ge=0)] = 0
    paused_until: float = 0.0
    banned_until: float = 0.0
    last_run_at: datetime | None = None
    report: SyncReport | None = None
