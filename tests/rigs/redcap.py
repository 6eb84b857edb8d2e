"""REDCap (the simulator) on one side, the tables (moto) on the other, and the real handlers in between."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch
from uuid import uuid4

from infra.redcap_simulator import Project, Quirks, RedcapSimulator
from infra.redcap_simulator.clock import system_now
from lambdas import schedule, sync_redcap, write_back
from lambdas.sources.definition import SourceDefinition
from lambdas.sources.file import definition_from
from lambdas.sources.state import SourceState, SyncReport
from lambdas.store.accounts.doubted_images import DoubtedImageStore
from lambdas.store.linking.completions import Completions
from lambdas.store.runs.rows import RunRows
from lambdas.store.sources import SourceStore
from lambdas.store.steps import StepStore
from lambdas.store.worklist import WorklistStore
from shared.worklist_item import WorklistItem
from tests.rigs.cloud import CloudRig, cloud, create_tables
from tests.rigs.lambda_events import Context, schedule_event, sqs_event
from tests.structure.imports import ROOT

CLASSIC_FILE = ROOT / "infra" / "sources" / "classic.toml"


def classic_data(**changes: Any) -> dict[str, Any]:
    """Return infra/sources/classic.toml as data, with top-level keys changed."""
    return {**tomllib.loads(CLASSIC_FILE.read_text(encoding="utf-8")), **changes}


def classic_definition(**changes: Any) -> SourceDefinition:
    """Return infra/sources/classic.toml with top-level keys changed."""
    return definition_from(classic_data(**changes))


def longitudinal_data(sites: dict[str, str], **changes: Any) -> dict[str, Any]:
    """Return a definition for the longitudinal project as data: sites by group, deletions looked for at once.

    :param sites: data access group -> site.
    """
    data = classic_data(
        site="",
        sites_by_dag=sites,
        token_secret="longitudinal",
        record_id_field="record_id",
        rows={"events": ["mri_arm_1", "mri_arm_2"], "required": ["mri_date"]},
        joins=[
            {
                "fields": ["first_name", "last_name", "demo_sex", "youth_dob", "family_id"],
                "events": ["enrolment_arm_1", "enrolment_arm_2"],
            }
        ],
        deletions_seconds=0,
    )
    data["fields"] = {**data["fields"], "patient_id": "{record_id}_{redcap_repeat_instance}"}
    return {**data, **changes}


@dataclass
class Rig:
    """One stack; ``site`` is where its first source's scans take place."""

    simulator: RedcapSimulator
    cloud: CloudRig
    site: str = "main"

    @property
    def project(self) -> Project:
        return self.simulator.projects[0]

    @property
    def sources(self) -> SourceStore:
        return SourceStore(self.cloud.tables)

    @property
    def worklist(self) -> WorklistStore:
        return WorklistStore(self.cloud.tables, now=lambda: 1_795_340_000.0, new_id=lambda: uuid4().hex)

    @property
    def completions(self) -> Completions:
        doubted = DoubtedImageStore(self.cloud.tables, now=lambda: 1_795_340_000.0)
        return Completions(self.worklist, doubted)

    @property
    def steps(self) -> StepStore:
        return StepStore(self.cloud.tables, self.worklist, now=lambda: 1_795_340_000.0)

    def register(self, definition: SourceDefinition, user: str = "relay") -> None:
        """Store a definition, and the token of a user in its secret, which is read once a minute only."""
        self.sources.put(definition)
        secret, _, key = definition.token_secret.partition(":")
        name, tokens = f"mwl-relay/redcap/{secret}", {key or "token": self.project.token(user)}
        try:
            self.cloud.secrets.create_secret(Name=name, SecretString=json.dumps(tokens))
        except self.cloud.secrets.exceptions.ResourceExistsException:
            there = json.loads(self.cloud.secrets.get_secret_value(SecretId=name)["SecretString"])
            self.cloud.secrets.put_secret_value(SecretId=name, SecretString=json.dumps({**there, **tokens}))

    def sync(self, source_id: str = "classic") -> SyncReport:
        """Run the sync's handler on one message; return what the source remembers of it."""
        event = sqs_event({"source_id": source_id})
        failed = bool(sync_redcap.handler(event, Context())["batchItemFailures"])
        report = self.state(source_id).report
        assert report is not None
        assert failed == (report.outcome == "failed")
        return report

    def state(self, source_id: str = "classic") -> SourceState:
        return self.sources.state(source_id)

    def remember(self, state: SourceState, source_id: str = "classic") -> None:
        """Let the source remember something else."""
        assert self.sources.acquire(source_id, "test", now=0.0, seconds=1, noted=False)
        self.sources.save_state(source_id, "test", state)
        self.sources.release(source_id, "test")

    def set_run(self, source_id: str = "classic", **columns: Any) -> None:
        """Put columns into the row of a source's syncs, or take them out (None)."""
        model = self.cloud.tables.run
        fields = {name: getattr(model, name) for name in columns}
        RunRows(self.cloud.tables).row(source_id).update(
            actions=[
                fields[name].remove() if value is None else fields[name].set(value)
                for name, value in columns.items()
            ]
        )

    def tick(self) -> tuple[list[str], list[str]]:
        """Run the schedule's handler; return the source ids and step UIDs it queued."""
        schedule.handler(schedule_event(), Context())
        return (
            [message["source_id"] for message in self.cloud.received(self.cloud.due_queue_url)],
            [message["sop_instance_uid"] for message in self.cloud.received(self.cloud.write_back_queue_url)],
        )

    def write_back(self, *uids: str) -> int:
        """Run the write-back's handler on these steps; return how many messages failed."""
        event = sqs_event(*({"sop_instance_uid": uid} for uid in uids))
        return len(write_back.handler(event, Context())["batchItemFailures"])

    def items(self, site: str = "") -> dict[tuple[str, int], WorklistItem]:
        """Return what a relay of the site sees: (record, instance) -> item."""
        page = self.worklist.changes_after(site or self.site, None, 500)
        return {(row.item.source_record, row.item.source_instance): row.item for row in page.items}

    def redcap_row(self, record: str, instance: int) -> dict[str, str]:
        """Return the values REDCap holds on a row of the ``mri`` instrument."""
        found = self.project.records.get(record)
        assert found is not None
        return next(
            dict(row)
            for key, row in found.rows.items()
            if (key.instrument, key.instance) in {("mri", instance), ("", 0 if instance == 1 else instance)}
            and "mri_date" in row
        )


@dataclass(frozen=True)
class Stack:
    """What tests of a module share, because it takes long to start: REDCap's server, and moto."""

    simulator: RedcapSimulator
    cloud: CloudRig

    def fresh(self, project: Project, data: dict[str, Any], quirks: Quirks | None = None) -> Rig:
        """Return a rig with empty tables, this project, and ``data`` as its one source."""
        self.simulator.projects[:] = [project]
        self.simulator.quirks = quirks or Quirks()
        self.simulator.clock.set(system_now())
        self.simulator.faults.clear()
        self.cloud.dynamodb.delete_table(TableName="WorklistTable")
        create_tables(self.cloud.dynamodb, "WorklistTable")
        rig = Rig(self.simulator, self.cloud, site=str(data["site"]))
        rig.register(definition_from({**data, "url": self.simulator.url}))
        self.simulator.requests.clear()
        return rig


@contextmanager
def running_stack() -> Iterator[Stack]:
    """Yield a stack in which nobody waits."""
    with RedcapSimulator([]) as simulator, cloud() as running, patch("time.sleep"):
        yield Stack(simulator, running)
    for wired in (sync_redcap._wired, write_back._wired, schedule._sqs, schedule._plan):
        wired.cache_clear()
