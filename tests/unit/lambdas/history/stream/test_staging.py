from __future__ import annotations

from datetime import UTC, datetime

from lambdas.history.facts.fact import EntryFact
from lambdas.history.stream.staging import Staged, all_staged, batch_name, facts_in, stage
from tests.rigs.history import MemoryFiles


def entry(day: int, number: int = 1, site: str = "north") -> EntryFact:
    at = datetime(2026, 11, day, 9, tzinfo=UTC)
    return EntryFact(site=site, number=number, mark="m", at=at, by="source")


def test_facts_are_in_a_file_of_their_site_and_day() -> None:
    files = MemoryFiles()
    assert stage(files, "b", [entry(22), entry(23), entry(22, 2), entry(22, site="south")]) == 3
    found = all_staged(files)
    assert [(each.day, each.site) for each in found] == [
        ("2026-11-22", "north"),
        ("2026-11-22", "south"),
        ("2026-11-23", "north"),
    ]
    assert list(facts_in(files, found[0])) == [entry(22), entry(22, 2)]


def test_only_the_days_asked_for_are_listed() -> None:
    files = MemoryFiles()
    stage(files, "b", [entry(22), entry(23)])
    assert all_staged(files, ["2026-11-23", "2026-11-24"]) == [Staged("2026-11-23", "north", "b.jsonl.gz")]


def test_the_same_batch_has_the_same_name_and_the_same_bytes() -> None:
    first, second = MemoryFiles(), MemoryFiles()
    for files in (first, second):
        stage(files, batch_name("007", ["a", "b"]), [entry(22)])
    assert first.held == second.held


def test_another_part_of_a_batch_has_another_name() -> None:
    names = [batch_name("007", ["a", "b"]), batch_name("007", ["a"]), batch_name("007", ["ab"])]
    assert len({*names, batch_name("008", ["a", "b"])}) == 4
