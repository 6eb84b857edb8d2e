"""Each thing is told once, and once more when it is over: by example, and after any history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lambdas.notices.condition import Condition, Kind
from lambdas.notices.ledger import (
    CLAIM,
    GIVEN_UP,
    MOST_WAITING,
    TRANSITIONS,
    Ledger,
    Say,
    State,
    claimed,
    delivered,
    due,
    failed,
    pause,
    step,
    with_test,
)
from lambdas.notices.subscription import Subscription

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
DAY, NIGHT = datetime(2026, 11, 22, 10, 0), datetime(2026, 11, 22, 23, 0)
MISSING = Condition("missing/1", Kind.MISSING, "study")
TODAY = Condition("missing/2", Kind.MISSING, "study", urgent=True)
RELAY = Condition("relay-silent/1", Kind.RELAY, "cellar")


def to(**changes: Any) -> Subscription:
    fields = {"site": "north", "channel": "email", "target": "a@example.org", **changes}
    return Subscription.model_validate(fields)


QUIET = to(quiet_from="20:00", quiet_to="07:00")


def after(
    ledger: Ledger,
    *there: Condition,
    who: Subscription = QUIET,
    local: datetime = DAY,
    passed: Sequence[str] = (),
    new_id: str = "m",
) -> Ledger:
    by_key = {each.key: each for each in there}
    return step(ledger, who, by_key, passed, now=NOW, local=local, new_id=new_id)


def said(ledger: Ledger) -> list[list[tuple[Say, Kind, int]]]:
    return [[(line.say, line.kind, line.count) for line in message.said] for message in ledger.outbox]


def sent(ledger: Ledger) -> Ledger:
    for message in ledger.outbox:
        ledger = delivered(ledger, message.id, NOW)
    return ledger


def test_every_state_knows_what_to_do() -> None:
    assert set(TRANSITIONS) == {
        (state, there, may) for state in (None, *State) for there in (True, False) for may in (True, False)
    }


def test_a_thing_is_told_once_and_once_more_when_it_is_over() -> None:
    first = after(Ledger(), RELAY)
    assert said(first) == [[(Say.PROBLEM, Kind.RELAY, 1)]]
    assert said(after(sent(first), RELAY)) == []
    assert said(after(sent(first))) == [[(Say.RESOLVED, Kind.RELAY, 1)]]
    assert after(sent(first)).known == {}


def test_things_of_one_kind_are_one_line_and_all_lines_are_one_message() -> None:
    found = after(Ledger(), MISSING, TODAY, RELAY)
    assert said(found) == [[(Say.PROBLEM, Kind.MISSING, 2), (Say.PROBLEM, Kind.RELAY, 1)]]


def test_what_begins_in_quiet_hours_is_told_after_them() -> None:
    night = after(Ledger(), RELAY, local=NIGHT)
    assert said(night) == []
    assert said(after(night, RELAY)) == [[(Say.PROBLEM, Kind.RELAY, 1)]]


def test_what_comes_and_goes_in_quiet_hours_is_never_told() -> None:
    night = after(after(Ledger(), RELAY, local=NIGHT), local=NIGHT)
    assert night == Ledger()


def test_a_scan_of_today_breaks_through_quiet_hours() -> None:
    assert said(after(Ledger(), TODAY, MISSING, local=NIGHT)) == [[(Say.PROBLEM, Kind.MISSING, 1)]]


def test_what_is_over_in_quiet_hours_is_said_after_them_unless_it_is_back() -> None:
    night = after(sent(after(Ledger(), RELAY)), local=NIGHT)
    assert said(night) == []
    assert said(after(night)) == [[(Say.RESOLVED, Kind.RELAY, 1)]]
    assert said(after(night, RELAY)) == []


def test_a_scan_whose_day_passed_was_not_put_right() -> None:
    told = sent(after(Ledger(), MISSING))
    assert said(after(told, passed=[MISSING.key])) == [[(Say.PASSED, Kind.MISSING, 1)]]


def test_nobody_is_told_of_what_they_did_not_ask_for() -> None:
    assert said(after(Ledger(), RELAY, who=to(kinds=["missing"]))) == []


def test_who_asks_for_less_is_not_told_that_the_rest_is_over() -> None:
    told = sent(after(Ledger(), RELAY))
    assert after(told, RELAY, who=to(kinds=["missing"])).outbox == ()


def test_a_digest_lists_all_there_is_once_a_day() -> None:
    who = to(immediately=False, digest_at="07:00")
    first = after(Ledger(), MISSING, TODAY, RELAY, who=who)
    assert said(first) == [[(Say.PROBLEM, Kind.MISSING, 2), (Say.PROBLEM, Kind.RELAY, 1)]]
    assert first.outbox[0].digest
    assert said(after(sent(first), MISSING, who=who)) == []
    tomorrow = after(sent(first), who=who, local=DAY + timedelta(days=1))
    assert said(tomorrow) == [[]]


def test_a_digest_waits_for_the_end_of_quiet_hours() -> None:
    who = to(digest_at="22:00", quiet_from="20:00", quiet_to="07:00")
    assert after(Ledger(), local=NIGHT, who=who).outbox == ()


def test_a_message_is_delivered_by_one_at_a_time() -> None:
    ledger = after(Ledger(), RELAY)
    message = due(ledger, NOW)
    assert message is not None
    taken = claimed(ledger, message.id, NOW)
    assert due(taken, NOW) is None
    again = due(taken, NOW + CLAIM)
    assert again is not None
    assert (again.id, again.attempts) == (message.id, 1)


def test_a_failure_is_remembered_until_something_arrives() -> None:
    ledger = failed(claimed(after(Ledger(), RELAY), "m", NOW), "m", "answered 500", NOW)
    assert (ledger.failure, ledger.failing_since) == ("answered 500", NOW)
    later = failed(ledger, "m", "answered 502", NOW + CLAIM)
    assert (later.failure, later.failing_since) == ("answered 502", NOW)
    fine = delivered(later, "m", NOW)
    assert (fine.failure, fine.failing_since, fine.outbox) == ("", None, ())


def test_pauses_grow_to_an_hour() -> None:
    assert [pause(attempts) for attempts in (1, 2, 3, 99)] == [
        timedelta(minutes=1),
        timedelta(minutes=2),
        timedelta(minutes=4),
        timedelta(hours=1),
    ]


def test_the_oldest_is_given_up_when_too_many_wait_and_that_is_said() -> None:
    ledger = Ledger()
    for number in range(MOST_WAITING + 1):
        ledger = with_test(ledger, now=NOW, new_id=str(number))
    assert next(message.id for message in ledger.outbox) == "1"
    assert ledger.failure == GIVEN_UP


looks = st.lists(
    st.tuples(st.sets(st.sampled_from([MISSING, TODAY, RELAY])), st.sampled_from([DAY, NIGHT])), max_size=12
)


@given(looks)
def test_after_any_history_problems_and_their_ends_alternate(history: list[tuple[Any, datetime]]) -> None:
    ledger, heard = Ledger(), dict.fromkeys((MISSING.about, RELAY.about), 0)
    for number, (there, local) in enumerate(history):
        ledger = after(ledger, *there, local=local, new_id=str(number))
        for message in ledger.outbox:
            for line in message.said:
                heard[line.about] += line.count if line.say is Say.PROBLEM else -line.count
        ledger = sent(ledger)
        open_now = [known for known in ledger.known.values() if known.state is not State.WAITING]
        assert heard == {about: sum(k.about == about for k in open_now) for about in heard}
    settled = sent(after(ledger))
    assert settled.known == {}


@given(looks)
def test_by_day_all_that_is_there_was_told(history: list[tuple[Any, datetime]]) -> None:
    ledger = Ledger()
    for there, local in history:
        ledger = sent(after(ledger, *there, local=local))
        if local is DAY:
            assert {key for key, known in ledger.known.items() if known.state is State.TOLD} == {
                each.key for each in there
            }
