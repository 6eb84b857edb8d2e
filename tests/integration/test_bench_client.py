"""The benchmark's client in C asks what the one in Python asks, and takes no wrong answer for a fast one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_relay.relay import Relay
from shared.steps.procedure_step import StepStatus
from tests.bench import compiled, wire
from tests.bench.client import CALLING, Called
from tests.rigs.mpps import began, completed
from tests.rigs.relay import RELAY_AET, FakeCloud, eventually, item, running_relay
from tests.rigs.worklist import asking
from tests.rigs.worklist import encoded as explicit

pytestmark = [
    pytest.mark.skipif(compiled.program() is None, reason="there is no C compiler: apt-get install gcc"),
    pytest.mark.slow,
]


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Relay]:
    with FakeCloud() as cloud, running_relay(tmp_path, cloud, scanners=[{"ae_title": CALLING}]) as running:
        cloud.put(item("a"), item("b", patient_id="P-002"))
        eventually(lambda: running.cache.count() == 2)
        yield running


def asked(message: wire.Writes) -> compiled.Question:
    return compiled.Question(wire.WORKLIST, (message,), matches=1)


def load(relay: Relay, **keys: str) -> tuple[float, list[float]]:
    crowd = compiled.program()
    assert crowd is not None
    question = asked(wire.find(explicit(asking(**keys), implicit=False)))
    called = Called(*relay.address, RELAY_AET)
    return compiled.load(crowd, called, [question], clients=8, seconds=0.2, budget=20)


def test_it_asks_on_all_associations_and_takes_the_time_of_every_query(relay: Relay) -> None:
    seconds, latencies = load(relay, PatientID="P-002", PatientName="")
    answered = relay.report().scanners[CALLING]
    assert len(latencies) >= 8
    assert answered.requests == answered.answers == len(latencies)
    assert answered.associations == 8
    assert 0 < max(latencies) <= seconds


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"PatientID": "nobody"}, "answered 0000 with 0 matches instead of 1"),
        ({"PatientName": ""}, "answered 0000 with 2 matches instead of 1"),
        ({"PatientBirthDate": "yesterday"}, "answered A900 with 0 matches instead of 1"),
    ],
)
def test_an_answer_that_is_not_the_right_one_ends_it(relay: Relay, keys: dict[str, str], said: str) -> None:
    with pytest.raises(wire.WireError, match=said):
        load(relay, **keys)


def uid_of(number: int) -> str:
    return f"2.25.4711{number}"


def a_pair(number: int) -> compiled.Question:
    uid = uid_of(number)
    both = wire.create(uid, wire.encoded(began())), wire.change(uid, wire.encoded(completed()))
    return compiled.Question(wire.PERFORMED_STEP, both, matches=0)


def test_it_reports_every_exam_once_and_ends_when_there_are_no_more(relay: Relay) -> None:
    crowd = compiled.program()
    assert crowd is not None
    called = Called(*relay.address, RELAY_AET)
    exams = [a_pair(number) for number in range(20)]
    seconds, latencies = compiled.load(crowd, called, exams, clients=4, seconds=20, budget=30)
    assert len(latencies) == 20
    assert seconds < 20
    steps = [relay.journal.step(uid_of(number)) for number in range(20)]
    assert [step.status for step in steps if step] == [StepStatus.COMPLETED] * 20


def test_an_exam_that_is_refused_ends_it(relay: Relay) -> None:
    crowd = compiled.program()
    assert crowd is not None
    called = Called(*relay.address, RELAY_AET)
    with pytest.raises(wire.WireError, match="answered 0111 with 0 matches instead of 0"):
        compiled.load(crowd, called, [a_pair(1), a_pair(1)], clients=1, seconds=20, budget=30)


def test_a_server_that_refuses_ends_it(relay: Relay) -> None:
    crowd = compiled.program()
    assert crowd is not None
    with pytest.raises(wire.WireError, match="PDU of type 03"):
        compiled.load(crowd, Called(*relay.address, "OTHER"), [asked(())], clients=1, seconds=0.1, budget=20)
