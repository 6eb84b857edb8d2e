"""What one address was told, and what it is still to be told: the state machine of each condition. Pure.

    state     it is there   one may tell   then       and is said
    -         yes           yes            told       problem
    -         yes           no             waiting    nothing
    waiting   yes           yes            told       problem
    waiting   no            -              -          nothing: it came and went in quiet hours
    told      yes           -              told       nothing: each thing once
    told      no            yes            -          resolved
    told      no            no             ending     nothing
    ending    yes           -              told       nothing
    ending    no            yes            -          resolved

A message is kept in the ledger's outbox, written together with the states, until it has been delivered. A run
that is killed between delivering and noting that leads to another delivery with the same id: at least once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict

from lambdas.notices.condition import Condition, Kind
from lambdas.notices.subscription import Subscription

MOST_WAITING: Final = 20
"""Messages that wait for delivery; of more the oldest is given up, and the ledger says so."""
MOST_CONDITIONS: Final = 1000
CLAIM: Final = timedelta(minutes=2)
"""Who sends a message has so long; nobody else sends it meanwhile."""
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)
GIVEN_UP: Final = "messages that could not be delivered were given up: too many waited"


class State(StrEnum):
    """Where a condition stands towards one address."""

    WAITING = "waiting"
    TOLD = "told"
    ENDING = "ending"


class Say(StrEnum):
    """What is said of a condition."""

    PROBLEM = "problem"
    RESOLVED = "resolved"
    PASSED = "passed"
    """A scan's day has passed, and it never was on the list."""


class Move(NamedTuple):
    """Where a condition stands then, and what is said."""

    to: State | None
    say: Say | None = None


_WAITING, _TOLD, _ENDING = State
TRANSITIONS: Final[dict[tuple[State | None, bool, bool], Move]] = {
    # state   there  may tell
    (None, True, True): Move(_TOLD, Say.PROBLEM),
    (None, True, False): Move(_WAITING),
    (None, False, True): Move(None),
    (None, False, False): Move(None),
    (_WAITING, True, True): Move(_TOLD, Say.PROBLEM),
    (_WAITING, True, False): Move(_WAITING),
    (_WAITING, False, True): Move(None),
    (_WAITING, False, False): Move(None),
    (_TOLD, True, True): Move(_TOLD),
    (_TOLD, True, False): Move(_TOLD),
    (_TOLD, False, True): Move(None, Say.RESOLVED),
    (_TOLD, False, False): Move(_ENDING),
    (_ENDING, True, True): Move(_TOLD),
    (_ENDING, True, False): Move(_TOLD),
    (_ENDING, False, True): Move(None, Say.RESOLVED),
    (_ENDING, False, False): Move(_ENDING),
}


class Known(BaseModel):
    """A condition that an address knows of, or is to be told of."""

    model_config = ConfigDict(frozen=True)

    state: State
    kind: Kind
    about: str = ""
    urgent: bool = False

    @property
    def what(self) -> tuple[Kind, str]:
        """The kind, and whom it is about."""
        return self.kind, self.about


class Said(BaseModel):
    """One line of a message: how many conditions of one kind, about whom."""

    model_config = ConfigDict(frozen=True)

    say: Say
    kind: Kind
    about: str
    count: int


class Message(BaseModel):
    """What is to be delivered, until it was.

    :param id: the same in every attempt, so that who gets it twice can tell.
    :param digest: it lists all there is, and not only what is new.
    :param next_at: no attempt before.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    made_at: AwareDatetime
    said: tuple[Said, ...]
    digest: bool = False
    test: bool = False
    attempts: int = 0
    next_at: AwareDatetime


class Ledger(BaseModel):
    """What one address was told.

    :param digest_day: of the last digest, ``YYYYMMDD``.
    :param failure: why the last attempt failed, without the address; empty if it did not.
    """

    model_config = ConfigDict(frozen=True)

    known: Mapping[str, Known] = {}
    outbox: tuple[Message, ...] = ()
    digest_day: str = ""
    delivered_at: AwareDatetime | None = None
    failing_since: AwareDatetime | None = None
    failure: str = ""


def step(
    ledger: Ledger,
    subscription: Subscription,
    there: Mapping[str, Condition],
    passed: Collection[str],
    *,
    now: datetime,
    local: datetime,
    new_id: str,
) -> Ledger:
    """Return the ledger after a look at a site, with the message that is due in its outbox.

    :param passed: keys of scans whose day has passed without their being on the list.
    :param new_id: names the message, if there is one; a digest has it with ``-digest``.
    """
    wanted = {key: each for key, each in there.items() if each.kind in subscription.kinds}
    # What it is told of no more is no news either.
    of_kinds = {key: each for key, each in ledger.known.items() if each.kind in subscription.kinds}
    known, said = _told(of_kinds, subscription, wanted, passed, subscription.is_quiet(local))
    after = ledger.model_copy(update={"known": known})
    if said:
        after = _with(after, Message(id=new_id, made_at=now, said=_lines(said), next_at=now))
    day = subscription.digest_day(local)
    if day and day != ledger.digest_day and not subscription.is_quiet(local):
        lines = _lines([(Say.PROBLEM, each.kind, each.about) for each in wanted.values()])
        digest = Message(id=f"{new_id}-digest", made_at=now, said=lines, digest=True, next_at=now)
        after = _with(after.model_copy(update={"digest_day": day}), digest)
    return after


def _told(
    known: Mapping[str, Known],
    subscription: Subscription,
    there: Mapping[str, Condition],
    passed: Collection[str],
    quiet: bool,
) -> tuple[dict[str, Known], list[tuple[Say, Kind, str]]]:
    after: dict[str, Known] = {}
    said: list[tuple[Say, Kind, str]] = []
    for key in sorted({*known, *there})[:MOST_CONDITIONS]:
        before, condition = known.get(key), there.get(key)
        urgent = condition.urgent if condition else before is not None and before.urgent
        may_tell = subscription.immediately and (urgent or not quiet)
        move = TRANSITIONS[before.state if before else None, condition is not None, may_tell]
        kind, about = (condition.kind, condition.about) if condition else before.what if before else ("", "")
        if move.to is not None:
            after[key] = Known(state=move.to, kind=Kind(kind), about=about, urgent=urgent)
        if move.say is not None:
            say = Say.PASSED if move.say is Say.RESOLVED and key in passed else move.say
            said.append((say, Kind(kind), about))
    return after, said


def _lines(said: Collection[tuple[Say, Kind, str]]) -> tuple[Said, ...]:
    """Return one line for all that is of one kind and about the same, in a settled order."""
    order = {each: number for number, each in enumerate((*Say, *Kind))}
    counts: dict[tuple[Say, Kind, str], int] = {}
    for each in said:
        counts[each] = counts.get(each, 0) + 1
    ordered = sorted(counts.items(), key=lambda pair: (order[pair[0][0]], order[pair[0][1]], pair[0][2]))
    return tuple(Said(say=say, kind=kind, about=about, count=count) for (say, kind, about), count in ordered)


def _with(ledger: Ledger, message: Message) -> Ledger:
    waiting = (*ledger.outbox, message)
    update: dict[str, object] = {"outbox": waiting[-MOST_WAITING:]}
    if len(waiting) > MOST_WAITING:
        update["failure"] = GIVEN_UP
    return ledger.model_copy(update=update)


def due(ledger: Ledger, now: datetime) -> Message | None:
    """Return the message to deliver next; None if none is due."""
    return next((message for message in ledger.outbox if message.next_at <= now), None)


def claimed(ledger: Ledger, message_id: str, now: datetime) -> Ledger:
    """Return the ledger while somebody delivers a message."""
    return _changed(
        ledger,
        message_id,
        lambda each: each.model_copy(update={"attempts": each.attempts + 1, "next_at": now + CLAIM}),
    )


def delivered(ledger: Ledger, message_id: str, now: datetime) -> Ledger:
    """Return the ledger after a message was delivered."""
    left = tuple(each for each in ledger.outbox if each.id != message_id)
    return ledger.model_copy(
        update={"outbox": left, "delivered_at": now, "failing_since": None, "failure": ""}
    )


def failed(ledger: Ledger, message_id: str, why: str, now: datetime) -> Ledger:
    """Return the ledger after an attempt failed; the next is made after a pause that grows."""
    after = _changed(
        ledger,
        message_id,
        lambda each: each.model_copy(update={"next_at": now + pause(each.attempts)}),
    )
    return after.model_copy(update={"failing_since": ledger.failing_since or now, "failure": why})


def with_test(ledger: Ledger, *, now: datetime, new_id: str) -> Ledger:
    """Return the ledger with a message that says nothing but that it arrived."""
    return _with(ledger, Message(id=new_id, made_at=now, said=(), test=True, next_at=now))


def _changed(ledger: Ledger, message_id: str, change: Callable[[Message], Message]) -> Ledger:
    outbox = tuple(change(each) if each.id == message_id else each for each in ledger.outbox)
    return ledger.model_copy(update={"outbox": outbox})


def pause(attempts: int) -> timedelta:
    """Return how long to wait after so many attempts in vain."""
    doublings = max(0, min(attempts, 10) - 1)
    return min(_FIRST_PAUSE * (1 << doublings), _LONGEST_PAUSE)
