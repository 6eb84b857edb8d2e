"""Finding a step's items in the cache."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge_relay.mpps.links import CachedWorklist, inferred, links
from edge_relay.worklist.cache import Cache
from edge_relay.worklist.cached_item import LinkCandidate
from shared.feed import FeedItem, FeedPage
from shared.steps.procedure_step import DataSetJson
from shared.steps.step_dataset import ScheduledStepReference
from shared.worklist_item import WorklistItem
from tests.rigs.builders import an_item
from tests.rigs.mpps import attributes, began, put, unscheduled

A, B, C = an_item("001"), an_item("002"), an_item("003", patient_id="sub-001")


@pytest.fixture
def worklist(tmp_path: Path) -> Iterator[CachedWorklist]:
    cache = Cache(tmp_path / "cache.db")
    rows = tuple(FeedItem(feed_seq=number, item=item) for number, item in enumerate((A, B, C), start=1))
    page = FeedPage(epoch="e", snapshot=True, items=rows, tombstones=(), cursor="c", next="n", more=False)
    cache.begin_snapshot()
    cache.apply_page(page, "etag")
    yield CachedWorklist(cache)
    cache.close()


def test_all_items_of_the_sequence_are_found_by_study_or_accession_number(worklist: CachedWorklist) -> None:
    dataset = began(B, A)
    dataset.ScheduledStepAttributesSequence[0].StudyInstanceUID = "2.25.1"  # the scanner's own
    assert links(attributes(dataset), worklist).item_ids == (B.id, A.id)


def test_what_linking_is_told_of_an_item_is_the_items_own(worklist: CachedWorklist) -> None:
    reference = ScheduledStepReference(
        A.study_instance_uid, A.scheduled_procedure_step_id, A.accession_number
    )
    (found,) = worklist.linked(reference)
    for name in LinkCandidate._fields:
        assert getattr(found, name) == getattr(A, name), name


def test_an_item_without_an_accession_number_is_not_meant_by_a_reference_without_one(
    tmp_path: Path,
) -> None:
    bare = A.model_copy(update={"accession_number": ""})
    with closing(Cache(tmp_path / "bare.db")) as cache:
        rows = (FeedItem(feed_seq=1, item=bare),)
        page = FeedPage(epoch="e", snapshot=True, items=rows, tombstones=(), cursor="c", next="n", more=False)
        cache.apply_page(page, "")
        assert not list(CachedWorklist(cache).linked(ScheduledStepReference("2.25.1", "S", "")))
        assert not list(CachedWorklist(cache).linked(ScheduledStepReference("", "S", "")))


def test_what_no_item_fits_is_unscheduled(worklist: CachedWorklist) -> None:
    assert links(attributes(began(an_item("999"))), worklist).item_ids == ()
    assert links(attributes(unscheduled(A)), worklist).item_ids == ()


def test_the_one_open_item_of_patient_modality_and_day_is_inferred(worklist: CachedWorklist) -> None:
    assert inferred(attributes(unscheduled(B)), worklist) == B.id
    assert inferred(attributes(unscheduled(A)), worklist) is None  # that patient has two
    assert inferred(attributes(put(unscheduled(B), PatientID="")), worklist) is None


def another_step(item: WorklistItem) -> DataSetJson:
    dataset = began(item)
    dataset.ScheduledStepAttributesSequence[0].ScheduledProcedureStepID = "OTHER"
    dataset.ScheduledStepAttributesSequence[0].AccessionNumber = ""
    return attributes(dataset)


def test_the_right_study_with_another_step_id_is_its_one_open_item_and_that_is_said(
    worklist: CachedWorklist,
) -> None:
    assert links(another_step(A), worklist) == ((A.id,), (A.id,))
    assert links(attributes(began(A)), worklist).by_study_alone == ()
