"""What is sent and shown of sources."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from lambdas.api.schemas.common import Request
from lambdas.sources.definition import SourceDefinition
from lambdas.sources.state import SyncReport
from lambdas.sources.stored import StoredSource
from lambdas.sources.unshown_rows import HeldRow, Note, RejectedRow
from lambdas.sync.status import SourceStatus, reason_of, status_of

MOST_RECORDS = 1000

RecordId = Annotated[str, Field(min_length=1, max_length=100)]


class PreviewRequest(Request):
    """What to preview.

    :param record: this record alone.
    :param limit: at most so many records, in order of their ids.
    :param definition: a draft, in the place of the definition that is stored.
    """

    record: RecordId | None = None
    limit: Annotated[int, Field(ge=1, le=MOST_RECORDS)] = MOST_RECORDS
    definition: dict[str, Any] | None = None


class SyncRequest(Request):
    """What to sync.

    :param record: this record alone.
    :param confirm_withdrawals: you have looked: however many items may be withdrawn, this once.
    """

    record: RecordId | None = None
    confirm_withdrawals: bool = False


class SyncQueued(BaseModel):
    """The sync has been asked for; how it went shows at the source."""

    source_id: str
    queued: bool = True


class SourceView(BaseModel):
    """A source in a list; `reason` says why it is not well, and until when it is left alone.

    `last_sync` is the last one that ended; `rejected` and `held` count rows, `notes` values that
    were left out or put right; `GET /sources/{id}` shows them.
    """

    source_id: str
    status: SourceStatus
    reason: str
    sites: list[str]
    last_run_at: datetime | None
    last_sync: SyncReport | None
    rejected: int
    held: int
    notes: int
    failures: int
    paused_until: datetime | None
    banned_until: datetime | None
    is_syncing: bool

    @classmethod
    def of(cls, source: StoredSource, now: float) -> SourceView:
        """Return what is shown of a source in a list."""
        return cls.model_validate(_shown(source, now))


class SourceDetail(SourceView):
    """A source by itself: its definition, and the rows that give no item (the first 200 of each kind).

    The API token is in Secrets Manager, under the name the definition gives, and is never shown.
    `not_checked` says why a definition just stored could not be held against its project;
    `shared_patient_ids` which of its first scans will be held because their Patient ID is somebody else's.
    """

    definition: SourceDefinition | None
    rejected_rows: list[RejectedRow]
    held_rows: list[HeldRow]
    notes_of_rows: list[Note]
    has_trigger: bool
    not_checked: str = ""
    shared_patient_ids: list[str] = []

    @classmethod
    def showing(
        cls,
        source: StoredSource,
        now: float,
        *,
        has_trigger: bool,
        not_checked: str = "",
        shared_patient_ids: Sequence[str] = (),
    ) -> SourceDetail:
        """Return what is shown of a source."""
        return cls.model_validate(
            _shown(source, now)
            | {
                "definition": source.definition,
                "rejected_rows": source.state.rejected,
                "held_rows": source.state.held,
                "notes_of_rows": source.state.notes,
                "has_trigger": has_trigger,
                "not_checked": not_checked,
                "shared_patient_ids": list(shared_patient_ids),
            }
        )


def _shown(source: StoredSource, now: float) -> dict[str, Any]:
    state = source.state
    return {
        "source_id": source.source_id,
        "status": status_of(source, now),
        "reason": reason_of(source, now),
        "sites": sorted(source.sites),
        "last_run_at": state.last_run_at,
        "last_sync": state.report,
        "rejected": state.rejected_count,
        "held": state.held_count,
        "notes": state.notes_count,
        "failures": state.failures,
        "paused_until": _later(state.paused_until, now),
        "banned_until": _later(state.banned_until, now),
        "is_syncing": source.leased_until > now,
    }


def _later(moment: float, now: float) -> datetime | None:
    return datetime.fromtimestamp(moment, UTC) if moment > now else None
