"""Requests of the schedule: fair among REDCap servers, few at once at each."""

from __future__ import annotations

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from lambdas.aws.due_requests import AT_ONCE, DueRequest, interleaved

LARGE = [DueRequest(f"large-{number}", "https://large.example/api/", 1.5) for number in range(300)]
SMALL = DueRequest("small", "https://small.example/api/", 1.5)


def test_a_server_has_as_many_groups_as_syncs_may_ask_it_at_once() -> None:
    assert len({request.group for request in LARGE}) == AT_ONCE
    assert SMALL.group not in {request.group for request in LARGE}


def test_a_server_is_the_same_by_whatever_path_and_spelling() -> None:
    one = DueRequest("s", "https://REDCap.example/api/", 1.0)
    other = DueRequest("s", "https://redcap.example/redcap/api/", 1.0)
    assert one.group == other.group


def test_a_server_with_many_sources_does_not_stand_in_front_of_another() -> None:
    first = islice(interleaved([*LARGE, SMALL]), AT_ONCE + 1)
    assert SMALL in list(first)


@given(st.lists(st.sampled_from([*LARGE[:9], SMALL]), unique=True))
def test_nobody_is_left_out_or_asked_twice(requests: list[DueRequest]) -> None:
    assert sorted(interleaved(requests)) == sorted(requests)


def test_the_same_request_sent_twice_is_one_and_another_is_another() -> None:
    again = DueRequest("small", "https://small.example/api/", 1.5)
    later = DueRequest("small", "https://small.example/api/", 61.5)
    assert SMALL.message() == again.message()
    assert SMALL.message().once != later.message().once
    assert SMALL.message().body == {"source_id": "small", "claim": "1.5"}
