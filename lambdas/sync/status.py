"""How a source is doing, in one word and a sentence. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

from lambdas.sources.definition import SourceDefinition
from lambdas.sources.missing_scans import in_words, missing_soon
from lambdas.sources.state import SourceState
from lambdas.sources.stored import StoredSource
from lambdas.sync import fuse
from shared.text.quantity import quantity


class SourceStatus(StrEnum):
    """The first that holds counts.

    unreadable  its definition cannot be read: apply it again
    disabled    its definition says so
    banned      REDCap refuses us for asking too often; nobody may ask until then
    failed      the last sync did
    never       no sync has ended yet
    unconfirmed the last sync went well, and withdrawals wait for a person's confirmation
    unseen      the last full read found changes that the syncs before it should have seen, and had not
    missing     the last sync went well, and a scan of today or soon is rejected or held back
    reading     a full read is under way, and is gone on with at the next sync
    ok          the last sync went well
    """

    UNREADABLE = "unreadable"
    DISABLED = "disabled"
    BANNED = "banned"
    FAILED = "failed"
    NEVER = "never"
    UNCONFIRMED = "unconfirmed"
    UNSEEN = "unseen"
    MISSING = "missing"
    READING = "reading"
    OK = "ok"

    @property
    def needs_attention(self) -> bool:
        """Whether a person should look at it."""
        return self in {
            SourceStatus.UNREADABLE,
            SourceStatus.BANNED,
            SourceStatus.FAILED,
            SourceStatus.UNCONFIRMED,
            SourceStatus.UNSEEN,
            SourceStatus.MISSING,
        }


def status_of(source: StoredSource, now: float) -> SourceStatus:
    """Return how a source is doing.

    :param now: seconds since 1970.
    """
    state = source.state
    if source.definition is None:
        return SourceStatus.UNREADABLE
    if not source.definition.enabled:
        return SourceStatus.DISABLED
    if state.banned_until > now:
        return SourceStatus.BANNED
    if state.report is None:
        return SourceStatus.NEVER
    if state.report.outcome != "ok":
        return SourceStatus.FAILED
    return _of_a_sync_that_went_well(source.definition, state, now)


def _of_a_sync_that_went_well(definition: SourceDefinition, state: SourceState, now: float) -> SourceStatus:
    if state.withheld:
        return SourceStatus.UNCONFIRMED
    if state.unseen:
        return SourceStatus.UNSEEN
    if missing_soon(definition, state, now):
        return SourceStatus.MISSING
    is_reading = state.report is not None and state.report.unfinished
    return SourceStatus.READING if is_reading else SourceStatus.OK


def reason_of(source: StoredSource, now: float) -> str:
    """Return why a source is not well, and when it is tried again; empty if there is nothing to say."""
    if source.problem:
        return source.problem
    said = source.state.report.error if source.state.report else ""
    status = status_of(source, now)
    waiting = {SourceStatus.UNCONFIRMED, SourceStatus.UNSEEN, SourceStatus.MISSING}
    if status in waiting and source.definition is not None:
        said = _what_waits(source.definition, source.state, now)
    until = max(source.state.banned_until, source.state.paused_until)
    if until > now:
        said = f"{said}; left alone until {datetime.fromtimestamp(until, UTC):%H:%M:%S} UTC".lstrip("; ")
    return said


def _what_waits(definition: SourceDefinition, state: SourceState, now: float) -> str:
    held = state.withheld
    withdrawals = fuse.in_words(definition.id, held.count, held.total) if held else ""
    missing = in_words(definition, missing_soon(definition, state, now))
    return "; ".join(filter(None, (withdrawals, _unseen_in_words(state.unseen), missing)))


def _unseen_in_words(count: int) -> str:
    if not count:
        return ""
    records = quantity(count, "record")
    return (
        f"the last full read put {records} right that the syncs before it should have seen: check "
        "server_time_zone, and REDCap's clock; until the next full read, each sync looks back further"
    )


def may_be_asked(source: StoredSource, now: float) -> bool:
    """Tell whether REDCap may be asked now of its own accord: it is no time to be left alone."""
    definition, state = source.definition, source.state
    if definition is None or not definition.enabled:
        return False
    if max(state.paused_until, state.banned_until) > now:
        return False
    return definition.open_at(datetime.fromtimestamp(now, UTC))
