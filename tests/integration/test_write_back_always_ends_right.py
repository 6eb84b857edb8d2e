"""Whatever happens in whatever order, REDCap ends up showing exactly what the steps say, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Literal, NamedTuple, get_args

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from infra.redcap_simulator.faults import FaultKind
from lambdas import sync_redcap
from lambdas.redcap.project import RedcapProject
from lambdas.sources.definition import SourceDefinition
from lambdas.store.steps import StepStore
from lambdas.sync.connect import Connect, Outside, connector
from lambdas.write_back import WriteBackSettings
from lambdas.write_backs.row import values_of
from lambdas.write_backs.step import StepWriteBack
from shared.steps.procedure_step import WRONG_WORKLIST_ENTRY, EventKind, Step
from shared.worklist_item import WorklistItem
from tests.rigs.builders import an_event
from tests.rigs.cloud import Clock
from tests.rigs.lambda_events import Context, sqs_event
from tests.rigs.redcap import Rig, Stack, running_stack
from tests.rigs.write_back import WRITTEN, because, classic_with_every_field, in_redcap, series, whole

STEPS = 3
RECORDS = ("000001", "000002")
UIDS = [f"2.25.{number}" for number in range(STEPS)]
LINKS = (("000001",), ("000001",), RECORDS)
"""Step by step, the records whose scans it is linked to."""

Said = Literal["begin", "go on", "complete", "give up", "wrong entry"]


class Event(NamedTuple):
    """What the scanner says of a step; what the state machine forbids is not recorded."""

    step: int
    said: Said


class Write(NamedTuple):
    """A message for a step, with events that are recorded while REDCap is asked, and maybe a sudden end."""

    step: int
    meanwhile: tuple[Event, ...] = ()
    dies: bool = False


class Fault(NamedTuple):
    kind: FaultKind
    skip: int
    times: int
    carry_out: bool


class Died(BaseException):
    """The function was stopped before it could note that it was done."""


Action = Event | Write | Fault | Literal["sync"]

steps_ = st.integers(0, STEPS - 1)
events_ = st.builds(Event, steps_, st.sampled_from(get_args(Said)))
writes_ = st.builds(Write, steps_, st.lists(events_, max_size=2).map(tuple), st.booleans())
faults_ = st.builds(
    Fault,
    st.sampled_from([kind for kind in get_args(FaultKind) if kind != "latency"]),
    st.integers(0, 2),
    st.integers(1, 6),
    st.booleans(),
)
actions_ = st.lists(st.one_of(events_, events_, writes_, writes_, faults_, st.just("sync")), max_size=14)


class FragileSteps(StepStore):
    """A store at which a write-back may die, having told REDCap and not having said so."""

    dies = False

    def write_back_done(self, sop_instance_uid: str, version: int) -> bool:
        if self.dies:
            raise Died
        return super().write_back_done(sop_instance_uid, version)


class World:
    """The rig, and what is played on it."""

    def __init__(self, rig: Rig, connect: Connect) -> None:
        self.rig, self.clock = rig, Clock(time.time())
        self.items = {record: rig.items()[record, 1] for record in RECORDS}
        self.steps = FragileSteps(rig.cloud.tables, rig.worklist, now=self.clock)
        self.meanwhile: list[Event] = []
        self._connect, self._minutes, names = connect, count(), count()
        self.write_back = StepWriteBack(
            self.steps,
            rig.sources,
            Outside(self._opened, self.clock, lambda: f"write-back-{next(names)}", self.clock.advance),
        )

    def play(self, action: Action) -> None:
        self.clock.advance(20)
        match action:
            case Event():
                self._record(action)
            case Write():
                self._write(action)
            case Fault():
                self.rig.simulator.add_fault(**action._asdict())
            case "sync":
                self._sync()

    def settle(self) -> None:
        """Let all faults end and time go by, until nothing is owed; a person tries again what was parked."""
        self.rig.simulator.faults.clear()
        for _ in range(20):
            self.clock.advance(4000)
            self.rig.cloud.tables.rate(
                "RATES", self.rig.simulator.base_url
            ).delete()  # a ban, long ago by now
            for parked in self.steps.parked_write_backs():
                self.steps.retry_write_back(parked.sop_instance_uid)
            due = self.steps.due_write_backs(10)
            if not due:
                break
            for uid in due:
                self.write_back.run(uid)
        assert [self.steps.pending(uid) for uid in UIDS] == [None] * STEPS

    def expected(self, record: str) -> dict[str, str]:
        definition = self.rig.sources.get("classic")
        config = definition.write_back
        assert config is not None
        known = (self.steps.find(uid) for uid, records in zip(UIDS, LINKS, strict=True) if record in records)
        steps: list[Step] = [step for step in known if step is not None]
        told = values_of(config, steps, self.items[record], definition.zone()) if steps else {}
        return {name: text for name, text in told.items() if text}

    def _record(self, event: Event) -> None:
        uid, linked = UIDS[event.step], [self.items[record] for record in LINKS[event.step]]
        self.steps.record_event(
            said(uid, event.said, linked, minute=next(self._minutes)), site=self.rig.site, relay_id="r"
        )

    def _write(self, write: Write) -> None:
        self.meanwhile[:], self.steps.dies = write.meanwhile, write.dies
        try:
            self.write_back.run(UIDS[write.step])
        except Died:
            pass
        finally:
            self.meanwhile[:], self.steps.dies = [], False

    def _opened(self, definition: SourceDefinition) -> RedcapProject:
        while self.meanwhile:  # after the steps were read, before REDCap is told of them
            self._record(self.meanwhile.pop(0))
        return self._connect(definition)

    def _sync(self) -> None:
        sync_redcap.handler(sqs_event({"source_id": "classic"}), Context())


def said(uid: str, what: Said, items: list[WorklistItem], *, minute: int) -> Any:
    """Return the event of a scanner; each is a minute later than the one before."""
    at = datetime(2026, 11, 22, 9, 0, tzinfo=UTC) + timedelta(minutes=minute)
    clock = {"vr": "TM", "Value": [at.strftime("%H%M%S")]}
    if what == "begin":
        event = an_event(items[0], uid, received_at=at)
        for item in items[1:]:
            event.dataset["00400270"]["Value"] += an_event(item).dataset["00400270"]["Value"]
        return event.model_copy(update={"dataset": {**event.dataset, "00400245": clock}})
    status = {"go on": "IN PROGRESS", "complete": "COMPLETED"}.get(what, "DISCONTINUED")
    event = an_event(None, uid, EventKind.N_SET, status, received_at=at)
    more = series(minute) if what != "go on" else {}
    if what in {"give up", "wrong entry"}:
        more |= because(WRONG_WORKLIST_ENTRY if what == "wrong entry" else "110513")
    ends = {"00400251": clock} if what != "go on" else {}
    return event.model_copy(update={"dataset": {**event.dataset, **more, **ends}})


@pytest.fixture(scope="module")
def world() -> Iterator[Callable[[], World]]:
    with running_stack() as stack:
        yield lambda: _fresh(stack)


def _fresh(stack: Stack) -> World:
    rig = stack.fresh(classic_with_every_field(), whole())
    rig.sync()
    settings = WriteBackSettings()
    return World(rig, connector(settings, now=time.time, sleep=lambda seconds: None, read_seconds=20))


GIVEN_UP_LATER: list[Action] = [
    *(Event(0, "begin"), Event(0, "complete"), Event(1, "begin")),
    *(Write(0), Event(1, "give up"), Write(1)),
]
OVERTAKEN: list[Action] = [
    *(Event(0, "begin"), Event(0, "complete"), Event(2, "begin")),
    *(Write(2, (Event(2, "complete"), Event(1, "begin")), dies=True), Write(0, (Event(1, "complete"),))),
]
WRONG_ENTRY: list[Action] = [
    *(Event(0, "begin"), Write(0), Event(0, "wrong entry")),
    *(Fault("dropped", 1, 6, carry_out=True), Write(0)),
]
BANNED: list[Action] = [
    *(Event(0, "begin"), Fault("banned", 1, 1, carry_out=False)),
    *(Write(0), "sync", Event(0, "complete"), Write(0)),
]


@pytest.mark.slow
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(actions=actions_)
@example(actions=GIVEN_UP_LATER)
@example(actions=OVERTAKEN)
@example(actions=WRONG_ENTRY)
@example(actions=BANNED)
def test_redcap_ends_up_showing_what_the_steps_say_and_no_sync_writes_it_again(
    world: Callable[[], World], actions: list[Action]
) -> None:
    here = world()
    untouched = others(here.rig)
    for action in actions:
        here.play(action)
    here.settle()
    assert {record: in_redcap(here.rig, record) for record in RECORDS} == {
        record: here.expected(record) for record in RECORDS
    }
    assert others(here.rig) == untouched
    head = here.rig.worklist.head(here.rig.site)
    here.play("sync")
    here.play("sync")
    assert here.rig.worklist.head(here.rig.site) == head
    assert here.steps.due_write_backs(10) == []


def others(rig: Rig) -> dict[str, dict[str, str]]:
    """Return all that REDCap holds on the scans' rows besides what is written back."""
    written = set(WRITTEN.values())
    return {
        record: {name: text for name, text in rig.redcap_row(record, 1).items() if name not in written}
        for record in RECORDS
    }
