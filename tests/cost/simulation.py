"""An hour of many sites, simulated: the real handlers, on a table in memory, by a clock that jumps.

Every minute the schedule's handler runs; Lambda's consumers take its messages, and REDCap's hints, and run
the sync's handler; relays poll and scanners report through the stores. How long REDCap takes is drawn by
chance. What is not simulated: the network, cold starts, and that a hint waits for a sync of the same source.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from types import SimpleNamespace
from typing import Any, Final
from unittest.mock import patch

from lambdas import schedule, sync_redcap
from lambdas.aws.due_requests import AT_ONCE
from lambdas.redcap.row import RedcapRow
from lambdas.sources.definition import SourceDefinition
from lambdas.sources.state import SourceState
from lambdas.store.models import bind
from lambdas.store.servers.request_rates import RequestRates
from lambdas.store.steps import StepStore
from lambdas.store.worklist import WorklistStore
from lambdas.sync.connect import Outside
from lambdas.sync.source_sync import SourceSync
from shared.steps.procedure_step import EventKind
from tests.cost.queues import Queue, QueueClient, Waiting
from tests.rigs.builders import an_event, an_item
from tests.rigs.cloud import ENVIRONMENT
from tests.rigs.dynamodb import TableModel, Units, modelled
from tests.rigs.lambda_events import Context, schedule_event, sqs_event
from tests.rigs.redcap import classic_definition

BEGIN: Final = datetime(2026, 11, 23, 14, tzinfo=UTC).timestamp()
DUE, SYNC, WRITE_BACK = "due", "sync", "write-back"
MOST_WRITES, MOST_READS = 1000.0, 3000.0
"""Units a second that one partition of DynamoDB takes."""


@dataclass(frozen=True)
class Scale:
    """What is simulated, for how many minutes.

    :param hints: forms saved a second, at all sites together.
    :param scans: scans begun or ended a second.
    :param polls: of relays a second, of which one in ``sampled`` is done and counted so many times.
    """

    sources: int = 10_000
    sites: int = 1_000
    scanners: int = 3_000
    servers: int = 250
    minutes: int = 60
    hints: float = 2.0
    scans: float = 1.0
    syncs_at_once: int = 300
    hints_at_once: int = 20
    redcap_seconds: float = 0.6
    slow_servers: int = 5


@dataclass
class Outcome:
    """What came of it; lags in seconds."""

    syncs: int = 0
    lags: list[float] = field(default_factory=list)
    hint_lags: list[float] = field(default_factory=list)
    longest_queue: int = 0
    most_at_a_server: int = 0
    busiest: Units = field(default_factory=Units)
    spent: Units = field(default_factory=Units)
    unserved: int = 0
    failed: int = 0

    def share(self, lags: list[float], share: float = 0.99) -> float:
        """Return what so many of the lags do not exceed."""
        return sorted(lags)[int(share * (len(lags) - 1))] if lags else 0.0


class Redcap:
    """A project in which nothing has changed, or one form was just saved."""

    def __init__(self, pace: Any, row: Callable[[str], list[RedcapRow]], now: Callable[[], float]) -> None:
        self._pace, self._row, self._now = pace, row, now

    def close(self) -> None:
        """Do nothing."""

    def changed(self, since: datetime) -> frozenset[str]:
        """Return none."""
        self._pace.wait()
        return frozenset()

    def rows(self, records: Any, fields: Any, left_out: Any) -> Iterator[list[RedcapRow]]:
        """Yield nothing: no record has changed."""
        return iter(())

    def existing(self, records: Any) -> frozenset[str]:
        """Return them all."""
        return frozenset(records)

    def former_names(self, record: str) -> frozenset[str]:
        """Return none."""
        return frozenset()

    def server_now(self) -> datetime:
        """Return the server's clock."""
        return datetime.fromtimestamp(self._now(), UTC)

    def rows_of(self, record: str, fields: Any) -> list[RedcapRow]:
        """Return a record's rows."""
        self._pace.wait()
        return self._row(record)


class Simulation:
    """One run."""

    def __init__(self, scale: Scale, model: TableModel, clock: list[float], waited: list[float]) -> None:
        self.scale, self._model, self._clock, self._waited = scale, model, clock, waited
        self._chance = Random(7)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0
        self.out = Outcome()
        self.queues = {
            DUE: Queue(scale.syncs_at_once, self._now),
            SYNC: Queue(scale.hints_at_once, self._now),
            WRITE_BACK: Queue(1, self._now),
        }
        self.tables = bind("WorklistTable", "AccountsTable", "eu-central-1")
        self.worklist = WorklistStore(self.tables, now=self._now, new_id=self._id)
        self.steps = StepStore(self.tables, self.worklist, now=self._now)
        self._last: dict[str, float] = {}
        self._asking: dict[int, int] = {}

    def sync(self) -> SourceSync:
        """Return what the sync's handler works with."""
        rates = RequestRates(self.tables, now=self._now, sleep=lambda _: None)

        def connect(definition: SourceDefinition) -> Any:
            return Redcap(rates.pace(definition.url, longest_wait=120), self._rows, self._now)

        outside = Outside(connect, self._now, self._id, lambda _: None, rates.admits_hint)
        return SourceSync(self._sources(), self.worklist, outside)

    def run(self) -> Outcome:
        """Simulate, and return what came of it."""
        self._store_sources()
        begun = Units(self._model.spent.reads, self._model.spent.writes)
        self._model.busiest.clear()
        self._model.most = Units()
        end = BEGIN + 60 * self.scale.minutes
        for minute in range(self.scale.minutes):
            self._at(BEGIN + 60 * minute, self._tick)
        for rate, work in ((self.scale.hints, self._hint), (self.scale.scans, self._scan)):
            for _ in range(int(rate * 60 * self.scale.minutes)):
                self._at(self._chance.uniform(BEGIN + 1, end - 10), work)
        while self._events and self._events[0][0] <= end:
            self._clock[0], _, work = heapq.heappop(self._events)
            self._waited[0] = 0.0
            work()
        self.out.longest_queue = self.queues[DUE].longest
        self.out.busiest, self.out.spent = self._model.most, self._model.spent - begun
        self.out.unserved = self.scale.sources - len(self._last)
        return self.out

    # ------------------------------------------------------------------------------ what happens

    def _tick(self) -> None:
        schedule.handler(schedule_event(), Context())
        self._serve(DUE)

    def _hint(self) -> None:
        source = self._chance.randrange(self.scale.sources)
        self.queues[SYNC].put({"source_id": f"s{source}", "record": "001"})
        self._serve(SYNC)

    def _scan(self) -> None:
        number = self._chance.randrange(10**6)
        site = f"site{number % self.scale.sites}"
        item = an_item(f"scan{number}", site=site, source="")
        self.worklist.put_if_changed([item])
        uid = f"2.25.{10**37 + number}"
        self.steps.record_event(an_event(item, uid), site=site, relay_id="r" * 32)
        ended = an_event(item, uid, EventKind.N_SET, "COMPLETED")
        self.steps.record_event(ended, site=site, relay_id="r" * 32)

    def _serve(self, name: str) -> None:
        while (message := self.queues[name].take()) is not None:
            self._consume(name, message)

    def _consume(self, name: str, message: Waiting) -> None:
        source = int(message.body["source_id"][1:])
        server = source % self.scale.servers
        answer = sync_redcap.handler(sqs_event(message.body), Context())
        self.out.failed += len(answer["batchItemFailures"])
        factor = 8.0 if server < self.scale.slow_servers else 1.0
        seconds = 0.15 + factor * self._chance.lognormvariate(0, 0.5) * self.scale.redcap_seconds
        if name == DUE:
            self._asking[server] = self._asking.get(server, 0) + 1
            self.out.most_at_a_server = max(self.out.most_at_a_server, self._asking[server])
        self._at(self._now() + seconds, lambda: self._ended(name, message, server))

    def _ended(self, name: str, message: Waiting, server: int) -> None:
        now, source_id = self._now(), message.body["source_id"]
        self.queues[name].done(message)
        if name == DUE:
            self._asking[server] -= 1
            self.out.syncs += 1
            # A form saved right after the look before waits longest: until this one has ended.
            if source_id in self._last:
                self.out.lags.append(now - self._last[source_id])
            self._last[source_id] = now
        else:
            self.out.hint_lags.append(now - message.sent_at)
        self._serve(name)

    # ---------------------------------------------------------------------------------- the rest

    def _sources(self) -> Any:
        from lambdas.store.sources import SourceStore  # noqa: PLC0415 - named like ours

        return SourceStore(self.tables, now=self._now)

    def _store_sources(self) -> None:
        sources, common = self._sources(), classic_definition(interval_seconds=60)
        for number in range(self.scale.sources):
            url = f"https://redcap{number % self.scale.servers}.example/api/"
            update = {"id": f"s{number}", "url": url, "site": f"site{number % self.scale.sites}"}
            definition = common.model_copy(update=update)
            sources.put(definition)
            moment = datetime.fromtimestamp(BEGIN, UTC)
            state = SourceState(
                watermark=moment - timedelta(seconds=60),
                definition=definition.digest(),
                sites=(definition.site,),
                reconciled_at=BEGIN,
                ids_checked_at=BEGIN + 3600,
                clock_asked_at=BEGIN + 3600,
            )
            assert sources.acquire(definition.id, "setup", now=BEGIN, seconds=1, noted=False)
            sources.finish(definition.id, "setup", state)

    def _rows(self, record: str) -> list[RedcapRow]:
        day = f"2026-12-{self._chance.randrange(1, 29):02}"
        values = {
            "record_id": record,
            "first_name": "Zoë",
            "last_name": "Núñez",
            "demo_sex": "2",
            "youth_dob": "2014-02-28",
            "family_id": "F1",
            "mri_date": day,
            "mri_time": "09:30",
            "mri_wt_lbs": "100",
        }
        return [RedcapRow(record, "", "", None, values), RedcapRow(record, "", "mri", 1, values)]

    def _at(self, moment: float, work: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._events, (moment, self._number, work))

    def _now(self) -> float:
        return self._clock[0]

    def _id(self) -> str:
        return f"{self._chance.getrandbits(128):032x}"


@contextmanager
def _handlers(simulation: Simulation, clock: list[float]) -> Iterator[None]:
    environment = {f"{name}_QUEUE_URL": url for name, url in (("DUE", DUE), ("WRITE_BACK", WRITE_BACK))}
    sync, client = simulation.sync(), QueueClient(simulation.queues)
    schedule._plan.cache_clear()
    with ExitStack() as stack:
        stack.enter_context(patch.dict(os.environ, {**ENVIRONMENT, **environment}))
        stack.enter_context(patch("lambdas.schedule.time.time", lambda: clock[0]))
        stack.enter_context(patch.object(schedule, "_sqs", lambda *_: client))
        stack.enter_context(patch.object(sync_redcap, "_wired", lambda _: sync))
        for module in (schedule, sync_redcap):
            stack.enter_context(patch.object(module.logger, "info"))
        yield


@contextmanager
def paced(clock: list[float], waited: list[float]) -> Iterator[None]:
    """Let what reads at a measured pace wait by the clock, not in truth.

    :param waited: seconds that the present work has waited so far.
    """

    def sleep(seconds: float) -> None:
        waited[0] += seconds

    by_the_clock = SimpleNamespace(time=lambda: clock[0] + waited[0], sleep=sleep)
    with patch("pynamodb.pagination.time", by_the_clock):
        yield


def simulate(scale: Scale) -> Outcome:
    """Run the handlers for so long, and return what came of it."""
    clock, waited = [BEGIN], [0.0]
    with (
        patch.dict(os.environ, ENVIRONMENT),
        paced(clock, waited),
        modelled(lambda: clock[0] + waited[0]) as model,
    ):
        simulation = Simulation(scale, model, clock, waited)
        with _handlers(simulation, clock):
            return simulation.run()


def smaller(scale: Scale, share: float, minutes: int) -> Scale:
    """Return the same in small: so much of everything, for so many minutes."""
    return replace(
        scale,
        sources=int(scale.sources * share),
        sites=max(1, int(scale.sites * share)),
        scanners=int(scale.scanners * share),
        servers=max(scale.slow_servers + 1, int(scale.servers * share)),
        hints=scale.hints * share,
        scans=scale.scans * share,
        syncs_at_once=max(2, int(scale.syncs_at_once * share)),
        minutes=minutes,
        slow_servers=1,
    )


def in_words(scale: Scale, out: Outcome) -> list[str]:
    """Return what came of it, line by line."""
    return [
        f"{scale.sources:,} sources at {scale.servers} servers, {scale.sites:,} sites",
        f"{scale.minutes} minutes",
        f"{out.syncs:,} syncs, {len(out.hint_lags):,} hints",
        f"a saved form is in the cloud after at most (99 %) {out.share(out.lags):.0f} s; with a hint "
        f"{out.share(out.hint_lags):.1f} s",
        f"longest queue {out.longest_queue:,}",
        f"syncs at one server at once {out.most_at_a_server} (limit {AT_ONCE})",
        f"busiest partition {out.busiest.writes:g} write and {out.busiest.reads:g} read units a second "
        f"(limits {MOST_WRITES:g} and {MOST_READS:g})",
        f"spent {out.spent.writes:,.0f} write and {out.spent.reads:,.0f} read units",
    ]
