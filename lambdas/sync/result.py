"""What a sync is given, and what it tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambdas.sources.state import ProjectCheck, SourceState
from lambdas.sources.unshown_rows import HeldRow, Note, RejectedRow
from lambdas.store.worklist import WorklistStore

if TYPE_CHECKING:
    from lambdas.redcap.project import RedcapProject


@dataclass(frozen=True)
class SyncResult:
    """What a sync did.

    :param full: it read every record, or goes on to.
    :param unfinished: a full read that stopped in time; the next run goes on with it.
    :param rejected: rows that cannot be items, among the records it read.
    :param held: scans that safety gates keep off the worklist, among them.
    :param notes: what was left out of items or put right, among them.
    :param withheld: items of the source that no row stands for, and that stay until a person confirms.
    :param unseen: changed records that a full read found, and that the syncs before should have seen.
    :param missing_soon: scans of today or soon that are not on the list, of all records.
    :param rejected_count: rows of the source that cannot be items, of all records; ``held_count``: likewise.
    :param saved_to_visible: seconds from a save that it brought until now, at most; None: it is not known.
    """

    full: bool
    written: int
    unchanged: int
    withdrawn: int
    rejected: tuple[RejectedRow, ...]
    held: tuple[HeldRow, ...] = ()
    notes: tuple[Note, ...] = ()
    unfinished: bool = False
    missing_soon: int = 0
    withheld: int = 0
    unseen: int = 0
    rejected_count: int = 0
    held_count: int = 0
    saved_to_visible: float | None = None


@dataclass(frozen=True)
class Surroundings:
    """What a run is given.

    :param save: remembers a state before the run ends.
    :param renew: holds the lease on.
    :param now: seconds since 1970, as of the start.
    :param remaining: seconds until the invocation is ended from outside.
    :param announced_at: when REDCap announced the save it is about, seconds since 1970; None: it did not.
    :param checked: what the project said when the definition was applied, if no sync has ended since.
    """

    redcap: RedcapProject
    worklist: WorklistStore
    save: Callable[[SourceState], None]
    renew: Callable[[], None]
    now: float
    remaining: Callable[[], float]
    confirmed: bool = False
    announced_at: float | None = None
    checked: ProjectCheck | None = None
