"""The upper layer serves: requests in order, answers while the peer takes them, cancel, release, abort."""

from __future__ import annotations

import shutil
import subprocess
from time import perf_counter

import pytest
from pydicom.dataset import Dataset
from pynetdicom.ae import ApplicationEntity

from edge_relay.upper_layer.application import Limits
from edge_relay.upper_layer.negotiation import LIMIT_REACHED
from edge_relay.upper_layer.operation import Response
from edge_relay.upper_layer.pdu import PduType, data_pdus
from tests.rigs.patience import PATIENCE, SOON
from tests.rigs.upper_layer import (
    CANCELLED,
    ECHO_CONTEXT,
    FIND_CONTEXT,
    PENDING,
    RELEASE_RQ,
    SUCCESS,
    VERIFICATION,
    WORKLIST,
    Toy,
    associated,
    cancel,
    connected,
    echo,
    find,
    request,
    serving,
)


def test_an_answer_carries_what_was_asked_for() -> None:
    with serving() as (toy, listener), associated(listener) as peer:
        peer.send(find(7, b"hello"))
        first, last = peer.answers()
        assert (first.message_id, first.status, first.data) == (7, PENDING, b"hello")
        assert (last.message_id, last.status, last.data) == (7, SUCCESS, b"")
        assert toy.until(lambda toy: toy.answers == [(7, SUCCESS, 1)])
        assert toy.ended == 1
        assert toy.performed[0].calling_ae_title == "SCANNER1"


def test_another_implementation_is_served() -> None:
    with serving() as (_, listener):
        ae = ApplicationEntity("SCANNER1")
        ae.add_requested_context(VERIFICATION)
        ae.add_requested_context(WORKLIST)
        association = ae.associate(*listener.addresses[0])
        assert association.is_established
        assert association.send_c_echo().Status == SUCCESS
        asked = Dataset()
        asked.PatientID = "P-001"
        found = list(association.send_c_find(asked, WORKLIST))
        assert [status.Status for status, _ in found] == [PENDING, SUCCESS]
        assert found[0][1] == asked
        association.release()
        association.join(PATIENCE)
        assert association.is_released


@pytest.mark.skipif(not shutil.which("echoscu"), reason="DCMTK is not installed (apt install dcmtk)")
def test_dcmtk_is_served() -> None:
    with serving() as (toy, listener):
        host, port = listener.addresses[0]
        subprocess.run(["echoscu", "--repeat", "3", host, str(port)], check=True, timeout=PATIENCE)
        assert toy.until(lambda toy: len(toy.answers) == 3 and not toy.open)
        ran = subprocess.run(
            ["findscu", "-W", "-k", "PatientID=P-001", "--cancel", "1", host, str(port)],
            check=True,
            timeout=PATIENCE,
            capture_output=True,
        )
        assert b"P-001" in ran.stdout + ran.stderr


def test_requests_sent_without_waiting_are_answered_in_order() -> None:
    with serving() as (toy, listener), associated(listener) as peer:
        peer.send(
            find(1, b"later") + b"".join(echo(number) for number in range(2, 2000)) + find(2000, b"last")
        )
        assert toy.until(lambda toy: len(toy.futures) == 1)
        toy.futures[0].set_result(Response(SUCCESS))
        found = [peer.answer() for _ in range(2001)]
        assert [each.message_id for each in found] == [*range(1, 2001), 2000]


def test_no_more_than_a_few_requests_are_read_ahead_and_waiting_is_not_held_against_the_peer() -> None:
    with serving(limits=Limits(pdu_seconds=1.0)) as (toy, listener), associated(listener) as peer:
        peer.send(find(1, b"later"))
        peer.socket.settimeout(0.1)
        with pytest.raises(TimeoutError):
            peer.socket.sendall(echo(2) * 300_000)
        with associated(listener) as slow:  # its end tells that the time for a PDU has passed
            slow.send(echo(1)[:-1])
            assert toy.until(lambda toy: len(toy.refusals) == 1)
        assert toy.until(lambda toy: len(toy.open) == 1)
        assert len(toy.performed) == 1
        toy.futures[0].set_result(Response(SUCCESS))
        peer.socket.settimeout(PATIENCE)
        assert [peer.answer().message_id for _ in range(2000)] == [1] + [2] * 1999


def test_a_future_may_be_completed_later_and_by_any_thread() -> None:
    with serving() as (toy, listener), associated(listener) as peer:
        peer.send(find(1, b"later"))
        assert toy.until(lambda toy: len(toy.futures) == 1)
        with associated(listener) as other:
            other.echo()
        toy.futures[0].set_result(Response(0x0110, comment="not now", error_id=0xA710))
        assert peer.answer()[:2] == (1, 0x0110)
        peer.echo()


def test_a_future_that_is_completed_after_the_peer_has_gone_harms_nobody() -> None:
    with serving() as (toy, listener):
        with associated(listener) as peer:
            peer.send(find(1, b"later"))
            assert toy.until(lambda toy: len(toy.futures) == 1)
        assert toy.until(lambda toy: not toy.open)
        toy.futures[0].set_result(Response(SUCCESS))
        with associated(listener) as other:
            other.echo()
            assert toy.until(lambda toy: len(toy.answers) == 1)


def test_a_cancel_is_obeyed_in_the_midst_of_endless_answers() -> None:
    with serving() as (toy, listener), associated(listener) as peer:
        peer.send(find(5, b"endless 500"))
        assert peer.answer().status == PENDING
        peer.send(cancel(5))
        began = perf_counter()
        last = peer.answers()[-1]
        assert perf_counter() - began < SOON
        assert (last.message_id, last.status) == (5, CANCELLED)
        assert toy.until(lambda toy: toy.ended == 1)
        assert toy.answers[0][1] == CANCELLED
        peer.echo()


def test_a_cancel_is_obeyed_before_anything_was_found() -> None:
    with serving() as (_, listener), associated(listener) as peer:
        peer.send(find(5, b"silent"))
        peer.send(cancel(5))
        assert peer.answer()[:3] == (5, CANCELLED, b"")
        peer.echo()


def test_a_cancel_is_obeyed_that_came_along_with_its_request() -> None:
    with serving() as (_, listener), associated(listener) as peer:
        peer.send(find(5, b"endless 5000") + cancel(5))
        assert peer.answers()[-1].status == CANCELLED


def test_a_cancel_of_something_else_is_ignored() -> None:
    with serving() as (toy, listener), associated(listener) as peer:
        peer.send(cancel(9))
        peer.send(find(5, b"later") + cancel(4) + cancel(5))
        assert toy.until(lambda toy: len(toy.futures) == 1)
        toy.futures[0].set_result(Response(SUCCESS))
        assert peer.answer()[:2] == (5, SUCCESS)
        peer.send(cancel(5))
        peer.echo()


def test_an_abort_ends_what_was_going_on() -> None:
    with serving() as (toy, listener), associated(listener) as peer:
        peer.send(find(1, b"silent"))
        assert toy.until(lambda toy: len(toy.performed) == 1)
        peer.send(b"\x07\0\0\0\0\x04\0\0\0\0")
        assert toy.until(lambda toy: toy.ended == 1 and not toy.open)
        assert peer.pdu() is None
        assert toy.refusals == []


@pytest.mark.parametrize("word", [b"silent", b"endless 900"])
def test_a_peer_that_goes_away_ends_what_was_going_on(word: bytes) -> None:
    with serving() as (toy, listener):
        with associated(listener) as peer:
            peer.send(find(1, word))
            assert toy.until(lambda toy: len(toy.performed) == 1)
        assert toy.until(lambda toy: toy.ended == 1 and not toy.open)


def test_a_peer_that_will_send_no_more_is_answered_no_more() -> None:
    with serving() as (toy, listener), associated(listener) as peer:
        peer.send(find(1, b"endless 900"))
        assert peer.answer().status == PENDING
        peer.socket.shutdown(1)
        assert toy.until(lambda toy: toy.ended == 1 and not toy.open)
        while peer.pdu():
            pass


def test_a_release_ends_what_was_going_on_and_is_answered() -> None:
    with serving() as (toy, listener), associated(listener) as peer:
        peer.send(find(1, b"endless 900"))
        assert peer.answer().status == PENDING
        peer.send(RELEASE_RQ)
        while (pdu := peer.pdu()) and pdu.type is PduType.P_DATA_TF:
            pass
        assert pdu is not None
        assert pdu.type is PduType.A_RELEASE_RP
        assert toy.until(lambda toy: toy.ended == 1 and not toy.open)


def test_an_expensive_search_delays_nobody() -> None:
    with serving() as (_, listener), associated(listener) as busy, associated(listener) as peer:
        busy.send(find(1, b"silent"))
        waits = []
        for _ in range(20):
            began = perf_counter()
            peer.echo()
            waits.append(perf_counter() - began)
        assert sorted(waits)[10] < SOON  # the search alone would take for ever


def test_a_message_may_come_in_values_of_one_byte() -> None:
    with serving() as (_, listener), associated(listener) as peer:
        whole = find(3, b"hello")
        command = whole[12 : 6 + int.from_bytes(whole[2:6], "big")]
        values = [(command, 1)]
        values.append((b"hello", 0))
        for data, is_command in values:
            for at, byte in enumerate(data):
                control = is_command | (2 if at == len(data) - 1 else 0)
                peer.send(b"\x04\0\0\0\0\x07\0\0\0\x03" + bytes((FIND_CONTEXT, control, byte)))
        assert [each.data for each in peer.answers()] == [b"hello", b""]


def test_several_messages_may_share_one_pdu() -> None:
    with serving() as (_, listener), associated(listener) as peer:
        values = b"".join(echo(number)[6:] for number in (1, 2, 3))
        peer.send(b"\x04\0" + len(values).to_bytes(4, "big") + values)
        assert [peer.answer().message_id for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize("longest", [1024, 1025, 4096, 65_536, 0])
def test_a_long_answer_is_cut_to_what_the_peer_takes(longest: int) -> None:
    with serving() as (_, listener), associated(listener, longest=longest) as peer:
        peer.send(find(1, b"many 2 100000"))
        first, *_ = peer.answers()
        assert first.data == bytes(100_000)
        assert peer.longest_pdu <= (longest or 65_536)
        assert first.pdus == 1 + -(-100_000 // (((longest or 65_536) - 6) // 2 * 2))


@pytest.mark.parametrize("longest", [1, 6, 7, 1023])
def test_a_peer_that_takes_crumbs_only_is_rejected(longest: int) -> None:
    with serving() as (toy, listener), connected(listener) as peer:
        answer = peer.associate(longest=longest)
        assert answer is not None
        assert answer.type is PduType.A_ASSOCIATE_RJ
        assert toy.refusals == [("SCANNER1", "127.0.0.1", "the peer takes no PDU of useful length")]
        assert not toy.open


def test_the_application_s_rejection_is_what_the_peer_is_told() -> None:
    toy = Toy()
    toy.rejection = LIMIT_REACHED
    with serving(toy) as (_, listener), connected(listener) as peer:
        answer = peer.associate()
        assert answer is not None
        assert answer.raw[-3:] == bytes((2, 3, 2))
        assert toy.until(lambda toy: [why for *_, why in toy.refusals] == [LIMIT_REACHED.why])


@pytest.mark.parametrize("word", [b"broken", b"ended", b"unable"])
def test_a_fault_of_ours_ends_its_association_only(word: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with serving() as (toy, listener), associated(listener) as other:
        with associated(listener) as peer:
            peer.send(find(1, word) + find(2, b"hello"))
            aborted = peer.pdu()
            assert aborted is not None
            assert aborted.type is PduType.A_ABORT
            assert toy.until(lambda toy: len(toy.open) == 1)
            assert len(toy.performed) == 1
        other.echo()
    assert "RuntimeError" in caplog.text
    assert "a fault of ours" not in caplog.text


def test_a_failed_future_ends_its_association_only() -> None:
    with serving() as (toy, listener), associated(listener) as other, associated(listener) as peer:
        peer.send(find(1, b"later"))
        assert toy.until(lambda toy: len(toy.futures) == 1)
        toy.futures[0].set_exception(RuntimeError("a fault of ours"))
        aborted = peer.pdu()
        assert aborted is not None
        assert aborted.type is PduType.A_ABORT
        other.echo()


def test_a_fault_in_a_request_that_had_to_wait_ends_its_association_too() -> None:
    with serving() as (toy, listener), associated(listener) as peer:
        peer.send(find(1, b"later") + find(2, b"unable"))
        assert toy.until(lambda toy: len(toy.futures) == 1)
        toy.futures[0].set_result(Response(SUCCESS))
        assert peer.answer().message_id == 1
        aborted = peer.pdu()
        assert aborted is not None
        assert aborted.type is PduType.A_ABORT
        assert toy.until(lambda toy: not toy.open)


def test_nothing_that_follows_a_fault_in_the_same_pdu_is_performed() -> None:
    with serving() as (toy, listener), associated(listener) as peer:
        command, data = find(1, b"broken")[:-18], b"broken"
        values = command[6:] + data_pdus(FIND_CONTEXT, data, 1024, is_command=False)[6:] + echo(2)[6:]
        peer.send(b"\x04\0" + len(values).to_bytes(4, "big") + values)
        aborted = peer.pdu()
        assert aborted is not None
        assert aborted.type is PduType.A_ABORT
        assert toy.until(lambda toy: not toy.open)
        assert len(toy.performed) == 1


def test_a_request_may_come_along_with_the_association_s() -> None:
    with serving() as (_, listener), connected(listener) as peer:
        peer.send(request() + echo(1) + find(2, b"x") + RELEASE_RQ)
        accepted = peer.pdu()
        assert accepted is not None
        assert accepted.type is PduType.A_ASSOCIATE_AC
        assert peer.answer().message_id == 1


def test_a_context_that_was_not_accepted_cannot_be_used() -> None:
    with serving() as (toy, listener), associated(listener) as peer:
        wrong = bytearray(echo(1))
        assert wrong[10] == ECHO_CONTEXT
        wrong[10] = 77
        peer.send(bytes(wrong))
        aborted = peer.pdu()
        assert aborted is not None
        assert aborted.raw[-2:] == bytes((2, 5))
        assert toy.until(lambda toy: not toy.open)
