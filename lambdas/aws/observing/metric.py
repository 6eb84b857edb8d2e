"""Every figure that the functions tell CloudWatch. Pure.

The names are a contract: `template.yaml` makes alarms and a dashboard of them, and operators may have made
more. Each is a figure about a source, a site or the whole; none is about a participant.
"""

from __future__ import annotations

from enum import Enum
from typing import Literal

Unit = Literal["Count", "Seconds"]


class Metric(Enum):
    """A figure: name, unit, meaning."""

    SYNC_LAG = "SyncLag", "Seconds", "How long the source that waits longest has been due for a sync."
    SOURCES_UNREADABLE = "SourcesUnreadable", "Count", "Stored definitions that this version cannot read."
    SAVED_TO_VISIBLE = (
        "SavedToVisible",
        "Seconds",
        "From a save in REDCap until relays can pull it; where REDCap did not announce it, at most so long.",
    )
    SYNC_FAILING = "SyncFailing", "Count", "Syncs of a source that have failed in a row."
    ROWS_REJECTED = "RowsRejected", "Count", "Rows of a source that cannot be exams."
    ROWS_HELD = "RowsHeld", "Count", "Exams of a source that a safety gate keeps off the worklist."
    MISSING_SOON = "MissingSoon", "Count", "Exams of today or soon that are not on the worklist."
    WITHDRAWALS_WAIT = "WithdrawalsWait", "Count", "Withdrawals of a source that wait for a person."
    UNSEEN_CHANGES = "UnseenChanges", "Count", "Changes that only a full read of a source found."
    WRITE_BACKS_PARKED = "WriteBacksParked", "Count", "Results that REDCap refuses."
    RELAYS_SILENT = "RelaysSilent", "Count", "Relays that have not been heard of for ten minutes."
    RELAYS_WITH_PROBLEMS = "RelaysWithProblems", "Count", "Relays that say that something needs attention."
    RELAY_OUTBOX_AGE = "RelayOutboxAge", "Seconds", "How long the oldest report has waited at a relay."
    RELAY_EVENTS_PARKED = "RelayEventsParked", "Count", "Reports of relays that the cloud refuses."
    NOTICES_FAILED = "NoticesFailed", "Count", "Notices that could not be delivered."
    EXAMS_NOT_SHOWN_UP = "NoShows", "Count", "Exams whose day passed without a scan, marked in this hour."
    STEPS_NEVER_ENDED = "StepsNeverEnded", "Count", "Steps that no scanner ended, set aside in this hour."
    RELAYS_NOT_TESTED = "RelaysNotTested", "Count", "Relays that could not be sent a test participant."
    HISTORY_ENTRY_MISSING = "HistoryEntryMissing", "Count", "Sites whose history waits for an audit entry."
    BROKE = "Broke", "Count", "Messages that ended in a fault of ours."

    def __init__(self, title: str, unit: Unit, meaning: str) -> None:
        self.title = title
        self.unit = unit
        self.meaning = meaning
