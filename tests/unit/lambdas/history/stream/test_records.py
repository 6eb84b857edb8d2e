from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import pytest

from lambdas.history.facts.fact import SyncFact
from lambdas.history.stream.records import facts_of
from lambdas.sources.state import SourceState, SyncReport
from lambdas.sources.stored import StoredSource
from lambdas.sources.unshown_rows import RejectedRow
from lambdas.store.runs.packing import packed
from tests.rigs.history import NAMES, a_study

REPORT = SyncReport(finished_at=datetime(2026, 11, 22, 9, tzinfo=UTC), outcome="ok")
BEFORE = REPORT.model_copy(update={"finished_at": datetime(2026, 11, 22, 8, 59, tzinfo=UTC)})
ROW = RejectedRow(record="1", field="mri_time", reason="mri_time must look like 09:30")
STATE = SourceState(report=REPORT, rejected=(ROW,), rejected_count=1)


def image(state: SourceState, *, apart: bool) -> dict[str, Any]:
    parts = packed(state, apart=apart)
    return {
        "pk": {"S": "RUNS#3"},
        "sk": {"S": "study"},
        "definition": {"S": "d"},
        "state": {"B": b64encode(parts.short).decode()},
        **({"apart": {"S": parts.digest}} if parts.digest else {}),
    }


def told(new: dict[str, Any], old: dict[str, Any] | None = None, known: bool = True) -> list[SyncFact]:
    source = StoredSource("study", a_study(), "", STATE, 0.0)
    record = {"dynamodb": {"NewImage": new, **({"OldImage": old} if old else {})}}
    facts = facts_of(record, NAMES, lambda _: None, lambda _: source if known else None)
    return [fact for fact in facts if isinstance(fact, SyncFact)]


@pytest.mark.parametrize("apart", [True, False])
def test_a_syncs_report_comes_with_the_rows_that_are_not_shown(apart: bool) -> None:
    [fact] = told(image(STATE, apart=apart), image(STATE.model_copy(update={"report": BEFORE}), apart=apart))
    assert (fact.study, fact.at, fact.figures["rejected"], len(fact.unshown)) == (
        "study",
        REPORT.finished_at,
        1,
        1,
    )


def test_a_report_that_was_told_is_not_told_again() -> None:
    assert told(image(STATE, apart=False), image(STATE, apart=False)) == []


def test_a_source_that_was_deleted_meanwhile_tells_nothing() -> None:
    assert told(image(STATE, apart=False), known=False) == []


def test_a_row_that_was_deleted_tells_nothing() -> None:
    assert list(facts_of({"dynamodb": {}}, NAMES, lambda _: None, lambda _: None)) == []
