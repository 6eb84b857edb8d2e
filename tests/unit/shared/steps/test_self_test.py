from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from shared.feed import FeedPage
from shared.steps.procedure_step import ProcedureStepEvent
from shared.steps.self_test import FeedSelfTest, exam_of, id_of, is_test_patient, item_of_event, step_uid
from tests.rigs.builders import an_event, an_item

TEST = id_of(UUID(int=7))
NOW = datetime(2026, 11, 27, 6, 30, tzinfo=UTC)
ITEM = exam_of(TEST, "north", NOW)


def an_event_of(item_ids: tuple[str, ...], uid: str) -> ProcedureStepEvent:
    changes: dict[str, Any] = {"item_id": None, "item_ids": item_ids, "sop_instance_uid": uid}
    return an_event(an_item("1"), uid).model_copy(update=changes)


def test_a_report_whose_item_and_uid_are_a_tests_is_the_tests() -> None:
    assert item_of_event(an_event_of((TEST,), step_uid(TEST))) == TEST


@pytest.mark.parametrize(
    ("item_ids", "uid"),
    [
        ((TEST,), "2.25.4"),
        (("other",), step_uid(TEST)),
        ((), step_uid(TEST)),
        ((TEST, "other"), step_uid(TEST)),
        ((id_of(UUID(int=8)),), step_uid(TEST)),
    ],
    ids=["other UID", "other item", "no item", "a real item too", "another test"],
)
def test_a_report_that_only_half_looks_like_a_tests_is_a_scans(item_ids: tuple[str, ...], uid: str) -> None:
    assert item_of_event(an_event_of(item_ids, uid)) is None


def test_its_patient_id_is_known_as_one() -> None:
    assert is_test_patient(ITEM.patient_id)


@pytest.mark.parametrize("patient_id", ["", "*", "SELF-TEST-*", ITEM.patient_id[:-1] + "?", "P-001", TEST])
def test_no_other_patient_id_and_no_pattern_is_taken_for_it(patient_id: str) -> None:
    assert not is_test_patient(patient_id)


def a_page(**changes: Any) -> FeedPage:
    fields = {"epoch": "e", "snapshot": False, "items": (), "tombstones": (), "cursor": "c", "next": "n"}
    return FeedPage.model_validate(fields | {"more": False} | changes)


def test_an_earlier_cloud_says_nothing_of_tests_and_its_page_is_read() -> None:
    assert FeedPage.model_validate(a_page().model_dump(exclude={"self_tests"})) == a_page()


def test_a_test_is_in_no_field_that_an_earlier_relay_reads() -> None:
    page = a_page(self_tests=(FeedSelfTest(feed_seq=1, relay_id="r", expires_at=NOW, item=ITEM),))
    known_then = {"epoch", "snapshot", "items", "tombstones", "cursor", "next", "more"}
    assert TEST not in page.model_dump_json(include=known_then)
