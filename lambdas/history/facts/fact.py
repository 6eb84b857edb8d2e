"""What becomes known, without names: the facts that the rows of the history are made of. Pure.

    EntryFact       an entry of a site's audit chain: what happened to exams and performed steps
    ToldFact        REDCap was told of a step, or refused to be told
    HeartbeatFact   a relay's heartbeat
    SyncFact        the report of a study's sync

A fact is made of one stored thing alone, so it does not matter in which order or how often the things come.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter

from lambdas.history.facts.pseudonyms import Pseudonyms
from lambdas.store.audit.entry import Entry, Subject

KEPT: Final = frozenset(
    {
        "source",
        "source_event",
        "modality",
        "scheduled_station_aetitle",
        "protocol_name",
        "procedure_description",
        "scheduled_start_date",
        "scheduled_start_time",
        "scheduled_end_date",
        "scheduled_end_time",
        "performed_procedure_step_status",
        "status_owner",
        "edited",
    }
)
"""The fields of an item whose values are told; of all others only that they changed."""

_OF_STEP: Final = frozenset(
    {
        "status",
        "reported_at",
        "created_at",
        "started_at",
        "started_offset",
        "started_heard_at",
        "ended_at",
        "ended_offset",
        "ended_heard_at",
        "station_aetitle",
        "discontinuation_reason",
        "series_count",
        "image_count",
        "calling_aetitle",
    }
)
_NOT_A_FIELD: Final = frozenset({"edited", "status_owner", "event", "event_id", "calling_aetitle"})
_TOLD: Final = frozenset({"told", "refused"})
_WHO: Final = ("source", "source_record", "patient_id")
_CHAIN: Final = "site:"


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True)


class Part(_Fact):
    """What an entry says of one exam or step.

    :param subject: the key of the exam or step.
    :param action: as in the entry; ``found``: an exam that was there before there was an audit trail.
    :param fields: kept fields as they are since; ``cleared``: those that are empty since.
    :param changed: field, hash before, hash after.
    :param participant: if the entry says who it is.
    :param saved_at: when its new plan was saved in the source, at the earliest, if the entry says it.
    :param exams: keys of the exams a step is of, if the entry says them; ``linked``: the one it is about.
    """

    subject: str
    action: str
    fields: dict[str, Any] = {}
    cleared: tuple[str, ...] = ()
    changed: tuple[tuple[str, str, str], ...] = ()
    participant: str = ""
    shift_days: int = 0
    saved_at: AwareDatetime | None = None
    exams: tuple[str, ...] | None = None
    linked: str = ""


class EntryFact(_Fact):
    """An entry of a site's chain.

    :param number: its place in the chain; 0: before all entries.
    :param mark: tells it from another entry with its number, as after a restore.
    :param by: the kind of who did it.
    """

    kind: Literal["entry"] = "entry"
    site: str
    number: int
    mark: str
    at: AwareDatetime
    by: str
    steps: tuple[Part, ...] = ()
    exams: tuple[Part, ...] = ()


class ToldFact(_Fact):
    """An entry of a write-back. ``chain`` and ``number`` are its place in its own chain."""

    kind: Literal["told"] = "told"
    site: str
    chain: str
    number: int
    at: AwareDatetime
    by: str
    action: str
    step: str


class ScannerFact(_Fact):
    """What a heartbeat says of a scanner: growth since the heartbeat before it.

    :param asked_at: its last query.
    :param moved: the kinds of request of which a new one was told.
    """

    scanner: str
    requests: int = 0
    answers: int = 0
    asked_at: AwareDatetime | None = None
    moved: tuple[Literal["echo", "find", "mpps"], ...] = ()


class HeartbeatFact(_Fact):
    """A heartbeat of a relay. Ages are in seconds."""

    kind: Literal["heartbeat"] = "heartbeat"
    site: str
    relay: str
    at: AwareDatetime
    software: str = ""
    items: int | None = None
    outbox: int = 0
    outbox_seconds: int | None = None
    parked: int = 0
    problems: int = 0
    pull_works: bool = True
    pulled_at: AwareDatetime | None = None
    push_works: bool = True
    pushed_at: AwareDatetime | None = None
    scanners: tuple[ScannerFact, ...] = ()


class SyncFact(_Fact):
    """The report of a sync, as one of the study's sites is told of it.

    :param first: whether it is the first of them by name, under which the report is kept.
    :param unshown: keys of the exams that its rows would be, of rows that are rejected or held.
    """

    kind: Literal["sync"] = "sync"
    site: str
    first: bool = True
    study: str
    at: AwareDatetime
    outcome: str
    figures: dict[str, int | bool] = {}
    unshown: tuple[str, ...] = ()


Fact = EntryFact | ToldFact | HeartbeatFact | SyncFact
FACT: Final[TypeAdapter[Fact]] = TypeAdapter(Annotated[Fact, Field(discriminator="kind")])


def entry_fact(entry: Entry, digest: str, names: Pseudonyms) -> EntryFact | ToldFact | None:
    """Return what an audit entry says of exams and steps; None if that is nothing.

    Of a site's chain every entry has a fact, so that a missing one is noticed.

    :param digest: the hash that is stored with it.
    """
    if not entry.chain.startswith(_CHAIN):
        return _told(entry, names)
    return EntryFact(
        site=entry.chain.removeprefix(_CHAIN),
        number=entry.number,
        mark=names.mark(digest),
        at=entry.at,
        by=entry.actor.kind,
        steps=tuple(_step(each, names) for each in entry.subjects if each.kind == "step"),
        exams=tuple(exam_part(each, names) for each in entry.subjects if each.kind == "item"),
    )


def _told(entry: Entry, names: Pseudonyms) -> ToldFact | None:
    for subject in entry.subjects:
        if entry.site and subject.kind == "step" and subject.action in _TOLD:
            return ToldFact(
                site=entry.site,
                chain=entry.actor.kind,
                number=entry.number,
                at=entry.at,
                by=entry.actor.kind,
                action=subject.action,
                step=names.step(subject.id),
            )
    return None


def exam_part(subject: Subject, names: Pseudonyms) -> Part:
    """Return what an entry says of an item."""
    exam, after = names.exam(subject.id), subject.after
    study, record, patient_id = (str(after.get(name, "")) for name in _WHO)
    who = names.participant(study, record, patient_id) if record or patient_id else ""
    return Part(
        subject=exam,
        action=subject.action,
        fields={name: after[name] for name in after.keys() & KEPT},
        cleared=tuple(sorted((subject.before.keys() - after.keys()) & KEPT)),
        changed=() if subject.action in {"created", "found"} else _changed(subject, exam, names),
        participant=who,
        shift_days=names.shift_days(who) if who else 0,
        saved_at=subject.saved_at,
    )


def _step(subject: Subject, names: Pseudonyms) -> Part:
    step, after = names.step(subject.id), subject.after
    items: Mapping[str, Any] = after if "item_ids" in after else {}
    return Part(
        subject=step,
        action=subject.action,
        fields={name: after[name] for name in after.keys() & _OF_STEP},
        cleared=tuple(sorted((subject.before.keys() - after.keys()) & _OF_STEP)),
        changed=_changed(subject, step, names) if subject.before else (),
        exams=tuple(names.exam(each) for each in items["item_ids"]) if items else None,
        linked=names.exam(subject.ids[0]) if subject.ids else "",
    )


def _changed(subject: Subject, key: str, names: Pseudonyms) -> tuple[tuple[str, str, str], ...]:
    fields = sorted({*subject.before, *subject.after} - _NOT_A_FIELD)
    return tuple(
        (
            name,
            names.value(key, name, subject.before.get(name)),
            names.value(key, name, subject.after.get(name)),
        )
        for name in fields
    )
