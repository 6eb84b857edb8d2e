"""The audit trail as CSV."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pytest

from lambdas.api.schemas.audit import COLUMNS, AuditRecord, as_csv
from lambdas.store.audit.entry import Actor, Entry, Subject

AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def record(**subject: object) -> AuditRecord:
    told = Subject.model_validate({"kind": "item", "id": "i", "action": "changed", **subject})
    actor = Actor(kind="person", name="ana")
    entry = Entry(at=AT, chain="c", number=1, previous="abc", actor=actor, subjects=(told,))
    return AuditRecord.of("k", entry, told)


def lines(*records: AuditRecord) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(as_csv(records))))


def test_each_field_that_changed_has_a_line() -> None:
    found = lines(record(before={"a": "1"}, after={"a": "2", "b": "x\ny"}))
    assert [(line["field"], line["before"], line["after"]) for line in found] == [
        ("a", "1", "2"),
        ("b", "", "x\ny"),
    ]
    assert found[0].keys() == set(COLUMNS)
    assert (found[0]["actor"], found[0]["at"], found[0]["previous"]) == ("ana", AT.isoformat(), "abc")


def test_what_changed_no_field_has_a_line_too() -> None:
    assert [line["field"] for line in lines(record(action="read"))] == [""]


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@x", "\tx"])
def test_no_spreadsheet_takes_a_cell_for_a_formula(value: str) -> None:
    assert lines(record(after={"a": value}))[0]["after"] == f"'{value}"
