"""An exam of 200,000 images, with the defaults: Success means that REDCap learns of COMPLETED."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from edge_relay.client import scu
from edge_relay.upper_layer.message import LargeAnswers
from lambdas.api.guard import MAX_BODY_BYTES
from shared.steps.procedure_step import ProcedureStepEvent
from shared.worklist_item import WorklistItem
from tests.fuzz import corpus
from tests.rigs import references
from tests.rigs.mpps import began, encoded
from tests.rigs.patience import PATIENCE
from tests.rigs.redcap import Rig, Stack
from tests.rigs.relay import FakeCloud, RelayProcess, eventually, item, running_relay, scanner
from tests.rigs.upper_layer import Peer
from tests.rigs.write_back import in_redcap, record, synced

ACCEPTORS = pytest.mark.parametrize("acceptor", ["asyncio", "pynetdicom"])
UID = "2.25.200000"
MOST_MEMORY_MB = 512
"""What the relay's service is given, infra/systemd/mwl-relay.service."""


@contextmanager
def associated(address: tuple[str, int], *, implicit: bool) -> Iterator[Peer]:
    peer = Peer(socket.create_connection(address, PATIENCE))
    try:
        peer.send(corpus.associate(implicit=implicit))
        assert peer.pdu() is not None
        yield peer
    finally:
        peer.close()


def create(uid: str, of: WorklistItem, *, implicit: bool) -> bytes:
    command = corpus.command(corpus.N_CREATE, corpus.STEP, instance=uid)
    return b"".join(corpus.message(corpus.STEP, command, encoded(began(of), implicit=implicit)))


def n_set(uid: str, data: bytes) -> bytes:
    command = corpus.command(corpus.N_SET, corpus.STEP, instance=uid)
    return b"".join(corpus.message(corpus.STEP, command, data))


def n_get(uid: str) -> bytes:
    command = corpus.command(
        corpus.N_GET, corpus.STEP_RETRIEVE, instance=uid, tags=[0x00400340], has_data=False
    )
    return b"".join(corpus.message(corpus.STEP_RETRIEVE, command))


def status_of_answer(peer: Peer) -> int:
    return peer.answer().status


@pytest.mark.slow
@pytest.mark.parametrize(("acceptor", "images"), [("asyncio", 200_000), ("pynetdicom", 50_000)])
def test_200000_images_are_kept_complete_and_redcap_learns_that_the_exam_is_completed(
    tmp_path: Path, stack: Stack, acceptor: str, images: int
) -> None:
    redcap: Rig = synced(stack)
    exam = redcap.items()["000001", 1]
    ended = references.ended(images // 2, images // 2, implicit=False)
    with FakeCloud() as cloud:
        cloud.put(exam)
        with (
            running_relay(tmp_path, cloud, acceptor=acceptor) as relay,
            associated(relay.address, implicit=False) as peer,
        ):
            eventually(relay.cache.count)
            peer.send(create(UID, exam, implicit=False))
            assert status_of_answer(peer) == 0
            peer.send(n_set(UID, ended))
            assert status_of_answer(peer) == 0
            cloud.wait_for(lambda cloud: len(cloud.recorded) == 2)
            peer.send(n_get(UID))
            held = peer.answer()
    assert held.status == 0
    assert held.data.count(references.MR_IMAGE.encode()) == images
    assert references.uid(images - 1).encode() in held.data
    assert len(json.dumps(cloud.recorded)) < min(MAX_BODY_BYTES, 20_000)
    for event in cloud.recorded:
        record(redcap, ProcedureStepEvent.model_validate(event))
    redcap.write_back(UID)
    assert in_redcap(redcap)["mri_status"] == "COMPLETED"
    assert in_redcap(redcap)["mri_series"] == "2"
    step = redcap.steps.find(UID)
    assert step is not None
    assert step.image_count == images


@ACCEPTORS
@pytest.mark.parametrize("implicit", [True, False])
def test_12000_images_are_no_reason_to_abort(tmp_path: Path, acceptor: str, implicit: bool) -> None:
    with FakeCloud() as cloud:
        cloud.put(item())
        with (
            running_relay(tmp_path, cloud, acceptor=acceptor) as relay,
            associated(relay.address, implicit=implicit) as peer,
        ):
            peer.send(create(UID, item(), implicit=implicit))
            assert status_of_answer(peer) == 0
            peer.send(n_set(UID, references.ended(12_000, implicit=implicit, delimited=True)))
            assert status_of_answer(peer) == 0
            cloud.wait_for(lambda cloud: len(cloud.recorded) == 2)
    (series,) = cloud.recorded[1]["dataset"]["00400340"]["Value"]
    assert series["00081140"] == {"vr": "SQ", "Count": 12_000}


@ACCEPTORS
def test_a_query_of_a_megabyte_is_still_aborted(tmp_path: Path, acceptor: str) -> None:
    long = b"\x10\0\x10\0" + (2 << 20).to_bytes(4, "little") + bytes(2 << 20)
    with FakeCloud() as cloud, running_relay(tmp_path, cloud, acceptor=acceptor) as relay:
        with associated(relay.address, implicit=True) as peer:
            messages = corpus.message(corpus.WORKLIST, corpus.command(corpus.C_FIND, corpus.WORKLIST), long)
            with suppress(ConnectionError):  # it may end in the middle of it
                peer.send(b"".join(messages))
        eventually(lambda: relay.health.report("").refused)
        (refusal,) = relay.health.report("").refused
        assert refusal.why == "a message of more than 1048576 bytes"


@pytest.mark.slow
@ACCEPTORS
def test_four_scanners_send_50000_images_at_once_and_a_fifth_is_served_in_a_bounded_memory(
    tmp_path: Path, acceptor: str
) -> None:
    ended = references.ended(50_000, implicit=True)
    with FakeCloud() as cloud:
        cloud.put(item())
        process = RelayProcess(tmp_path, cloud, acceptor=acceptor)
        peer = process.start()
        address = (peer.host, peer.port)
        answered: list[int] = []
        half_sent = threading.Barrier(5, timeout=PATIENCE)

        def scan(number: int) -> None:
            with associated(address, implicit=True) as scanner:
                uid = f"2.25.{number + 1}"
                scanner.send(create(uid, item(), implicit=True))
                answered.append(status_of_answer(scanner))
                report = n_set(uid, ended)
                scanner.send(report[: len(report) // 2])
                half_sent.wait()
                half_sent.wait()  # the fifth has been served
                scanner.send(report[len(report) // 2 :])
                answered.append(status_of_answer(scanner))

        scanners = [threading.Thread(target=scan, args=(number,)) for number in range(4)]
        for thread in scanners:
            thread.start()
        half_sent.wait()
        for _ in range(4):
            scu.echo(peer)
        half_sent.wait()
        for thread in scanners:
            thread.join()
        memory = Path(f"/proc/{process.pid}/status").read_text()
        assert process.end() == 0
    assert answered.count(0) == 8
    peak = next(int(line.split()[1]) for line in memory.splitlines() if line.startswith("VmHWM"))
    assert peak // 1024 < MOST_MEMORY_MB


@pytest.mark.slow
@ACCEPTORS
def test_long_lists_that_nobody_takes_have_a_bound_and_others_are_told_to_ask_again(
    tmp_path: Path, acceptor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LargeAnswers.__init__, "__defaults__", (12 << 20,))
    ended = references.ended(100_000, implicit=False)
    with (
        FakeCloud() as cloud,
        running_relay(tmp_path, cloud, acceptor=acceptor, pdu_timeout_seconds=PATIENCE) as relay,
        associated(relay.address, implicit=False) as hurried,
    ):
        hurried.send(create(UID, item(), implicit=False) + n_set(UID, ended))
        assert [status_of_answer(hurried), status_of_answer(hurried)] == [0, 0]
        with associated(relay.address, implicit=False) as stalled:
            stalled.send(n_get(UID))
            assert stalled.socket.recv(1)  # its answer has begun, and it takes no more of it
            hurried.send(n_get(UID))
            assert status_of_answer(hurried) == 0x0213
            scu.echo(scanner(relay))
        assert eventually(lambda: _fetched(hurried)) > 9 << 20
        assert _fetched(hurried) > 9 << 20, "the room is free once it was taken"


def _fetched(peer: Peer) -> int:
    """Return how many bytes a long list has; 0 if there is no room for it."""
    peer.send(n_get(UID))
    answer = peer.answer()
    return len(answer.data) if answer.status == 0 else 0
