"""The journal's rows: what is written for an event, what is read back. Plain SQL on an open connection."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

from pydantic import ValidationError

from edge_relay.mpps.event_times import Stamp
from edge_relay.mpps.journal_file import WHERE
from edge_relay.mpps.journal_mark.high_water import Noted
from edge_relay.mpps.journal_tables import reference_lists
from edge_relay.mpps.journal_tables.reference_lists import HeldLists
from edge_relay.storage.seals import seal
from edge_relay.worklist.overlay import Overlay
from shared.errors import NotFound, Rejected
from shared.steps.procedure_step import DataSetJson, EventResult, ProcedureStepEvent, Progress, Step
from shared.steps.step_dataset import fold, merged
from shared.worklist_item import Status

EVENT: Final = "event_id, sop_instance_uid, kind, received_at, body, checksum"
# A damaged N-SET is lost, and holds back no later event of its step; a damaged N-CREATE does.
_PASSED_BY: Final = "(damaged AND kind = 'N-SET')"
PARK: Final = "UPDATE events SET state = 'parked', attempts = attempts + 1, reason = ? WHERE event_id = ?"
"""Sets an event apart: the reason, and its id."""
# The oldest event of each SOP instance that is not delivered, if it may go now.
_MAY_GO: Final = f"""
    state = 'pending' AND seq IN (
        SELECT min(seq) FROM events WHERE state <> 'delivered' AND NOT {_PASSED_BY} GROUP BY sop_instance_uid)
    """  # noqa: S608  (ours)
# Least tried first, so that one the cloud keeps not answering cannot crowd out the others.
_DUE: Final = f"""
    SELECT seq, attempts, {EVENT} FROM events WHERE {_MAY_GO}
    ORDER BY attempts, seq LIMIT ?"""  # noqa: S608  (ours)
_OLDEST_DUE: Final = f"""
    SELECT received_at, uptime, timed FROM events WHERE {_MAY_GO}
    ORDER BY seq LIMIT 1"""  # noqa: S608  (ours)
_OPEN: Final = """
    SELECT e.event_id, e.sop_instance_uid, e.kind, e.received_at, e.state, e.attempts, e.reason,
        EXISTS (SELECT 1 FROM events p WHERE p.sop_instance_uid = e.sop_instance_uid
            AND p.seq < e.seq AND p.state = 'parked' AND NOT (p.damaged AND p.kind = 'N-SET'))
    FROM events e WHERE e.state <> 'delivered' ORDER BY e.seq"""
_ITEM_IS_OPEN: Final = """
    SELECT EXISTS (SELECT 1 FROM links JOIN events USING (sop_instance_uid)
        WHERE links.item_id = ? AND events.state <> 'delivered')"""
_OVER: Final = """
    SELECT sop_instance_uid FROM events JOIN steps USING (sop_instance_uid)
    WHERE CASE WHEN json_valid(steps.body)
        THEN json_extract(steps.body, '$.status') <> 'IN_PROGRESS' ELSE FALSE END
    GROUP BY sop_instance_uid HAVING max(received_at) < ? AND min(state = 'delivered')"""


_IN_PROGRESS: Final = """
    SELECT sop_instance_uid FROM events JOIN steps USING (sop_instance_uid)
    WHERE CASE WHEN json_valid(steps.body)
        THEN json_extract(steps.body, '$.status') = 'IN_PROGRESS' ELSE FALSE END
    GROUP BY sop_instance_uid ORDER BY max(seq) DESC LIMIT ?"""


class OpenEvent(NamedTuple):
    """An event not yet delivered. ``held`` means it waits behind a parked one of the same SOP instance."""

    event_id: str
    sop_instance_uid: str
    kind: str
    received_at: str
    state: Literal["pending", "parked"]
    attempts: int
    reason: str
    held: bool


class DueEvent(NamedTuple):
    """An event that may be pushed now; ``event`` is None if its record is damaged."""

    seq: int
    attempts: int
    length: int
    event: ProcedureStepEvent | None


def stored_step(db: sqlite3.Connection, sop_instance_uid: str) -> Step | None:
    """Return a performed procedure step's folded state, None if it was never created here.

    One whose record is damaged is folded again from its events; `Rejected` if they do not give it.
    """
    sql = "SELECT body, checksum FROM steps WHERE sop_instance_uid = ?"
    row = db.execute(sql, (sop_instance_uid,)).fetchone()
    if row is None:
        return None
    if row[1] == seal(sop_instance_uid, row[0]):
        with suppress(ValidationError):
            return Step.model_validate_json(row[0])
    return folded_again(db, sop_instance_uid)


def stored_attributes(db: sqlite3.Connection, sop_instance_uid: str) -> DataSetJson | None:
    """Return a step's attributes: of its N-CREATE and all its N-SET; None if its events are not held.

    :raises Rejected: the record of one of its events is damaged.
    """
    attributes: DataSetJson | None = None
    sql = f"SELECT {EVENT} FROM events WHERE sop_instance_uid = ? ORDER BY seq"  # noqa: S608  (ours)
    for *values, checksum in db.execute(sql, (sop_instance_uid,)):
        if checksum != seal(*values):
            raise Rejected("the record of one of the step's events is damaged", where=WHERE)
        # As it was written, says the checksum: it need not be validated again while a scanner waits.
        attributes = merged(attributes or {}, json.loads(values[4])["dataset"])
    return attributes


def stored_lists(db: sqlite3.Connection, sop_instance_uid: str, tags: Collection[str]) -> HeldLists:
    """Return the lists of references that these attributes of a step count, as `reference_lists.held`."""
    return reference_lists.held(db, filter(None, _events_of(db, sop_instance_uid)), tags)


class Moved(NamedTuple):
    """What all steps of some items amounted to, and what they amount to now."""

    before: dict[str, Progress]
    after: dict[str, Progress]

    def superseded(self) -> set[str]:
        """Return the steps that do not count any more, and did before."""
        then, now = ({uid for each in when.values() for uid in each.superseded} for when in self)
        return now - then


class Inserted(NamedTuple):
    """An event that was written: its note, and what its items have by it."""

    noted: Noted
    moved: Moved
    overlay: dict[str, Overlay]


def insert(db: sqlite3.Connection, event: ProcedureStepEvent, step: Step, when: Stamp | None) -> Inserted:
    """Write an event, and its step as it leaves it."""
    values = values_of(event)
    boot, uptime, known = (when.boot, when.uptime, when.known) if when else ("", 0.0, True)
    seq = db.execute(
        f"INSERT INTO events ({EVENT}, warned, boot, uptime, timed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (*values, seal(*values), bool(event.warnings), boot, uptime, known),
    ).lastrowid
    noted = Noted(
        seq=seq or 0,
        event_id=event.event_id,
        sop_instance_uid=event.sop_instance_uid,
        kind=event.kind.value,
        calling_aetitle=event.calling_aetitle,
        received_at=stamp(event.received_at),
    )
    moved = link(db, step)
    overlay = {item_id: Overlay(each.status(), event.event_id, None) for item_id, each in moved.after.items()}
    db.executemany(
        "INSERT OR REPLACE INTO overlay VALUES (?, ?, ?, NULL)",
        [(item_id, entry.status.value, entry.event_id) for item_id, entry in overlay.items()],
    )
    return Inserted(noted, moved, overlay)


def link(db: sqlite3.Connection, step: Step) -> Moved:
    """Write a step and which items it is of; return what all steps of these items amount to."""
    uid = step.sop_instance_uid
    # Before it is written itself: of its item's first step there is nothing to be read then.
    before = {item_id: progress_of(db, item_id) for item_id in step.item_ids}
    after = {item_id: each.after(step) for item_id, each in before.items()}
    keep_step(db, step)
    db.executemany("INSERT OR IGNORE INTO links VALUES (?, ?)", [(item_id, uid) for item_id in step.item_ids])
    keep_progress(db, after)
    return Moved(before, after)


def keep_step(db: sqlite3.Connection, step: Step) -> None:
    """Write a step as it stands."""
    uid, body = step.sop_instance_uid, step.model_dump_json()
    db.execute("INSERT OR REPLACE INTO steps VALUES (?, ?, ?)", (uid, body, seal(uid, body)))


def event_at(db: sqlite3.Connection, seq: int) -> ProcedureStepEvent | None:
    """Return the event of a number, None if its record is damaged."""
    row = db.execute(f"SELECT {EVENT} FROM events WHERE seq = ?", (seq,)).fetchone()  # noqa: S608  (ours)
    return _event(row) if row else None


def keep_progress(db: sqlite3.Connection, progress: Mapping[str, Progress]) -> None:
    """Write what all steps of items amount to."""
    rows = [(item_id, each.model_dump_json()) for item_id, each in progress.items()]
    db.executemany("INSERT OR REPLACE INTO items VALUES (?, ?, ?)", [(*row, seal(*row)) for row in rows])


def in_progress(db: sqlite3.Connection, limit: int) -> list[str]:
    """Return the latest steps that have not ended."""
    return [uid for (uid,) in db.execute(_IN_PROGRESS, (limit,))]


def take_down(db: sqlite3.Connection, result: EventResult) -> None:
    """Write the cloud's answer for one event: delivered, or parked with the reason."""
    if result.outcome == "refused":
        db.execute(PARK, (result.reason or "refused without a reason", result.event_id))
        return
    named = {linked.item_id: linked.feed_seq for linked in result.items}
    sql = "UPDATE events SET state = 'delivered', reason = '' WHERE event_id = ?"
    db.execute(sql, (result.event_id,))
    row = db.execute("SELECT sop_instance_uid FROM events WHERE event_id = ?", (result.event_id,)).fetchone()
    step = None
    with suppress(Rejected):  # a step whose record is damaged: what is delivered is delivered
        step = stored_step(db, row[0]) if row else None
    if step is not None:
        item_ids = tuple(dict.fromkeys((*step.item_ids, *named)))
        if item_ids != step.item_ids:
            link(db, step.model_copy(update={"item_ids": item_ids}))
        confirm(db, item_ids, named)


def confirm(db: sqlite3.Connection, item_ids: Iterable[str], named: Mapping[str, int]) -> None:
    """Note that the cloud has an event of these items; a status with others outstanding stays unconfirmed.

    :param named: the change numbers by which the feed shows the items.
    """
    for item_id in item_ids:
        if not is_open(db, item_id):
            shown = (named.get(item_id, 0), item_id)
            db.execute("UPDATE overlay SET confirmed_seq = ? WHERE item_id = ?", shown)


def is_open(db: sqlite3.Connection, item_id: str) -> bool:
    """Tell whether the cloud lacks events of an item."""
    return bool(db.execute(_ITEM_IS_OPEN, (item_id,)).fetchone()[0])


def stored_overlay(db: sqlite3.Connection) -> dict[str, Overlay]:
    """Return the statuses to lay over the cache, by item id."""
    rows = db.execute("SELECT item_id, status, event_id, confirmed_seq FROM overlay").fetchall()
    return {
        item_id: Overlay(_status(db, item_id, status), event, seq if isinstance(seq, int) else None)
        for item_id, status, event, seq in rows
    }


def due(db: sqlite3.Connection, limit: int) -> list[DueEvent]:
    """Return the events that may be pushed now, oldest first, but those tried in vain last."""
    rows = db.execute(_DUE, (limit,)).fetchall()
    return [DueEvent(seq, attempts, len(row[4]), _event(row)) for seq, attempts, *row in rows]


def waiting_seconds(db: sqlite3.Connection, now: datetime, uptime: float) -> float | None:
    """Return how many seconds the oldest event that may be pushed has been waiting; None if there is none."""
    if not db.execute("SELECT 1 FROM pragma_table_info('events') WHERE name = 'timed'").fetchone():
        return None  # a journal that no relay of this version has opened yet
    row = db.execute(_OLDEST_DUE).fetchone()
    if row is None:
        return None
    received_at, since_boot, timed = row
    if not timed:
        return max(0.0, uptime - since_boot) if uptime >= since_boot else uptime
    try:
        return max(0.0, (now - datetime.fromisoformat(received_at)).total_seconds())
    except ValueError:
        return None


def set_apart(db: sqlite3.Connection, seq: int) -> None:
    """Park an event whose record is damaged."""
    sql = "UPDATE events SET state = 'parked', damaged = 1, reason = ? WHERE seq = ?"
    db.execute(sql, ("its record in the journal is damaged; it cannot be sent", seq))


def unpark(db: sqlite3.Connection, event_id: str) -> None:
    """Make a parked event pending again; raise `NotFound`, or `Rejected` if it cannot be sent."""
    sql = "SELECT damaged FROM events WHERE event_id = ? AND state = 'parked'"
    found = db.execute(sql, (event_id,)).fetchone()
    if found is None:
        raise NotFound("no event with this id is parked", hint="see mwl-relay list --parked")
    if found[0]:
        raise Rejected("its record in the journal is damaged: it cannot be sent")
    db.execute("UPDATE events SET state = 'pending', attempts = 0 WHERE event_id = ?", (event_id,))


def damaged(db: sqlite3.Connection) -> list[int]:
    """Return the numbers of all events whose record is not as it was written."""
    rows = db.execute(f"SELECT seq, {EVENT} FROM events ORDER BY seq")  # noqa: S608  (ours)
    return [seq for seq, *row in rows if _event(row) is None]


def last_received(db: sqlite3.Connection) -> datetime | None:
    """Return when the last event was received, as it was stamped; None if there is none."""
    row = db.execute("SELECT received_at FROM events ORDER BY seq DESC LIMIT 1").fetchone()
    try:
        return datetime.fromisoformat(row[0]) if row else None
    except ValueError:
        return None  # a damaged record is dealt with where it is to be sent


def missing(db: sqlite3.Connection) -> list[Noted]:
    """Return the events that the journal had taken and no longer has."""
    if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'missing'").fetchone() is None:
        return []  # a journal that no relay of this version has opened yet
    return [Noted.model_validate_json(row[0]) for row in db.execute("SELECT noted FROM missing ORDER BY seq")]


def open_events(db: sqlite3.Connection) -> list[OpenEvent]:
    """Return all events not yet delivered, oldest first."""
    return [OpenEvent._make((*row[:-1], bool(row[-1]))) for row in db.execute(_OPEN).fetchall()]


def over_before(db: sqlite3.Connection, before: datetime) -> list[str]:
    """Return the steps that ended, are delivered whole, and had no event since."""
    return [uid for (uid,) in db.execute(_OVER, (stamp(before),))]


def stamp(moment: datetime) -> str:
    """Return an aware moment in a form that sorts as text."""
    return moment.astimezone(UTC).isoformat()


def progress_of(db: sqlite3.Connection, item_id: str) -> Progress:
    """Return what all steps of an item amount to."""
    row = db.execute("SELECT progress, checksum FROM items WHERE item_id = ?", (item_id,)).fetchone()
    if row and row[1] == seal(item_id, row[0]):
        with suppress(ValidationError):
            return Progress.model_validate_json(row[0])
    # Not written yet (its first step, or steps of a journal of the first version), or damaged.
    return progress_of_steps(db, item_id)


def progress_of_steps(db: sqlite3.Connection, item_id: str) -> Progress:
    """Return what the steps of an item amount to, as they stand."""
    sql = "SELECT sop_instance_uid FROM links WHERE item_id = ? ORDER BY sop_instance_uid"
    steps = []
    for (uid,) in db.execute(sql, (item_id,)).fetchall():
        with suppress(Rejected):  # one that cannot be read says nothing
            step = stored_step(db, uid)
            steps += [step] if step else []
    return Progress.of(steps)


def _status(db: sqlite3.Connection, item_id: str, stored: str) -> Status:
    try:
        return Status(stored)
    except ValueError:
        return progress_of(db, item_id).status()


def values_of(event: ProcedureStepEvent) -> tuple[str, str, str, str, str]:
    """Return what a row of an event holds, in the order of its checksum."""
    received_at = stamp(event.received_at)
    return event.event_id, event.sop_instance_uid, event.kind.value, received_at, event.model_dump_json()


def _event(row: Sequence[str]) -> ProcedureStepEvent | None:
    """Return an event from its columns, None if they are not as they were written."""
    *values, checksum = row
    if checksum != seal(*values):
        return None
    try:
        return ProcedureStepEvent.model_validate_json(values[4])
    except ValidationError:
        return None


def _events_of(db: sqlite3.Connection, sop_instance_uid: str) -> list[ProcedureStepEvent | None]:
    sql = f"SELECT {EVENT} FROM events WHERE sop_instance_uid = ? ORDER BY seq"  # noqa: S608  (ours)
    return [_event(row) for row in db.execute(sql, (sop_instance_uid,))]


def folded_again(db: sqlite3.Connection, sop_instance_uid: str) -> Step:
    """Return a step as its events make it; `Rejected` if they do not give it."""
    step: Step | None = None
    for event in _events_of(db, sop_instance_uid):
        if event is None:
            continue
        after = fold(step, event)
        if isinstance(after, Step):
            step = after.model_copy(update={"item_ids": after.item_ids or event.linked()})
    if step is None:
        raise Rejected("the step's record is damaged", where=WHERE)
    return step
