"""Scanners that share a commit get the answers, and leave the journal, that they would one after another."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from edge_relay.mpps.intake import StepAnswer, StepIntake, StepRequest
from edge_relay.mpps.journal import Journal
from edge_relay.mpps.journal_reader import JournalReader
from shared.worklist_item import WorklistItem
from tests.rigs.builders import an_item
from tests.rigs.mpps import NOW, began, completed, discontinued, encoded, progress
from tests.rigs.patience import PATIENCE

MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # a disk takes its time
ITEMS = (an_item(), an_item(id="second", scheduled_procedure_step_id="S2", study_instance_uid="2.25.77"))
SAID: dict[str, tuple[Any, Dataset | None]] = {
    "begins one": ("N-CREATE", began(ITEMS[0])),
    "begins the other": ("N-CREATE", began(ITEMS[1])),
    "begins both": ("N-CREATE", began(*ITEMS)),
    "goes on": ("N-SET", progress()),
    "ends": ("N-SET", completed()),
    "gives up": ("N-SET", discontinued(wrong_entry=True)),
    "says nothing legal": ("N-SET", None),
    "asks": ("N-GET", None),
}
MESSAGES = st.tuples(st.sampled_from(sorted(SAID)), st.sampled_from(["2.25.1", "2.25.2", "2.25.3"]))


class Items:
    """A worklist in memory."""

    def linked(self, _: object) -> Iterable[WorklistItem]:
        return ITEMS

    def of_patient(self, *_: str) -> Iterable[WorklistItem]:
        return ()


class Left(NamedTuple):
    """What came of it."""

    answers: list[StepAnswer]
    events: list[Any]
    steps: list[Any]
    overlay: dict[str, Any]
    missing: list[Any]


def request(what: str, uid: str, scanner: str) -> StepRequest:
    kind, dataset = SAID[what]
    data = encoded(dataset, implicit=False) if dataset is not None else b"" if kind == "N-GET" else b"junk"
    return StepRequest(kind, uid, data, implicit=False, calling_aetitle=scanner, strict=False)


def played(groups: Sequence[Sequence[StepRequest]]) -> Left:
    """Let each group of messages wait together, so that they share a commit; return what came of it."""
    ids = (UUID(int=number) for number in range(1, 1000))
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        path = Path(folder) / "journal.db"
        with closing(Journal(path, boot="boot")) as journal:
            answers = []
            for group in groups:
                intake = StepIntake(journal, Items(), now=lambda: NOW, new_uuid=lambda: next(ids))
                waiting = [intake.submit(each) for each in group]
                intake.start()
                answers += [each.result(PATIENCE) for each in waiting]
                assert intake.stop(PATIENCE)
            steps = [journal.step(uid) for uid in ("2.25.1", "2.25.2", "2.25.3")]
            overlay = dict(journal.overlay())
        with closing(JournalReader(path)) as reader:
            return Left(answers, reader.open_events(), steps, overlay, reader.missing())


@settings(max_examples=25)
@given(st.lists(st.lists(MESSAGES, min_size=1, max_size=8), min_size=1, max_size=4))
def test_it_makes_no_difference_who_shares_a_commit(groups: list[list[tuple[str, str]]]) -> None:
    requests = [
        [request(what, uid, f"SCANNER{number % 3}") for number, (what, uid) in enumerate(group)]
        for group in groups
    ]
    alone = [[each] for group in requests for each in group]
    together = played(requests)
    assert together == played(alone)
    assert together.missing == []
