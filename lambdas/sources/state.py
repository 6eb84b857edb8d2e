"""A source's state between two syncs, and the report of the last one. Pure."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from lambdas.sources.server_clock import ServerClock
from lambdas.sources.unshown_rows import UnshownRows

RECENT_KEPT: Final = 1000
"""Records whose last content is remembered; more than that is a bulk change, and is read again."""

VANISHED_KEPT: Final = 1000
"""Vanished items that are remembered by their ids; more only a full read finds. DynamoDB's row has 400 KB."""


FEEDBACK_KEPT: Final = 1000
"""Records to be told that are remembered; the next full read finds the others again."""


CHECK_SECONDS: Final = 900.0
"""How long what a project said when a definition was applied is good for its first full read."""


class ProjectCheck(BaseModel):
    """What a project said of itself when a definition was applied: the first full read need not ask again.

    :param definition: digest of the definition that was held against it.
    :param at: our time then.
    :param missing_data_codes: the project's own.
    :param server_clock: what its log showed of the server's wall clock; None: the log does not tell.
    """

    model_config = ConfigDict(frozen=True)

    definition: str
    at: float
    missing_data_codes: tuple[str, ...] = ()
    server_clock: ServerClock | None = None

    def is_valid(self, definition: str, now: float) -> bool:
        """Tell whether it is of this definition, by its digest, and still believed."""
        return self.definition == definition and self.at <= now < self.at + CHECK_SECONDS


class SyncReport(BaseModel):
    """What the last sync did.

    :param outcome: ``failed``: nothing is known to be right since the last ``ok``.
    :param error: why it failed, and what to do; empty if it did not.
    :param full: whether it read every record.
    :param held: scans that safety gates kept off the worklist, among the records it read.
    :param notes: values left out or put right, among them.
    :param missing_soon: scans of today or soon that are rejected or held, of all records.
    :param unfinished: it is a full read that ran out of time, and is gone on with at the next tick.
    :param withheld: items that no row stands for, and that stay until a person confirms that they may go.
    :param unseen: changed records that the syncs before this full read should have seen, and had not.
    """

    model_config = ConfigDict(defer_build=True, frozen=True)

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
    withheld: int = 0
    unseen: int = 0


class Withheld(BaseModel):
    """Withdrawals that wait for a person: too many items vanished at once.

    :param items: their ids; empty if they are more than `VANISHED_KEPT`, or not all are known.
    :param count: how many they are.
    :param total: of how many items.
    """

    model_config = ConfigDict(defer_build=True, frozen=True)

    items: tuple[str, ...] = ()
    count: int
    total: int

    @classmethod
    def of(cls, item_ids: Collection[str], total: int, forgotten: int = 0) -> Withheld:
        """Return what to remember.

        :param forgotten: items that vanished besides, whose ids are not known any more.
        """
        count = len(item_ids) + forgotten
        kept = tuple(sorted(item_ids)) if not forgotten and count <= VANISHED_KEPT else ()
        return cls(items=kept, count=count, total=total)

    @property
    def is_complete(self) -> bool:
        """Whether all its items are known; otherwise only a full read finds them again."""
        return len(self.items) == self.count


class ReadRange(BaseModel):
    """A run of record ids, in order, that was dealt with.

    :param last: the last id of it when it was made.
    :param digest: of all its ids, each with its data access group.
    """

    model_config = ConfigDict(defer_build=True, frozen=True)

    last: str
    digest: str


class FullRead(UnshownRows):
    """How far a full read has come, which may take several invocations, and what it gave no item for.

    :param started: the server's time before its first request for rows: changes since are to be looked for.
    :param began_at: our time then.
    :param definition: digest of the definition it uses.
    :param parts: what it has dealt with, in order of record id.
    :param vanished: ids of items that no row stands for; they are withdrawn when all has been read.
    :param forgotten: how many there are besides that could not be remembered; a person has to confirm then.
    :param confirmed: a person has agreed that however many may be withdrawn.
    :param unseen: changed records it found that the syncs before should have seen.
    """

    started: AwareDatetime
    began_at: float
    definition: str
    missing_data_codes: tuple[str, ...] = ()
    parts: tuple[ReadRange, ...] = ()
    vanished: tuple[str, ...] = ()
    forgotten: int = 0
    confirmed: bool = False
    unseen: int = 0
    written: int = 0
    unchanged: int = 0
    withdrawn: int = 0


class SourceState(UnshownRows):
    """What the next sync needs to know, and what people want to know of the last.

    :param watermark: the server's time at the start of the last sync that succeeded; None: read everything.
    :param definition: digest of the definition that sync used.
    :param sites: the sites its items may be at.
    :param reconciled_at: our time when everything was last read.
    :param ids_checked_at: our time when deleted records were last looked for.
    :param parts: all record ids then, as digests of parts of them.
    :param unchecked: items may have been written since, of records that came and went between two looks.
    :param put_back: records with an exam that is to be scanned again, by somebody else's word than REDCap's.
    :param missing_data_codes: the project's own, as of the last full read.
    :param recent: digests of the records read lately: what has not changed since is not looked at again.
    :param withheld: withdrawals that wait for a person; looked at again whenever there is news.
    :param server_clock: what is known of the server's wall clock.
    :param clock_asked_at: our time when it was last asked for.
    :param unseen: changed records that the last full read found, and that the syncs before it had not seen.
    :param feedback_due: records whose rows are to be told whether their scans are on the worklist.
    :param feedback_at: our time before which that is not tried again; ``feedback_tries``: in vain so far.
    :param build: the version of ours that made the last full read.
    :param progress: a full read under way.
    :param failures: syncs failed in a row.
    :param paused_until: seconds since 1970 before which the schedule leaves the source alone.
    :param banned_until: seconds since 1970 before which nobody may ask.
    """

    watermark: AwareDatetime | None = None
    definition: str = ""
    sites: tuple[str, ...] = ()
    reconciled_at: float = 0.0
    ids_checked_at: float = 0.0
    parts: tuple[ReadRange, ...] = ()
    unchecked: bool = False
    put_back: tuple[str, ...] = ()
    missing_data_codes: tuple[str, ...] = ()
    recent: tuple[str, ...] = ()
    withheld: Withheld | None = None
    server_clock: ServerClock | None = None
    clock_asked_at: float = 0.0
    unseen: int = 0
    feedback_due: tuple[str, ...] = ()
    feedback_at: float = 0.0
    feedback_tries: int = 0
    build: str = ""
    progress: FullRead | None = None
    failures: Annotated[int, Field(ge=0)] = 0
    paused_until: float = 0.0
    banned_until: float = 0.0
    last_run_at: datetime | None = None
    report: SyncReport | None = None
