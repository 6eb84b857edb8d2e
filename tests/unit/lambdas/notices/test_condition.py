"""A condition is known again by its key, whatever else is said of it."""

from __future__ import annotations

from lambdas.notices.condition import Condition, Kind


def test_a_condition_is_of_nobody_in_particular_and_not_urgent_unless_it_says_so() -> None:
    assert Condition("k", Kind.RELAY) == Condition("k", Kind.RELAY, about="", urgent=False)


def test_kinds_are_what_the_api_calls_them() -> None:
    assert [kind.value for kind in Kind] == [
        "missing",
        "relay-silent",
        "source-failing",
        "write-back-parked",
        "self-test-failed",
        "exam-not-ended",
        "images-of-another",
    ]
