"""The streamed history is a fresh export, whatever happened and however the stream delivered it."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any, NamedTuple

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from lambdas.history.facts.fact import Fact
from lambdas.history.rows.newest import newest
from lambdas.history.rows.state import Study
from lambdas.history.schema import (
    CALENDAR,
    CHANGES,
    CURRENT,
    CURRENT_EXAMS,
    DIMENSIONS,
    EXAMS,
    PROTOCOLS,
    SCANNERS,
    STEPS,
)
from lambdas.history.stream.compaction import compact
from lambdas.history.stream.loading import load
from lambdas.history.stream.records import facts_of
from lambdas.history.stream.staging import batch_name, stage
from shared.errors import NotFound, Rejected
from shared.worklist_item import WorklistItem
from tests.rigs.builders import an_item
from tests.rigs.cloud import cloud
from tests.rigs.history import NAMES, Happening, MemoryFiles, a_study, stream_records

ITEMS = {name: an_item(name) for name in ("101", "102")}
Do = Callable[[Happening, WorklistItem], object]
DEEDS: dict[str, Do] = {
    "put": lambda site, item: site.put(item.source_record),
    "rescheduled": lambda site, item: site.put(item.source_record, scheduled_start_date="20261125"),
    "moved": lambda site, item: site.put(item.source_record, site="south"),
    "edited": lambda site, item: site.edit(item, protocol_name="T2", patient_name="B^B"),
    "removed": lambda site, item: site.remove(item),
    "restored": lambda site, item: site.restore(item),
    "withdrawn": lambda site, item: site.withdraw(item),
    "missed": lambda site, item: site.missed(item),
    "begun": lambda site, item: site.begin(item, f"2.25.{item.source_record}"),
    "ended": lambda site, item: site.end(f"2.25.{item.source_record}"),
    "discontinued": lambda site, item: site.end(f"2.25.{item.source_record}", "DISCONTINUED"),
    "scanned unbooked": lambda site, item: site.begin(None, f"2.25.{item.source_record}7"),
    "linked": lambda site, item: site.link(f"2.25.{item.source_record}7", item),
    "unlinked": lambda site, item: site.unlink(f"2.25.{item.source_record}7", item),
    "told": lambda site, item: site.told(f"2.25.{item.source_record}"),
    "night": lambda site, item: site.cloud.clock.advance(50_000),
}
WORLDS = 3
STORY = ("put", "begun", "told", "night", "ended", "told", "night", "edited", "moved", "night")


class World(NamedTuple):
    """What happened at a deployment, as its streams tell it, and what a fresh export of it is."""

    records: list[dict[str, Any]]
    studies: dict[str, Study]
    exported: dict[str, list[dict[str, Any]]]


def happen(site: Happening, history: Sequence[tuple[str, str]]) -> None:
    for name, record in history:
        try:
            DEEDS[name](site, ITEMS[record])
        except (NotFound, Rejected, AssertionError):
            continue  # it cannot happen now, as when a step is ended that never began


def ordered(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(
        rows, key=lambda row: (row["site"], str(row["known_at"]), repr(sorted(row.items(), key=str)))
    )


def exported(site: Happening) -> dict[str, list[dict[str, Any]]]:
    tables: dict[str, list[dict[str, Any]]] = {table.name: [] for table in (EXAMS, STEPS, CHANGES)}
    for place in site.worklist.sites():
        for name, rows in site.rows(place).items():
            if name in tables:
                tables[name] += rows
    return {name: ordered(rows) for name, rows in tables.items()}


def _no_relay(_: str) -> None:
    """There is no relay here."""


def _no_source(_: str) -> None:
    """No sync runs here."""


def deliver(files: MemoryFiles, records: Sequence[dict[str, Any]]) -> None:
    """Stage a batch as the stream's function does."""
    facts: list[Fact] = [fact for each in records for fact in facts_of(each, NAMES, _no_relay, _no_source)]
    name = batch_name(records[0]["dynamodb"]["SequenceNumber"], [each["eventID"] for each in records])
    stage(files, name, facts)


@pytest.fixture(scope="module")
def worlds() -> list[World]:
    """Histories of any changes: each begins with much that can happen, and goes on at random."""
    return [world(Random(seed)) for seed in range(WORLDS)]


def world(random: Random) -> World:
    with cloud() as rig:
        site = Happening(rig)
        site.sources.put(a_study())
        records = sorted(ITEMS)
        happen(site, [(deed, record) for deed in STORY for record in records])
        happen(site, [(random.choice(sorted(DEEDS)), random.choice(records)) for _ in range(15)])
        return World(stream_records(rig), site.studies(), exported(site))


@pytest.mark.slow
@settings(max_examples=25, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.integers(0, WORLDS - 1), st.data())
def test_the_streamed_history_is_a_fresh_export(worlds: list[World], seed: int, data: st.DataObject) -> None:
    records, studies, expected = worlds[seed]
    size = data.draw(st.integers(1, 20), "batch size")
    batches = [records[at : at + size] for at in range(0, len(records), size)]
    some = st.integers(0, len(batches) - 1)
    again = [batches[at] for at in data.draw(st.lists(some, max_size=5), "delivered twice")]
    # A retry may also bring a batch in halves.
    again += [part for batch in again[:2] for part in (batch[: size // 2], batch[size // 2 :]) if part]
    files, sent = MemoryFiles(), [*batches, *again]
    deliveries = [sent[at] for at in data.draw(st.permutations(range(len(sent))), "order")]
    compactions = data.draw(st.sets(st.integers(0, len(deliveries) - 1), max_size=4), "compacted after")
    for number, batch in enumerate(deliveries):
        deliver(files, batch)
        if number in compactions:
            compact(files, studies)
    compact(files, studies)
    assert {table.name: ordered(files.rows(table)) for table in (EXAMS, STEPS, CHANGES)} == expected
    assert current(files) == {now.name: ordered(newest(expected[of.name], of)) for now, of in CURRENT.items()}


def current(files: MemoryFiles) -> dict[str, list[dict[str, Any]]]:
    return {table.name: ordered(files.rows(table)) for table in CURRENT}


@pytest.fixture(scope="module")
def records() -> list[dict[str, Any]]:
    with cloud() as rig:
        site = Happening(rig)
        story = ["put", "night", "night", "edited", "begun", "ended", "night", "night", "told"]
        happen(site, [(deed, record) for deed in story for record in ITEMS])
        return stream_records(rig)


def test_a_load_gives_what_the_stream_gives(records: list[dict[str, Any]]) -> None:
    streamed, loaded = MemoryFiles(), MemoryFiles()
    deliver(streamed, records)
    rows = [each["dynamodb"]["NewImage"] for each in records]
    load(loaded, reversed(rows), NAMES, datetime(2026, 12, 1, tzinfo=UTC))
    for files in (streamed, loaded):
        compact(files, {})
    for table in (EXAMS, STEPS, CHANGES):
        assert loaded.rows(table) == streamed.rows(table) != []


def test_a_load_after_the_stream_adds_nothing_twice(records: list[dict[str, Any]]) -> None:
    files = MemoryFiles()
    entries = [each for each in records if each["dynamodb"]["NewImage"]["pk"]["S"].startswith("AUDIT#")]
    deliver(files, entries[2:])  # the stream was turned on later
    assert compact(files, {}).missing == {"north": 1}
    load(files, (each["dynamodb"]["NewImage"] for each in records), NAMES, datetime(2026, 12, 1, tzinfo=UTC))
    assert compact(files, {}).missing == {}
    assert len(files.rows(EXAMS)) == 8


def test_what_is_compacted_twice_is_written_once(records: list[dict[str, Any]]) -> None:
    files = MemoryFiles()
    deliver(files, records)
    assert compact(files, {}).days == 3
    before = dict(files.held)
    assert compact(files, {}).days == 0
    assert files.held == before


def test_a_compaction_that_was_stopped_is_begun_again(records: list[dict[str, Any]]) -> None:
    class Stops(MemoryFiles):
        left = 0

        def write(self, name: str, content: bytes) -> None:
            if self.left == 0:
                raise ConnectionError
            self.left -= 1
            super().write(name, content)

    whole = MemoryFiles()
    deliver(whole, records)
    compact(whole, {})
    stopping = Stops()
    stopping.left = 1000
    deliver(stopping, records)
    for writes in range(20):
        stopping.left = writes
        try:
            compact(stopping, {})
        except ConnectionError:
            continue
        break
    stopping.left = 1000
    compact(stopping, {})
    assert stopping.held == whole.held


def test_a_site_waits_for_an_entry_that_is_missing(records: list[dict[str, Any]]) -> None:
    files = MemoryFiles()
    entries = [each for each in records if each["dynamodb"]["NewImage"]["pk"]["S"].startswith("AUDIT#")]
    deliver(files, [each for each in entries if each is not entries[1]])
    assert compact(files, {}).missing == {"north": 2}
    assert len(files.rows(EXAMS)) == 1
    deliver(files, [entries[1]])
    assert compact(files, {}).missing == {}
    assert len(files.rows(EXAMS)) == 8


def test_a_study_with_shifted_dates_is_not_in_the_bucket(records: list[dict[str, Any]]) -> None:
    files = MemoryFiles()
    deliver(files, records)
    with cloud() as rig:
        site = Happening(rig)
        site.sources.put(a_study())
        compact(files, site.studies())
        assert len(files.rows(EXAMS)) == 8
        site.sources.put(a_study(history={"shift_dates": True}))
        compact(files, site.studies())
    assert [files.rows(table) for table in (EXAMS, STEPS, CHANGES, *CURRENT)] == [[]] * 5


def test_no_file_tells_a_name(records: list[dict[str, Any]]) -> None:
    files = MemoryFiles()
    deliver(files, records)
    compact(files, {})
    texts = [repr(files.rows(table)) for table in (EXAMS, STEPS, CHANGES, *CURRENT, *DIMENSIONS)]
    texts += [content.decode() for name, content in files.held.items() if name.endswith("current.json")]
    texts += [
        gzip.decompress(content).decode() for name, content in files.held.items() if name.endswith(".gz")
    ]
    item = ITEMS["101"]
    hidden = [item.patient_name, "B^B", item.patient_id, item.id, item.study_instance_uid, '"101"']
    assert len(texts) > 6
    assert [each for each in hidden for text in texts if each in text] == []


def test_newest_versions_that_an_earlier_build_did_not_write_are_made_of_all_days(
    records: list[dict[str, Any]],
) -> None:
    files = MemoryFiles()
    deliver(files, records)
    compact(files, {})
    whole = dict(files.held)
    for name in [name for name in whole if "current" in name or name.split("/")[0] in _DIMENSION_NAMES]:
        files.delete(name)
    assert compact(files, {}).days == 0
    assert files.held == whole


_DIMENSION_NAMES = {table.name for table in DIMENSIONS}


def test_the_dimensions_of_a_bucket_count_the_newest_versions_of_all_sites(
    records: list[dict[str, Any]],
) -> None:
    files = MemoryFiles()
    deliver(files, records)
    compact(files, {})
    exams = files.rows(CURRENT_EXAMS)
    assert len(exams) == 2
    assert sum(row["exams"] for row in files.rows(SCANNERS)) == len(
        [each for each in exams if each["scanner"]]
    )
    assert sum(row["exams"] for row in files.rows(PROTOCOLS)) == len(
        [each for each in exams if each["protocol"] and each["study"]]
    )
    assert len(files.rows(CALENDAR)) == 36_525


def test_a_fact_that_comes_late_also_changes_the_newest_versions(records: list[dict[str, Any]]) -> None:
    late, at_once = MemoryFiles(), MemoryFiles()
    deliver(at_once, records)
    compact(at_once, {})
    entries = [each for each in records if each["dynamodb"]["NewImage"]["pk"]["S"].startswith("AUDIT#")]
    others = [each for each in records if each not in entries]
    for batch in (entries[:-2], others, entries[-2:]):
        if batch:
            deliver(late, batch)
            compact(late, {})
    assert current(late) == current(at_once)
