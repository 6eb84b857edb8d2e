"""The world of one history: REDCap and the tables, what scanners and people did, and what disturbs a sync."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final
from unittest.mock import patch
from uuid import UUID

import requests

from infra.redcap_simulator import Project, Quirks
from infra.redcap_simulator.api.wire import Params
from infra.redcap_simulator.clock import SimClock
from lambdas.redcap.project import RedcapProject
from lambdas.sources.file import definition_from
from lambdas.store.item_rows import stored_item
from lambdas.store.models import ITEM
from lambdas.store.ownership import StoredItem
from lambdas.store.steps import StepStore
from lambdas.store.worklist import WorklistStore
from lambdas.sync.connect import Outside
from lambdas.sync.result import SyncResult
from lambdas.sync.source_sync import SourceSync
from lambdas.write_backs.step import StepWriteBack
from shared.errors import MwlError
from shared.text.time_zones import time_zone
from tests.fuzz.histories.oracle import Identities, Scan, are_two_people, scans
from tests.fuzz.histories.study import KINDS, SOURCE, STUDIES, Study, Variant
from tests.rigs.redcap import Rig, Stack
from tests.rigs.shortcuts import Ask, RedcapInProcess, moto_at_once, rows_of_table

MOMENTS: Final = (
    ("Europe/Berlin", datetime(2026, 10, 25, 0, 50, tzinfo=UTC)),  # 02:50, and in ten minutes 02:00 again
    ("America/New_York", datetime(2026, 11, 1, 5, 50, tzinfo=UTC)),  # likewise
    ("Europe/Berlin", datetime(2026, 3, 29, 0, 50, tzinfo=UTC)),  # summer time begins in ten minutes
    ("UTC", datetime(2026, 11, 18, 9, 0, tzinfo=UTC)),
    ("Asia/Kathmandu", datetime(2026, 11, 18, 9, 0, tzinfo=UTC)),
)
"""The REDCap server's zone, and when the history begins."""

STATED_ZONES: Final = ("", "UTC", "Asia/Kathmandu", "America/Edmonton")
"""What else a definition may say of the server's zone: nothing, or mostly what is not so."""

CLOCKS_DIFFER: Final = (0.0, 0.0, 900.0, 7200.0, -900.0)
"""How far our clock is ahead of the REDCap server's, in seconds."""

WEB_SERVERS_CLOCK: Final = (0, 0, 20, 120)
"""How far the clock of REDCap's web server is ahead of its database's, in seconds: less than the overlap."""

LEASE_OVER: Final = 4000.0


class Killed(BaseException):
    """The function is gone."""


@dataclass
class Begun:
    """An item a scanner has reported on: where, and its steps in the order in which they were heard of last.

    :param began: its steps in the order in which they began; all are of one scanner.
    """

    site: str
    steps: dict[str, str] = field(default_factory=dict)
    began: list[str] = field(default_factory=list)

    def heard(self, uid: str, status: str) -> None:
        """Take note of a report of a step."""
        if uid not in self.began:
            self.began.append(uid)
        self.steps.pop(uid, None)
        self.steps[uid] = status

    @property
    def status(self) -> str:
        """The status its steps amount to; SCHEDULED: the only entry was a wrong one."""
        ended = [number for number, uid in enumerate(self.began) if self.steps[uid] != "IN_PROGRESS"]
        # A step that was never ended does not count once a later one was: the scanner was restarted.
        if len(self.began) > max(ended, default=-1) + 1:
            return "IN_PROGRESS"
        if "COMPLETED" in self.steps.values():
            return "COMPLETED"
        return [status for status in self.steps.values() if status != "IN_PROGRESS"][-1]


@dataclass
class Disturbance:
    """What happens to a sync under way.

    :param at_redcap: is called in place of the request to REDCap of this number; ``at_table``: to DynamoDB.
    """

    redcap_in: int = -1
    table_in: int = -1
    at_redcap: Callable[[Params, Callable[[], requests.Response]], requests.Response] | None = None
    at_table: Callable[[Callable[[], Any]], Any] | None = None


class World:
    """Everything there is, and what has been seen of it.

    :param random: draws where and when the history takes place.
    """

    def __init__(self, stack: Stack, random: Random) -> None:
        self.study: Study = STUDIES[random.choices(KINDS, (1, 2, 1))[0]]
        zone, self._begin = random.choice(MOMENTS)
        self.skew = random.choice(CLOCKS_DIFFER)
        self._ahead = timedelta(seconds=random.choice(WEB_SERVERS_CLOCK))
        self._ids = Random(random.random())
        self.variant = Variant()
        self._given: dict[str, Any] = {
            "time_zone": random.choice(("America/Edmonton", zone)),
            "deletions_seconds": random.choice((0, 0, 300)),
        }
        quirks = Quirks(
            zone=time_zone(zone),
            date_range_includes_bounds=random.choice((True, False)),
            dag_move_modifies=random.choice((True, False)),
        )
        self._given["server_time_zone"] = random.choice((zone, zone, *STATED_ZONES))
        self.rig = self._rig(stack, quirks, may_log=random.random() < 0.6)
        self.begun: dict[str, Begun] = {}
        self.edits: dict[str, dict[str, str]] = {}
        self.unsure: set[str] = set()
        self.removed: set[str] = set()
        self.known: dict[str, StoredItem] = {}
        self.places: dict[str, set[str]] = {}
        self.erased: set[str] = set()
        self.allowed: dict[str, set[str]] = {}
        self.names: list[str] = []
        self.renamed: set[str] = set()
        self.given_up: set[str] = set()
        self.syncing = False
        self.identities = Identities()
        self.heard = 0
        self.touched = ""
        self.changes = 0
        self.misled = self.lied_to = False
        self.findings: list[str] = []
        self.disturbance = Disturbance()

    def _rig(self, stack: Stack, quirks: Quirks, *, may_log: bool) -> Rig:
        rig = stack.fresh(self.study.project(may_log=may_log), self._data(stack.simulator.url), quirks)
        rig.simulator.clock = SimClock(lambda: self._begin)
        return rig

    def _data(self, url: str) -> dict[str, Any]:
        return {**self.variant.definition(self.study, self._given), "url": url}

    # ------------------------------------------------------------------ what is true

    @property
    def project(self) -> Project:
        """The REDCap project."""
        return self.rig.project

    def records(self) -> list[str]:
        """Return all record ids, in order."""
        return sorted(self.project.records.ids())

    def scans(self) -> dict[str, Scan]:
        """Return what the oracle says of every scan."""
        return scans(self.project, self.study, self.variant, self.identities)

    def stored(self) -> dict[str, StoredItem]:
        """Return what is on the list, by item id."""
        found = [stored for _, stored in self.sites_of_items()]
        for stored in found:
            self.known[stored.item.id] = stored
            self.places.setdefault(stored.item.id, set()).add(stored.item.site)
        return {stored.item.id: stored for stored in found}

    def sites_of_items(self) -> list[tuple[str, StoredItem]]:
        """Return every item that is on the list, with where: one may be at two sites."""
        model = self.rig.cloud.tables.item
        raw = (row for row in rows_of_table("WorklistTable") if row["sk"]["S"].startswith(ITEM))
        found = (stored_item(model.from_raw_data(row)) for row in raw)
        return sorted(
            ((stored.item.site, stored) for stored in found if not stored.gone),
            key=lambda pair: (pair[0], pair[1].item.id),
        )

    def now(self) -> float:
        """Return our time, which is not the REDCap server's."""
        return self.rig.simulator.clock().timestamp() + self.skew

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.rig.simulator.clock.advance(seconds)

    def new_id(self) -> str:
        """Return 32 hexadecimal digits, the same in every playing of the history."""
        return UUID(int=self._ids.getrandbits(128)).hex

    # ------------------------------------------------------------------ the product

    @property
    def worklist(self) -> WorklistStore:
        """The worklist in the tables."""
        return WorklistStore(self.rig.cloud.tables, now=self.now, new_id=self.new_id)

    @property
    def steps(self) -> StepStore:
        """The procedure steps."""
        return StepStore(self.rig.cloud.tables, self.worklist, now=self.now)

    @property
    def _outside(self) -> Outside:
        return Outside(self._connect, self.now, self.new_id, lambda _seconds: None)

    def _connect(self, _definition: object) -> RedcapProject:
        simulator = self.rig.simulator
        redcap = RedcapProject(
            simulator.url,
            self.project.token(),
            self.study.id_field,
            data_access_groups=self.study.has_groups,
            sleep=lambda _seconds: None,
        )
        redcap._post.session.mount(simulator.url, RedcapInProcess(simulator, self._redcap_asked, self._ahead))
        return redcap

    def redefine(self, variant: Variant) -> None:
        """Apply the definition anew."""
        self.variant = variant
        self.rig.sources.put(definition_from(self._data(self.rig.simulator.url)))
        self.note_all()

    def write_back(self) -> None:
        """Tell REDCap what is due."""
        telling = StepWriteBack(self.steps, self.rig.sources, self._outside)
        for uid in self.steps.due_write_backs(50):
            telling.run(uid)

    def sync(self, *, remaining: float = 300.0, range_size: int = 250, confirmed: bool = False) -> bool:
        """Sync; return whether it went well and read all it had to."""

        def run(sync: SourceSync) -> SyncResult | None:
            return sync.run(SOURCE, remaining=lambda: remaining, confirm_withdrawals=confirmed)

        with patch("lambdas.sync.record_ranges.RANGE_SIZE", range_size):
            result = self._synced(run)
        if result is None or result.unfinished:
            return False
        self.misled = self.misled and not result.full
        self.last = result
        return True

    def hint(self, record: str) -> None:
        """Sync one record, which somebody is said to have saved."""
        self._synced(lambda sync: sync.run_record(SOURCE, record))

    def _synced(self, run: Callable[[SourceSync], SyncResult | None]) -> SyncResult | None:
        self.pass_time(1)
        right, changes = self._right(), self.changes
        self.syncing = True
        sync = SourceSync(self.rig.sources, self.worklist, self._outside)
        try:
            result = run(sync)
        except MwlError:
            result = None
        finally:
            self.syncing = False
            self.disturbance = Disturbance()
            stored = self.stored()
            self.unsure |= self.edits.keys() - stored.keys()
            if changes == self.changes and not self.lied_to:
                lost = [self._named(item_id) for item_id in sorted(right - stored.keys())]
                self.findings += [f"{name} was right, and was taken off the list" for name in lost]
            self.lied_to = False
        if result is not None and changes == self.changes and self._ids_were_looked_at():
            known = {name: {self.site_of(name)} for name in self.records()}
            waiting = self.rig.state().withheld  # what is gone stays where it was until a person confirms
            self.allowed = {**self.allowed, **known} if waiting else known
        return result

    def _named(self, item_id: str) -> str:
        item = self.known[item_id].item
        return f"{item.source_record} {item.source_event} {item.source_instance}".replace("  ", " ")

    def _ids_were_looked_at(self) -> bool:
        return self.rig.state().ids_checked_at == self.now()

    def _right(self) -> set[str]:
        """Return the items that are on the list, ought to be, and share their Patient ID with nobody."""
        stored, wanted = self.stored(), self.scans()
        people = [(each.item.source_record, each.item.model_dump()) for each in stored.values()]
        people += [(scan.place[0], dict(scan.fields)) for scan in wanted.values() if scan.fields]

        def is_alone(scan: Scan) -> bool:
            others = (fields for record, fields in people if record != scan.place[0])
            return not any(are_two_people(scan.fields, other) for other in others)

        return {
            id_
            for id_, each in stored.items()
            if id_ in wanted
            and (wanted[id_].verdict, wanted[id_].site) == ("item", each.item.site)
            and is_alone(wanted[id_])
        }

    def can_be_followed(self, item_id: str) -> bool:
        """Tell whether a scan that has begun is on the list just as REDCap has it, and is nobody else's."""
        scan, stored = self.scans().get(item_id), self.stored().get(item_id)
        if scan is None or stored is None or scan.verdict != "item":
            return False
        edited = self.edits.get(item_id, {})
        own = {name: str(value) for name, value in stored.item.model_dump().items()}
        as_is = all(own[name] == edited.get(name, text) for name, text in scan.fields.items())
        others = [each.item.model_dump() for id_, each in self.stored().items() if id_ != item_id]
        others += [dict(each.fields) for id_, each in self.scans().items() if id_ != item_id and each.fields]
        return as_is and not any(other["patient_id"] == own["patient_id"] for other in others)

    def is_settling(self, record: str) -> bool:
        """Tell whether a scan of a record is not yet on the list under the record's name of today."""
        followed = self.identities.followed(record).values()
        return any(self.known[own].item.source_record != record for own in followed)

    def may_give_back(self, item_id: str) -> bool:
        """Tell whether a scanner may put an exam back now; what is put back follows no record any more.

        While a sync is under way it cannot be told which of the two comes first.
        """
        scan = self.scans().get(item_id)
        if scan is not None and self.is_settling(scan.place[0]):
            if self.syncing:
                return False
            self.identities.begin_anew(scan.place)
        return True

    def is_begun(self, item_id: str) -> bool:
        """Tell whether an item is the scanner's, and no longer the source's."""
        return item_id in self.begun and self.begun[item_id].status != "SCHEDULED"

    # ------------------------------------------------------------------ where somebody may be shown

    def site_of(self, record: str) -> str:
        """Return where a record's scans belong."""
        found = self.project.records.get(record)
        return self.variant.site_of(self.study, found.dag) if found else ""

    def note(self, record: str) -> None:
        """Take note that a record has changed: until the next sync it may be shown here and there."""
        self.changes += 1
        self.touched = record
        self.allowed.setdefault(record, set()).add(self.site_of(record))

    def note_all(self) -> None:
        """Take note that everything has changed."""
        for record in self.records():
            self.note(record)

    # ------------------------------------------------------------------ disturbances

    @contextmanager
    def running(self) -> Iterator[None]:
        """Have requests to DynamoDB pass by the disturbance."""
        with moto_at_once(self._table_asked):
            yield

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Have requests that are not the sync's own pass."""
        before, self.disturbance = self.disturbance, Disturbance()
        yield
        self.disturbance = before

    def _table_asked(self, ask: Ask, operation: str, parameters: dict[str, Any]) -> Any:
        self.disturbance.table_in -= 1
        if self.disturbance.table_in == -1 and (at_table := self.disturbance.at_table):
            self.disturbance.at_table = None
            return at_table(lambda: ask(operation, parameters))
        return ask(operation, parameters)

    def _redcap_asked(self, params: Params, answer: Callable[[], requests.Response]) -> requests.Response:
        self.disturbance.redcap_in -= 1
        if self.disturbance.redcap_in == -1 and (at_redcap := self.disturbance.at_redcap):
            return at_redcap(params, answer)
        return answer()


def without_rows(response: requests.Response, id_field: str, random: Random) -> bool:
    """Take some rows of one record out of an answer, but not all; return whether that was possible."""
    try:
        rows = json.loads(response.content)
    except ValueError:
        return False
    if not isinstance(rows, list) or not all(isinstance(row, dict) and id_field in row for row in rows):
        return False
    names = [row[id_field] for row in rows]
    several = sorted({name for name in names if names.count(name) > 1})
    if not several:
        return False
    chosen = random.choice(several)
    own = [number for number, name in enumerate(names) if name == chosen]
    first, *rest = own  # the first is the one that says who it is, and whether there is a consent
    out = {first} if random.random() < 0.5 else set(random.sample(rest, random.randint(1, len(rest))))
    kept = [row for number, row in enumerate(rows) if number not in out]
    response._content = json.dumps(kept).encode()
    return True
