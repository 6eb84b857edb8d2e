"""The step intake: every message answered, Success only from the disk, many messages to a commit."""

from __future__ import annotations

import logging
import sqlite3
import threading
import tracemalloc
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from edge_relay.dicom.encoding import element
from edge_relay.dicom.json_model import decode
from edge_relay.mpps.event import MIX_UP
from edge_relay.mpps.intake import MOST_WAITING, StepAnswer, StepIntake, StepRequest
from edge_relay.mpps.journal import Batch, Journal
from edge_relay.mpps.journal_reader import JournalReader
from shared.errors import Unavailable
from shared.steps.image_references import MOST_LISTED
from shared.steps.procedure_step import EventResult
from shared.steps.step_dataset import ScheduledStepReference
from shared.worklist_item import Status, WorklistItem
from tests.rigs import references
from tests.rigs.builders import an_item
from tests.rigs.mpps import (
    ITEM,
    NOW,
    began,
    completed,
    discontinued,
    encoded,
    progress,
    put,
    unscheduled,
    with_images,
)
from tests.rigs.patience import PATIENCE

UID = "2.25.99"
Kind = Any


class Items:
    """A worklist in memory."""

    def __init__(self, *items: WorklistItem) -> None:
        self.items = items
        self.error: Exception | None = None

    def linked(self, reference: ScheduledStepReference) -> Iterable[WorklistItem]:
        if self.error is not None:
            raise self.error
        return self.items

    def of_patient(self, patient_id: str, modality: str, day: str) -> Iterable[WorklistItem]:
        return self.items


class SlowJournal(Journal):
    """A journal whose commits can be held up, and which counts them."""

    def __init__(self, path: Path) -> None:
        self.may_commit = threading.Event()
        self.may_commit.set()
        self.in_commit = threading.Event()
        self.batches: list[int] = []
        super().__init__(path)

    def batch(self) -> Any:
        return _Held(self, super().batch())


class _Held:
    def __init__(self, journal: SlowJournal, inner: Any) -> None:
        self.journal, self.inner = journal, inner

    def __enter__(self) -> Batch:
        batch: Batch = self.inner.__enter__()
        self.batch = batch
        return batch

    def __exit__(self, *error: Any) -> Any:
        self.journal.in_commit.set()
        assert self.journal.may_commit.wait(PATIENCE)
        self.journal.batches.append(len(self.batch.appended))
        return self.inner.__exit__(*error)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[SlowJournal]:
    opened = SlowJournal(path)
    yield opened
    opened.close()


@pytest.fixture
def items() -> Items:
    return Items(ITEM)


@pytest.fixture
def intake(journal: SlowJournal, items: Items) -> Iterator[StepIntake]:
    started = StepIntake(journal, items, now=lambda: NOW, new_uuid=uuid4)
    started.start()
    yield started
    journal.may_commit.set()
    assert started.stop(PATIENCE)


def request(
    kind: Kind, dataset: Dataset | None = None, uid: str = UID, *, strict: bool = False, **changes: Any
) -> StepRequest:
    implicit = changes.get("implicit", False)
    data = changes.pop("data", encoded(dataset, implicit=implicit) if dataset is not None else b"")
    fields = {"implicit": implicit, "calling_aetitle": "SCANNER1", "strict": strict, **changes}
    return StepRequest(kind, uid, data, **fields)


def ask(intake: StepIntake, *args: Any, **changes: Any) -> StepAnswer:
    return intake.submit(request(*args, **changes)).result(PATIENCE)


def test_the_story_of_a_step(intake: StepIntake, journal: SlowJournal) -> None:
    assert ask(intake, "N-CREATE", began()) == StepAnswer(0, sop_instance_uid=UID, item_count=1)
    assert journal.overlay()[ITEM.id].status is Status.IN_PROGRESS
    assert ask(intake, "N-SET", progress()).status == 0
    assert ask(intake, "N-SET", completed()).status == 0
    assert journal.overlay()[ITEM.id].status is Status.COMPLETED
    assert [each.kind for each in journal.open_events()] == ["N-CREATE", "N-SET", "N-SET"]


@pytest.mark.parametrize("implicit", [True, False])
def test_a_uid_left_to_us_is_made_and_returned(intake: StepIntake, implicit: bool) -> None:
    answer = ask(intake, "N-CREATE", began(), "", implicit=implicit)
    assert answer.status == 0
    assert answer.sop_instance_uid.startswith("2.25.")
    assert ask(intake, "N-SET", completed(), answer.sop_instance_uid, implicit=implicit).status == 0


def wrong(**values: Any) -> Dataset:
    return put(began(), **values)


def without(dataset: Dataset, keyword: str) -> Dataset:
    delattr(dataset, keyword)
    return dataset


@pytest.mark.parametrize(
    ("kind", "dataset", "strict", "status", "error_id"),
    [
        # service   what is wrong with it                                        strict  status  error id
        ("N-CREATE", wrong(PerformedProcedureStepStatus="COMPLETED"), False, 0x0106, None),
        ("N-CREATE", wrong(PerformedProcedureStepStatus="DONE"), False, 0x0106, None),
        ("N-CREATE", without(began(), "Modality"), True, 0x0120, None),
        ("N-CREATE", wrong(Modality=""), True, 0x0121, None),
        ("N-SET", completed(), False, 0x0112, None),
        ("N-SET", put(completed(), PatientName="A^B"), True, 0x0105, None),
    ],
)
def test_what_the_standard_forbids_is_answered_with_its_status_and_leaves_no_trace(
    intake: StepIntake,
    journal: SlowJournal,
    kind: str,
    dataset: Dataset,
    strict: bool,
    status: int,
    error_id: int | None,
) -> None:
    answer = ask(intake, kind, dataset, strict=strict)
    assert (answer.status, answer.error_id) == (status, error_id)
    assert answer.comment
    assert journal.open_events() == []


def test_a_known_uid_is_a_duplicate_also_if_the_same_is_sent_again(intake: StepIntake) -> None:
    assert ask(intake, "N-CREATE", began()).status == 0
    assert ask(intake, "N-CREATE", began()).status == 0x0111


@pytest.mark.parametrize("last", [completed(), discontinued()])
def test_a_step_that_ended_may_no_longer_be_updated(intake: StepIntake, last: Dataset) -> None:
    ask(intake, "N-CREATE", began())
    assert ask(intake, "N-SET", last).status == 0
    late = ask(intake, "N-SET", progress())
    assert (late.status, late.error_id) == (0x0110, 0xA710)
    assert late.comment == "Performed Procedure Step Object may no longer be updated"


def test_a_strict_scanner_may_not_complete_without_series_and_may_try_again(intake: StepIntake) -> None:
    ask(intake, "N-CREATE", began(), strict=True)
    refused = ask(intake, "N-SET", without(completed(), "PerformedSeriesSequence"), strict=True)
    assert refused.status == 0x0121
    series = put(progress(), PerformedSeriesSequence=completed().PerformedSeriesSequence)
    assert ask(intake, "N-SET", series, strict=True).status == 0
    assert ask(intake, "N-SET", without(completed(), "PerformedSeriesSequence"), strict=True).status == 0


def test_what_was_wrong_is_journaled_and_logged_without_patient_data(
    intake: StepIntake, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        ask(intake, "N-CREATE", without(began(), "Modality"))
        ask(intake, "N-SET", discontinued(wrong_entry=True))
    reader = JournalReader(path)
    last, first = reader.warned_events(10)
    reader.close()
    assert first.warnings == ("missing: Modality",)
    assert MIX_UP in last.warnings
    assert "missing: Modality" in caplog.text
    assert ITEM.patient_id not in caplog.text


def test_a_step_is_linked_to_all_items_it_names(
    intake: StepIntake, journal: SlowJournal, items: Items
) -> None:
    items.items = (ITEM, an_item("002"), an_item("003"))
    answer = ask(intake, "N-CREATE", began(an_item("003"), ITEM))
    assert answer.item_count == 2
    assert set(journal.overlay()) == {ITEM.id, an_item("003").id}
    assert journal.due(1)[0].item_ids == (an_item("003").id, ITEM.id)


def warnings_of(journal: Journal) -> tuple[str, ...]:
    return journal.due(1)[0].warnings


def test_an_unscheduled_step_is_kept_and_a_likely_item_only_named(
    intake: StepIntake, journal: SlowJournal
) -> None:
    assert ask(intake, "N-CREATE", unscheduled()).item_count == 0
    assert journal.overlay() == {}
    assert any(
        f"inferred candidate by patient, modality and day: item {ITEM.id}" in w for w in warnings_of(journal)
    )


@pytest.mark.parametrize(
    "there",
    [
        (),
        (ITEM, an_item("002", patient_id=ITEM.patient_id)),
        (an_item(patient_id="another"),),
        (an_item(modality="CT"),),
        (an_item(scheduled_start_date="20261123"),),
        (an_item(performed_procedure_step_status="COMPLETED"),),
    ],
)
def test_nothing_is_inferred_unless_exactly_one_open_item_fits(
    intake: StepIntake, journal: SlowJournal, items: Items, there: tuple[WorklistItem, ...]
) -> None:
    items.items = there
    ask(intake, "N-CREATE", unscheduled())
    assert not any("inferred" in warning for warning in warnings_of(journal))


@pytest.mark.parametrize("error", [sqlite3.OperationalError("disk"), Unavailable("gone")])
def test_a_cache_that_cannot_be_read_costs_the_link_and_not_the_step(
    intake: StepIntake, journal: SlowJournal, items: Items, error: Exception
) -> None:
    items.error = error
    assert ask(intake, "N-CREATE", began()).status == 0
    assert "not linked: the worklist could not be read" in warnings_of(journal)


def test_a_fault_of_ours_is_an_answer_too_and_the_next_message_is_served(
    intake: StepIntake, items: Items, caplog: pytest.LogCaptureFixture
) -> None:
    items.error = ZeroDivisionError("Doe^John")
    assert ask(intake, "N-CREATE", began()) == StepAnswer(0x0110, "internal fault")
    assert "ZeroDivisionError" in caplog.text
    assert "Doe" not in caplog.text
    items.error = None
    assert ask(intake, "N-CREATE", began()).status == 0


@given(st.binary(max_size=100), st.booleans(), st.sampled_from(["N-CREATE", "N-SET"]))
@settings(max_examples=200)
def test_junk_is_answered(data: bytes, implicit: bool, kind: Kind) -> None:
    answer = _idle()._read(request(kind, data=data, implicit=implicit))
    assert not isinstance(answer, StepAnswer) or 0x0105 <= answer.status <= 0x0121


def _idle() -> StepIntake:
    class NoJournal(Journal):
        def __init__(self) -> None: ...

    return StepIntake(NoJournal(), Items(), now=lambda: NOW, new_uuid=uuid4)


def test_a_data_set_that_breaks_off_is_a_processing_failure(intake: StepIntake) -> None:
    answer = ask(intake, "N-CREATE", data=encoded(began())[:-3])
    assert answer.status == 0x0110
    assert "cannot be decoded" in answer.comment


def test_what_waits_for_a_commit_shares_the_next_one_in_order(
    intake: StepIntake, journal: SlowJournal
) -> None:
    journal.may_commit.clear()
    first = intake.submit(request("N-CREATE", began(), "2.25.1"))
    assert journal.in_commit.wait(PATIENCE)
    rest = [intake.submit(request("N-SET", completed(), "2.25.1"))]
    rest += [intake.submit(request("N-CREATE", began(), f"2.25.{number}")) for number in range(2, 20)]
    rest += [intake.submit(request("N-SET", completed(), "2.25.500"))]  # refused, and alone
    rest += [intake.submit(request("N-CREATE", data=b"junk", uid="2.25.600"))]
    assert not first.done()
    journal.may_commit.set()
    assert first.result(PATIENCE).status == 0
    assert [each.result(PATIENCE).status for each in rest] == [0] * 19 + [0x0112, 0x0110]
    assert journal.batches == [1, 19]


def test_nobody_is_answered_before_the_commit_and_success_is_on_the_disk(
    intake: StepIntake, journal: SlowJournal, path: Path
) -> None:
    journal.may_commit.clear()
    future = intake.submit(request("N-CREATE", began()))
    assert journal.in_commit.wait(PATIENCE)
    assert not future.done()
    with closing(JournalReader(path)) as reader:
        assert reader.open_events() == []
    journal.may_commit.set()
    assert future.result(PATIENCE).status == 0
    with closing(JournalReader(path)) as reader:
        assert len(reader.open_events()) == 1


def test_too_much_waiting_is_refused_at_once_and_nothing_taken_is_lost(
    intake: StepIntake, journal: SlowJournal
) -> None:
    journal.may_commit.clear()
    first = intake.submit(request("N-CREATE", began(), "2.25.1"))
    assert journal.in_commit.wait(PATIENCE)
    more = request("N-SET", progress(), "2.25.1")
    waiting = [intake.submit(more) for _ in range(MOST_WAITING)]
    refused = intake.submit(more)
    assert refused.done()
    assert refused.result().status == 0x0213
    journal.may_commit.set()
    assert {each.result(PATIENCE).status for each in (first, *waiting)} == {0}
    assert len(journal.open_events()) == 1 + MOST_WAITING


def test_a_request_cancelled_before_its_turn_is_left_out(intake: StepIntake, journal: SlowJournal) -> None:
    journal.may_commit.clear()
    intake.submit(request("N-CREATE", began(), "2.25.1"))
    assert journal.in_commit.wait(PATIENCE)
    given_up = intake.submit(request("N-CREATE", began(), "2.25.2"))
    last = intake.submit(request("N-CREATE", began(), "2.25.3"))
    assert given_up.cancel()
    journal.may_commit.set()
    assert last.result(PATIENCE).status == 0
    assert journal.step("2.25.2") is None


def test_stopping_finishes_what_was_submitted_and_takes_no_more(journal: SlowJournal, items: Items) -> None:
    intake = StepIntake(journal, items, now=lambda: NOW, new_uuid=uuid4)
    assert intake.stop(0.1)  # never started: nothing to wait for
    intake = StepIntake(journal, items, now=lambda: NOW, new_uuid=uuid4)
    waiting = [intake.submit(request("N-CREATE", began(), f"2.25.{n}")) for n in range(1, 4)]
    intake.start()
    assert intake.stop(PATIENCE)
    assert [each.result(0).status for each in waiting] == [0, 0, 0]
    assert intake.submit(request("N-CREATE", began())).result(0).status == 0x0213


def test_stopping_gives_up_in_time_if_a_commit_hangs(intake: StepIntake, journal: SlowJournal) -> None:
    journal.may_commit.clear()
    hanging = intake.submit(request("N-CREATE", began()))
    assert journal.in_commit.wait(PATIENCE)
    assert not intake.stop(0.05)
    journal.may_commit.set()
    assert hanging.result(PATIENCE).status == 0


def test_a_disk_that_fails_fails_the_batch_and_not_the_thread(
    intake: StepIntake, journal: SlowJournal
) -> None:
    assert ask(intake, "N-CREATE", began(), "2.25.1").status == 0
    db = journal._file.db
    db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0]}")
    long = request("N-SET", with_images(1000), "2.25.1")
    failed = intake.submit(long).result(PATIENCE)
    assert failed == StepAnswer(0x0213, "the step cannot be stored at the moment, send it again")
    assert journal.problem
    db.execute("PRAGMA max_page_count = 100000")
    assert intake.submit(long).result(PATIENCE).status == 0
    assert journal.problem == ""


def test_an_event_id_that_comes_twice_fails_one_event_of_its_batch(
    journal: SlowJournal, items: Items
) -> None:
    ids = iter([UUID(int=n) for n in (1, 7, 2, 7, 3, 8)])  # a SOP Instance UID, then an event id, each time
    intake = StepIntake(journal, items, now=lambda: NOW, new_uuid=lambda: next(ids))
    futures = [intake.submit(request("N-CREATE", began(), "")) for _ in range(3)]
    intake.start()
    assert [each.result(PATIENCE).status for each in futures] == [0, 0x0110, 0]
    assert intake.stop(PATIENCE)


def got(intake: StepIntake, *tags: int, uid: str = UID, implicit: bool = False) -> tuple[StepAnswer, Any]:
    answer = intake.submit(request("N-GET", uid=uid, tags=tags, implicit=implicit)).result(PATIENCE)
    return answer, answer.data and decode(answer.data, implicit=implicit)[0]


@pytest.mark.parametrize("implicit", [True, False])
def test_a_scanner_gets_back_what_it_sent(intake: StepIntake, implicit: bool) -> None:
    ask(intake, "N-CREATE", began())
    ask(intake, "N-SET", completed())
    answer, step = got(intake, implicit=implicit)
    assert (answer.status, answer.sop_instance_uid) == (0, UID)
    assert step["00100010"]["Value"] == [{"Alphabetic": ITEM.patient_name}]
    assert step["00400252"]["Value"] == ["COMPLETED"]
    assert step["00400270"]["Value"][0]["0020000D"]["Value"] == [ITEM.study_instance_uid]


def test_only_what_is_asked_for_is_returned_with_the_character_set(intake: StepIntake) -> None:
    ask(intake, "N-CREATE", began())
    answer, step = got(intake, 0x00400252, 0x00080060)
    assert answer.status == 0
    assert list(step) == ["00080005", "00080060", "00400252"]


def test_what_is_not_held_is_a_warning_and_the_rest_comes(intake: StepIntake) -> None:
    ask(intake, "N-CREATE", began())
    answer, step = got(intake, 0x00400252, 0x00189999)
    assert answer.status == 0x0001
    assert "00400252" in step


def test_a_step_that_is_unknown_or_no_longer_held_is_no_such_instance(
    intake: StepIntake, journal: SlowJournal
) -> None:
    assert got(intake)[0].status == 0x0112
    ask(intake, "N-CREATE", began())
    assert got(intake, uid="2.25.1")[0].status == 0x0112


def test_a_get_sees_what_was_submitted_before_it(intake: StepIntake, journal: SlowJournal) -> None:
    journal.may_commit.clear()
    intake.submit(request("N-CREATE", began(), "2.25.1"))
    assert journal.in_commit.wait(PATIENCE)
    futures: list[Future[StepAnswer]] = [
        intake.submit(request("N-CREATE", began())),
        intake.submit(request("N-GET", tags=(0x00400252,))),
        intake.submit(request("N-SET", completed())),
        intake.submit(request("N-GET", tags=(0x00400252,))),
    ]
    journal.may_commit.set()
    answers = [each.result(PATIENCE) for each in futures]
    assert [each.status for each in answers] == [0, 0, 0, 0]
    seen = [decode(each.data, implicit=False)[0]["00400252"]["Value"] for each in answers if each.data]
    assert seen == [["IN PROGRESS"], ["COMPLETED"]]


MANY = MOST_LISTED + 1


@pytest.mark.parametrize("implicit", [True, False])
@pytest.mark.parametrize("asked_implicit", [True, False])
def test_a_step_of_many_images_is_kept_complete_and_goes_up_counted(
    intake: StepIntake, journal: SlowJournal, implicit: bool, asked_implicit: bool
) -> None:
    ask(intake, "N-CREATE", began())
    data = references.ended(MANY, 3, implicit=implicit)
    assert ask(intake, "N-SET", data=data, implicit=implicit).status == 0
    _, ended = journal.due(1)[0], journal.step(UID)
    assert ended is not None
    assert (ended.image_count, ended.series_count) == (MANY + 3, 2)
    journal.record_result(EventResult(event_id=journal.due(1)[0].event_id, outcome="recorded"))
    (sent,) = journal.due(1)
    series = sent.dataset["00400340"]["Value"]
    assert [each["00081140"] for each in series] == [{"vr": "SQ", "Count": MANY}, {"vr": "SQ", "Count": 3}]
    answer, step = got(intake, 0x00400340, implicit=asked_implicit)
    assert answer.status == 0
    assert step["00400340"] == decode(data, implicit=implicit)[0]["00400340"]


def test_a_later_list_replaces_an_earlier_one_and_few_images_many(intake: StepIntake) -> None:
    ask(intake, "N-CREATE", began())
    for count in (MANY, MANY + 1, 2):
        data = references.ended(count, implicit=False, status="IN PROGRESS")
        assert ask(intake, "N-SET", data=data).status == 0
        _, step = got(intake)
        assert len(step["00400340"]["Value"][0]["00081140"]["Value"]) == count


@pytest.mark.parametrize(
    ("more", "status"),
    [
        (b"", 0x0000),
        (element(0x00081160, "IS", b"1", implicit=False), 0x0000),
        (element(0x00081199, "SQ", b"", implicit=False), 0x0000),
        (element(0x00080060, "DA", b"2026-11-27", implicit=False), 0x0106),
    ],
    ids=["plain", "a frame", "an empty sequence", "an illegal value"],
)
def test_a_strict_scanner_s_many_images_are_judged_like_few(
    intake: StepIntake, more: bytes, status: int
) -> None:
    for count in (3, MANY):
        uid = f"2.25.{count}"
        ask(intake, "N-CREATE", began(), uid)
        data = references.ended(count, implicit=False, more=more)
        assert ask(intake, "N-SET", uid=uid, data=data, strict=True).status == status


def test_the_lists_of_a_step_go_with_it(intake: StepIntake, journal: SlowJournal) -> None:
    ask(intake, "N-CREATE", began())
    ask(intake, "N-SET", data=references.ended(MANY, implicit=False))
    for _ in range(2):
        journal.record_result(EventResult(event_id=journal.due(1)[0].event_id, outcome="recorded"))
    held = "SELECT count(*) FROM reference_lists"
    assert journal._file.db.execute(held).fetchone() == (1,)
    assert journal.prune(NOW + timedelta(days=1)) == 2
    assert journal._file.db.execute(held).fetchone() == (0,)


def test_damaged_images_are_told_and_never_left_out(intake: StepIntake, journal: SlowJournal) -> None:
    ask(intake, "N-CREATE", began())
    ask(intake, "N-SET", data=references.ended(MANY, implicit=False))
    journal._file.db.execute("UPDATE reference_lists SET packed = zeroblob(10)")
    assert got(intake)[0].status == 0x0110
    journal._file.db.execute("DELETE FROM reference_lists")
    assert got(intake)[0].status == 0x0110


def test_images_that_nobody_asked_for_or_that_were_replaced_are_not_read(
    intake: StepIntake, journal: SlowJournal
) -> None:
    ask(intake, "N-CREATE", began())
    ask(intake, "N-SET", data=references.ended(MANY, implicit=False, status="IN PROGRESS"))
    journal._file.db.execute("UPDATE reference_lists SET packed = zeroblob(10)")  # whoever reads it, notices
    answer, step = got(intake, 0x00400252)
    assert (answer.status, step["00400252"]["Value"]) == (0, ["IN PROGRESS"])
    assert got(intake, 0x00400252, 0x00400340)[0].status == 0x0110
    ask(intake, "N-SET", data=references.ended(MANY + 1, implicit=False))
    answer, step = got(intake)
    assert answer.status == 0
    assert len(step["00400340"]["Value"][0]["00081140"]["Value"]) == MANY + 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tags", "most"), [((0x00400252,), 1 << 20), ((0x00400340,), 20 << 20), ((), 20 << 20)], ids=str
)
def test_the_memory_of_a_get_of_very_many_images_is_a_few_times_its_answer(
    intake: StepIntake, tags: tuple[int, ...], most: int
) -> None:
    data = references.ended(20_000, 20_000, implicit=False)
    assert 4 << 20 < len(data) < 5 << 20
    ask(intake, "N-CREATE", began())
    ask(intake, "N-SET", data=data)
    tracemalloc.start()
    try:
        answer = intake.submit(request("N-GET", tags=tags)).result(PATIENCE)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert answer.status == 0
    assert peak < most


@pytest.mark.parametrize(
    "keyword",
    ["CommentsOnThePerformedProcedureStep", "PerformedProcedureStepID"],
)
def test_what_the_cloud_would_never_take_is_not_answered_with_success(
    intake: StepIntake, journal: SlowJournal, keyword: str
) -> None:
    noise = Random(1).randbytes(450_000).hex()  # cannot be packed much
    answer = ask(intake, "N-CREATE", put(began(), **{keyword: noise}), implicit=True)
    needed = keyword == "PerformedProcedureStepID"  # the other is left out on the way up, and that is said
    assert (answer.status == 0) is not needed
    assert len(journal.open_events()) == (0 if needed else 1)


def test_a_get_from_an_unreadable_journal_is_answered(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"no database" * 1000)
    journal = Journal(tmp_path / "journal.db")
    intake = StepIntake(journal, Items(), now=lambda: NOW, new_uuid=uuid4)
    intake.start()
    assert got(intake)[0].status == 0x0213
    assert ask(intake, "N-CREATE", began()).status == 0x0213
    assert intake.stop(PATIENCE)
    journal.close()


def test_a_step_that_its_scanner_left_unfinished_is_told_and_frees_its_item(
    journal: SlowJournal, items: Items, caplog: pytest.LogCaptureFixture
) -> None:
    minutes = iter(range(60))
    intake = StepIntake(journal, items, now=lambda: NOW + timedelta(minutes=next(minutes)), new_uuid=uuid4)
    intake.start()
    ask(intake, "N-CREATE", began(), "2.25.1")
    ask(intake, "N-CREATE", began(), "2.25.2")
    assert ask(intake, "N-SET", completed(), "2.25.2").status == 0
    assert journal.overlay()[ITEM.id].status is Status.COMPLETED
    assert "step 2.25.1 was never ended" in caplog.text
    assert ask(intake, "N-SET", progress(), "2.25.1").status == 0
    assert journal.overlay()[ITEM.id].status is Status.IN_PROGRESS
    assert intake.stop(PATIENCE)


def test_a_link_by_the_study_alone_is_kept_with_the_report(intake: StepIntake, journal: SlowJournal) -> None:
    dataset = began()
    dataset.ScheduledStepAttributesSequence[0].ScheduledProcedureStepID = "OTHER"
    dataset.ScheduledStepAttributesSequence[0].AccessionNumber = ""
    assert ask(intake, "N-CREATE", dataset).item_count == 1
    assert warnings_of(journal) == (f"linked by the study alone, the step id is another: item {ITEM.id}",)
