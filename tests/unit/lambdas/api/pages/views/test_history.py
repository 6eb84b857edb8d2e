"""What became of an exam, in words: who, what, which fields."""

from __future__ import annotations

from typing import Any

from lambdas.api.pages.views.history import audit_lines, history_lines
from lambdas.api.schemas.audit import AuditRecord
from tests.rigs.site_state import NOW, a_site


def record(**changes: Any) -> AuditRecord:
    fields: dict[str, Any] = {
        "at": NOW,
        "actor_kind": "person",
        "actor": "ana",
        "address": "",
        "request_id": "",
        "site": "north",
        "action": "changed",
        "kind": "item",
        "id": "1",
        "ids": (),
        "before": {"patient_name": "A^B"},
        "after": {"patient_name": "A^C"},
        "entry": "",
        "previous": "",
    }
    return AuditRecord.model_validate({**fields, **changes})


def test_a_change_is_told_with_what_was_there() -> None:
    [line] = history_lines([record()], a_site())
    assert (line.when, line.who, line.what) == ("10:00", "ana", "item changed")
    assert line.changes == (("Name", "A^B", "A^C"),)


def test_the_newest_comes_first() -> None:
    lines = history_lines([record(actor="first"), record(actor="last")], a_site())
    assert [line.who for line in lines] == ["last", "first"]


def test_whoever_is_no_person_is_named_in_words() -> None:
    for kind, name, said in (
        ("source", "study", "REDCap (study)"),
        ("relay", "r1", "the scanner, by its relay (r1)"),
        ("system", "", "the system"),
    ):
        [line] = history_lines([record(actor_kind=kind, actor=name)], a_site())
        assert line.who == said


def test_hidden_names_and_the_audit_page_show_no_values() -> None:
    [hidden] = history_lines([record()], a_site(), hides_names=True)
    [audited] = audit_lines([record()], a_site())
    assert hidden.changes == audited.changes == (("Name", "-", "-"),)


def test_a_long_value_is_cut() -> None:
    [line] = history_lines([record(after={"definition": "x" * 500}, before={})], a_site())
    assert line.changes[0].label == "definition"
    assert len(line.changes[0].after) == 81
