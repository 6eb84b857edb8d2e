"""The simulation's queue behaves as SQS and Lambda do."""

from __future__ import annotations

from tests.cost.queues import Queue, QueueClient


def queue(at_once: int = 9) -> Queue:
    return Queue(at_once, lambda: 0.0)


def test_of_a_group_one_message_is_out_at_a_time_in_order() -> None:
    due = queue()
    for name in "abc":
        due.put({"source_id": name}, "server")
    first = due.take()
    assert first is not None
    assert first.body["source_id"] == "a"
    assert due.take() is None
    due.done(first)
    second = due.take()
    assert second is not None
    assert second.body["source_id"] == "b"


def test_another_group_does_not_wait() -> None:
    due = queue()
    due.put({"source_id": "a"}, "slow")
    due.put({"source_id": "b"}, "slow")
    due.put({"source_id": "c"}, "quick")
    taken = [due.take(), due.take(), due.take()]
    assert [each.body["source_id"] for each in taken if each] == ["a", "c"]


def test_no_more_consumers_run_than_there_are() -> None:
    due = queue(at_once=2)
    for number in range(5):
        due.put({"source_id": str(number)})
    assert [due.take() is not None for _ in range(3)] == [True, True, False]
    assert (due.length, due.longest) == (3, 5)


def test_the_client_takes_what_handlers_send() -> None:
    due = queue()
    entry = {"Id": "0", "MessageBody": '{"source_id": "a"}', "MessageGroupId": "g"}
    assert QueueClient({"due": due}).send_message_batch(QueueUrl="due", Entries=[entry])["Successful"]
    message = due.take()
    assert message is not None
    assert (message.body, message.group) == ({"source_id": "a"}, "g")
