"""A deployment to whose exams things happen, and what its history then is."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from lambdas.history.deployment import Deployment, studies_of
from lambdas.history.facts.fact import Fact
from lambdas.history.facts.pseudonyms import Pseudonyms
from lambdas.history.parquet import read
from lambdas.history.rows.fold import Rows, fold
from lambdas.history.rows.state import SiteState, Study
from lambdas.history.table import Table
from lambdas.sources.definition import SourceDefinition
from lambdas.sources.file import parse_definition
from lambdas.store.accounts.relays import RelayStore
from lambdas.store.audit.entry import Actor
from lambdas.store.linking.step_links import StepLinks
from lambdas.store.ownership import from_clock
from lambdas.store.sources import SourceStore
from lambdas.store.steps import StepStore
from lambdas.store.worklist import WorklistStore
from shared.steps.procedure_step import EventKind
from shared.worklist_item import WorklistItem
from tests.rigs.builders import an_event, an_item
from tests.rigs.cloud import CloudRig
from tests.rigs.redcap import CLASSIC_FILE

SECRET = "a-key-of-the-history-that-only-tests-know"
NAMES = Pseudonyms(SECRET.encode())
ANA = Actor(kind="person", name="ana")


def a_study(source: str = "study", site: str = "north", **changes: Any) -> SourceDefinition:
    """Return the definition of a study at a site."""
    definition = parse_definition(CLASSIC_FILE.read_text("utf-8"))
    fields: Mapping[str, Any] = {"id": source, "site": site, "sites_by_dag": {}, **changes}
    return SourceDefinition.model_validate({**definition.model_dump(), **fields})


class Happening:
    """Lets things happen at a deployment, each a minute after the one before.

    Items are as `tests.rigs.builders.an_item` makes them, of study ``study``; ``by_hand`` has none.
    """

    def __init__(self, cloud: CloudRig) -> None:
        self.cloud = cloud
        ids = count(1)
        tables, clock = cloud.tables, cloud.clock
        self.worklist = WorklistStore(tables, now=clock, new_id=lambda: f"id{next(ids)}")
        self.steps = StepStore(tables, self.worklist, now=clock)
        self.links = StepLinks(tables, self.worklist, self.steps)
        self.sources = SourceStore(tables, now=clock)
        self.relays = RelayStore(
            tables, now=clock, new_id=lambda: f"relay{next(ids)}", new_code=lambda: f"code{next(ids)}"
        )
        self.deployment = Deployment(tables, self.relays, now=clock)

    def _passes(self, seconds: float = 60) -> None:
        self.cloud.clock.advance(seconds)

    def at(self) -> datetime:
        """Return what time it is, as rows tell it."""
        return datetime.fromtimestamp(self.cloud.clock(), UTC).replace(tzinfo=None)

    def put(self, name: str = "001", **changes: Any) -> WorklistItem:
        """The source says an item."""
        self._passes()
        item = an_item(name, **changes)
        self.worklist.put_if_changed([item])
        return item

    def by_hand(self, name: str = "hand", **changes: Any) -> WorklistItem:
        """A person makes an item."""
        self._passes()
        item = an_item(name, source="", source_record="", **changes)
        self.worklist.create(item, by=ANA)
        return item

    def edit(self, item: WorklistItem, **changes: Any) -> None:
        self._passes()
        self.worklist.edit(item.id, changes, by=ANA)

    def remove(self, item: WorklistItem) -> None:
        self._passes()
        self.worklist.remove(item.id, by=ANA)

    def restore(self, item: WorklistItem) -> None:
        self._passes()
        self.worklist.restore(item.id, by=ANA)

    def withdraw(self, item: WorklistItem) -> None:
        self._passes()
        self.worklist.withdraw(item.site, [item.id])

    def missed(self, item: WorklistItem) -> None:
        """The day of an item has passed."""
        self._passes()
        day = item.scheduled_start_date

        def change(current: Any) -> Any:
            return None if current is None else from_clock(current, day)

        self.worklist.writer.change(item.site, {item.id: change})

    def begin(
        self, item: WorklistItem | None, uid: str = "2.25.77", site: str = "north", **changes: Any
    ) -> None:
        self._passes()
        self._record(an_event(item, uid, **changes), site)

    def end(self, uid: str = "2.25.77", status: str = "COMPLETED", site: str = "north") -> None:
        self._passes()
        self._record(an_event(None, uid, EventKind.N_SET, status), site)

    def _record(self, event: Any, site: str) -> None:
        self.steps.record_event(event, site=site, relay_id="relay")

    def link(self, uid: str, item: WorklistItem) -> None:
        self._passes()
        self.links.link(uid, item.id, by=ANA)

    def unlink(self, uid: str, item: WorklistItem) -> None:
        self._passes()
        self.links.unlink(uid, item.id, by=ANA)

    def told(self, uid: str = "2.25.77") -> None:
        """REDCap is told of a step."""
        self._passes()
        row = self.steps.step_row(uid)
        assert row is not None
        self.steps.write_back_done(uid, int(row.version))

    def studies(self) -> dict[str, Study]:
        return studies_of(self.sources.all())

    def facts(self) -> dict[str, list[Fact]]:
        """Return the facts that the tables hold now."""
        return self.deployment.facts(NAMES, self.worklist.sites())

    def rows(self, site: str = "north") -> Rows:
        """Return a site's rows, as a fresh export has them."""
        return fold(site, SiteState(), self.facts()[site], self.studies()).rows

    def exam(self, item: WorklistItem, version: int = -1) -> dict[str, Any]:
        """Return the newest version of an exam, or another: 0 is the first."""
        found = [row for row in self.rows(item.site)["exams"] if row["exam"] == NAMES.exam(item.id)]
        return found[version]

    def put_key(self) -> None:
        """Put the history's key where the commands look for it."""
        self.cloud.secrets.create_secret(
            Name="mwl-relay/history-key", SecretString=json.dumps({"key": SECRET})
        )


MINUTE = timedelta(minutes=1)


class MemoryFiles:
    """Files in memory, as `lambdas.history.stream.files.Files` wants them."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}

    def names(self, prefix: str) -> list[str]:
        return sorted(name for name in self.held if name.startswith(prefix))

    def read(self, name: str) -> bytes | None:
        return self.held.get(name)

    def write(self, name: str, content: bytes) -> None:
        self.held[name] = content

    def delete(self, name: str) -> None:
        self.held.pop(name, None)

    def rows(self, table: Table) -> list[dict[str, Any]]:
        """Return all rows of a table."""
        return [row for name in self.names(f"{table.name}/") for row in read(table, self.held[name])]


def stream_records(cloud: CloudRig, table: str = "WorklistTable") -> list[dict[str, Any]]:
    """Return what a table's stream would tell of rows that are only ever added: a record each, in order."""
    pages = cloud.dynamodb.get_paginator("scan").paginate(TableName=table)
    found = [item for page in pages for item in page["Items"]]
    return [
        {
            "eventID": f"event{number}",
            "eventName": "INSERT",
            "dynamodb": {"SequenceNumber": f"{number:021}", "NewImage": as_event(item)},
        }
        for number, item in enumerate(sorted(found, key=lambda item: (item["pk"]["S"], item["sk"]["S"])), 1)
    ]


def as_event(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item as Lambda and an export write it: bytes in base64."""
    return {
        name: {"B": b64encode(value["B"]).decode()} if "B" in value else value for name, value in item.items()
    }
