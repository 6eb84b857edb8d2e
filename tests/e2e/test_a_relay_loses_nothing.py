"""The real relay and the real API: outages, and a relay killed at the worst moment."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import TypeVar
from unittest.mock import patch
from uuid import uuid4

import pytest
from pydicom.dataset import Dataset

from edge_relay.client import scu
from infra.local.options import StackOptions
from infra.local.stack import LocalStack
from lambdas.api.services import Services
from shared.steps.procedure_step import EventKind, StepStatus
from tests.faults import crashes, reporting
from tests.rigs.patience import PATIENCE

T = TypeVar("T")
CREATED, BOTH = [EventKind.N_CREATE], [EventKind.N_CREATE, EventKind.N_SET]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    with patch.dict(os.environ):
        for name in [name for name in os.environ if name.startswith(("AWS_", "REDCAP_"))]:
            del os.environ[name]
        with LocalStack(StackOptions(folder=tmp_path_factory.mktemp("stack") / "demo")) as running:
            until("the relay has the first sync's items", lambda: worklist(running))
            yield running


def until(what: str, look: Callable[[], T]) -> T:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if seen := look():
            return seen
        time.sleep(0.02)
    pytest.fail(f"in vain: {what}")


def worklist(stack: LocalStack, **keys: str) -> list[Dataset]:
    return stack.worklist(**keys)


def begin(stack: LocalStack, exam: Dataset) -> str:
    uid = f"2.25.{uuid4().int}"
    return scu.create_step(stack.peer, reporting.began_of(exam), uid)


def complete(stack: LocalStack, uid: str) -> None:
    scu.set_step(stack.peer, reporting.ended_step(), uid)


def arrived(services: Services, uid: str) -> list[EventKind]:
    return [event.kind for event in services.steps.events(uid)]


def test_without_the_cloud_scanners_are_served_and_their_reports_arrive_later_in_order_and_once(
    stack: LocalStack,
) -> None:
    exams = worklist(stack)
    stack.stop_api()
    try:
        uids = [begin(stack, exam) for exam in exams[:3]]
        complete(stack, uids[0])
        shown = {str(exam.PatientID): exam for exam in worklist(stack)}
        assert str(exams[0].PatientID) not in shown
        started = shown[str(exams[1].PatientID)].ScheduledProcedureStepSequence[0]
        assert started.ScheduledProcedureStepStatus == "STARTED"
        assert all(arrived(stack.services, uid) == [] for uid in uids)
    finally:
        stack.start_api()
    until("the completed exam's events", lambda: arrived(stack.services, uids[0]) == BOTH)
    until("the others", lambda: all(arrived(stack.services, uid) for uid in uids))
    assert [arrived(stack.services, uid) for uid in uids] == [BOTH, CREATED, CREATED]


def test_a_relay_killed_between_success_and_the_push_delivers_once_after_its_restart(
    stack: LocalStack,
) -> None:
    exam = worklist(stack)[-1]
    stack.stop_api()
    try:
        uid = begin(stack, exam)  # Success has been answered
        assert stack.relay is not None
        stack.relay.kill()
        stack.start_relay()
        [again] = worklist(stack, patient_id=str(exam.PatientID))
        assert again.ScheduledProcedureStepSequence[0].ScheduledProcedureStepStatus == "STARTED"
        complete(stack, uid)
    finally:
        stack.start_api()
    until("both events", lambda: arrived(stack.services, uid) == BOTH)
    step = stack.services.steps.find(uid)
    assert step is not None
    assert step.status is StepStatus.COMPLETED


def test_a_relay_killed_again_and_again_under_load_loses_doubles_and_reorders_nothing(
    stack: LocalStack,
) -> None:
    outcome = crashes.run(stack, kills=2, scanners=2, seed=1)
    assert outcome.faults == outcome.named == 2
    assert outcome.operations > 0
    assert outcome.wrong() == []
