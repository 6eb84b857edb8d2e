"""Each figure by example, then all of them against a brute-force count."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from math import ceil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.api.reports.exams import NO_BOOKING, Booking, Scan, Unshown
from lambdas.api.reports.figures import Figures, Rules, figures, percentile
from shared.worklist_item import Status
from tests.rigs.exams import DAY, a_booking, a_scan, at

TODAY = Rules(today=DAY.date())
TOMORROW = Rules(today=at(0, 1).date())


def of(*exams: Booking | Scan, rules: Rules = TOMORROW, unshown: Sequence[Unshown] = ()) -> Figures:
    bookings = [each for each in exams if isinstance(each, Booking)]
    scans = [each for each in exams if isinstance(each, Scan)]
    return figures(bookings, [*scans, *(scan for each in bookings for scan in each.scans)], unshown, rules)


def test_nothing_gives_zeros_and_no_percentiles() -> None:
    assert of() == Figures()


def test_booked_time_is_from_planned_start_to_planned_end() -> None:
    found = of(a_booking(540, 600), a_booking(600, 690), a_booking(700))
    assert (found.bookings, found.booked_minutes, found.without_length) == (3, 150, 1)


def test_a_length_may_be_assumed_where_none_is_planned() -> None:
    rules = Rules(today=DAY.date(), assumed=timedelta(minutes=45))
    found = of(a_booking(540, 600), a_booking(700), rules=rules)
    assert (found.booked_minutes, found.without_length) == (105, 0)


def test_a_booking_cancelled_early_frees_its_time_and_one_cancelled_late_does_not() -> None:
    early = a_booking(540, 600, cancelled=True, cancelled_at=at(540, -1))
    late = a_booking(600, 660, cancelled=True, cancelled_at=at(601, -1))
    found = of(early, late)
    assert (found.booked_minutes, found.cancelled, found.cancelled_late) == (60, 2, 1)


def test_a_cancellation_after_the_planned_start_is_late() -> None:
    assert of(a_booking(cancelled=True, cancelled_at=at(600))).cancelled_late == 1


def test_a_cancellation_of_unknown_time_is_not_called_late() -> None:
    found = of(a_booking(cancelled=True))
    assert (found.cancelled, found.cancelled_late) == (1, 0)


def test_what_late_means_can_be_said() -> None:
    booking = a_booking(540, cancelled=True, cancelled_at=at(540, -2))
    assert of(booking).cancelled_late == 0
    rules = Rules(today=DAY.date(), late=timedelta(hours=49))
    assert of(booking, rules=rules).cancelled_late == 1


def test_two_scans_at_the_same_time_use_the_scanner_once() -> None:
    assert of(a_scan(540, 600), a_scan(570, 630), a_scan(580, 590)).used_minutes == 90


def test_two_scanners_are_used_twice() -> None:
    assert of(a_scan(540, 600), a_scan(540, 600, scanner="MR2")).used_minutes == 120


def test_a_scan_that_has_not_ended_uses_no_time() -> None:
    found = of(a_scan(540))
    assert (found.scans, found.used_minutes) == (1, 0)


def test_the_delay_is_from_the_planned_start_to_the_first_scan() -> None:
    found = of(a_booking(540, scans=(a_scan(560, 600), a_scan(552, 558))))
    assert (found.start_delay_p50, found.start_delay_p95) == (12, 12)


def test_an_early_start_is_a_negative_delay() -> None:
    assert of(a_booking(540, scans=(a_scan(531.5),))).start_delay_p50 == -9


def test_a_scan_on_another_day_has_no_delay() -> None:
    found = of(a_booking(540, scans=(a_scan(540, 600, day=1),)))
    assert (found.started, found.started_on_its_day, found.start_delay_p50) == (1, 0, None)


@pytest.mark.parametrize(("ended", "overrun", "minutes"), [(605, 0, 0), (606, 1, 6), (595, 0, 0)])
def test_an_exam_overruns_that_ends_more_than_five_minutes_late(
    ended: float, overrun: int, minutes: int
) -> None:
    found = of(a_booking(540, 600, scans=(a_scan(541, ended),)))
    assert (found.ended, found.overrun, found.overrun_minutes) == (1, overrun, minutes)


def test_an_exam_with_a_scan_still_open_has_not_ended() -> None:
    assert of(a_booking(540, 600, scans=(a_scan(541, 560), a_scan(562)))).ended == 0


def test_a_no_show_counts_once_its_day_has_passed() -> None:
    missed = a_booking(status=Status.NO_SHOW)
    assert (of(missed).no_shows, of(missed).due) == (1, 1)
    assert of(missed, rules=TODAY).due == 0


def test_a_cancelled_booking_is_not_due() -> None:
    assert of(a_booking(cancelled=True)).due == 0


def test_done_elsewhere_is_a_scan_on_a_scanner_of_another_name() -> None:
    elsewhere = a_booking(scans=(a_scan(540, scanner="MR2"), a_scan(550, scanner="MR1")))
    by_name = a_booking(
        scans=(a_scan(540, names=frozenset({"XYZ", "PRISMA"})),), names=frozenset({"MR1", "PRISMA"})
    )
    assert of(elsewhere, by_name).elsewhere == 1


def test_a_scanner_that_did_not_say_its_name_is_not_elsewhere() -> None:
    assert of(a_booking(scans=(a_scan(540, names=frozenset()),))).elsewhere == 0


def test_a_scan_without_a_booking_is_counted() -> None:
    found = of(a_scan(540, study=NO_BOOKING), a_scan(600))
    assert (found.scans, found.without_booking) == (2, 1)


def test_saved_to_listed_is_in_seconds_and_says_how_many_are_exact() -> None:
    exact = a_booking(saved_at=at(100), listed_at=at(100.02), saved_exactly=True)
    at_most = a_booking(saved_at=at(100), listed_at=at(101))
    found = of(exact, at_most, a_booking(listed_at=at(100)))
    assert (found.saved_known, found.saved_exactly) == (2, 1)
    assert (found.saved_to_listed_p50, found.saved_to_listed_p95) == (2, 60)


@pytest.mark.parametrize(
    ("timing", "missing"),
    [
        ({}, 0),
        ({"listed_at": at(539), "saved_at": at(500)}, 0),
        ({"listed_at": at(541), "saved_at": at(539)}, 1),
        ({"listed_at": at(541), "known_at": at(300)}, 1),
        ({"listed_at": at(541), "saved_at": at(540.5), "known_at": at(540.5)}, 0),
        ({"listed_at": at(541)}, 0),
        ({"listed_at": at(541), "known_at": at(300), "cancelled": True}, 0),
    ],
    ids=["unknown", "in time", "saved before", "rejected before", "saved after", "imported", "cancelled"],
)
def test_an_exam_was_missing_that_was_known_before_its_time_and_listed_after(
    timing: dict[str, Any], missing: int
) -> None:
    assert of(a_booking(540, **timing)).missing == missing


def test_a_row_that_was_never_shown_was_missing() -> None:
    assert of(unshown=[Unshown("study", DAY.date())]).missing == 1


@given(st.lists(st.integers(-50, 50), max_size=30), st.integers(1, 100))
def test_a_percentile_is_the_smallest_value_that_enough_do_not_exceed(values: list[int], share: int) -> None:
    enough = [v for v in values if sum(w <= v for w in values) * 100 >= share * len(values)]
    assert percentile(sorted(values), share) == min(enough, default=None)


minutes = st.integers(0, 23 * 60)
days = st.integers(-1, 1)
scanners = st.sampled_from(["MR1", "MR2"])
moments = st.builds(at, st.integers(-3000, 3000))


@st.composite
def some_scan(draw: Any) -> Scan:
    began = draw(minutes)
    length = draw(st.none() | st.integers(0, 120))
    study = draw(st.sampled_from(["study", NO_BOOKING]))
    ended = None if length is None else began + length
    return a_scan(began, ended, day=draw(days), scanner=draw(scanners), study=study)


@st.composite
def some_booking(draw: Any) -> Booking:
    planned, length = draw(minutes), draw(st.none() | st.integers(1, 120))
    return a_booking(
        planned,
        None if length is None else planned + length,
        day=draw(days),
        status=draw(st.sampled_from(Status)),
        scans=tuple(draw(st.lists(some_scan(), max_size=2))),
        cancelled=draw(st.booleans()),
        cancelled_at=draw(st.none() | moments),
        listed_at=draw(st.none() | moments),
        saved_at=draw(st.none() | moments),
        saved_exactly=draw(st.booleans()),
        known_at=draw(st.none() | moments),
    )


@given(st.lists(some_booking(), max_size=6), st.lists(some_scan(), max_size=6))
def test_all_figures_are_what_counting_by_hand_gives(bookings: list[Booking], scans: list[Scan]) -> None:
    assert figures(bookings, scans, (), TOMORROW).model_dump() == counted(bookings, scans)


def counted(bookings: list[Booking], scans: list[Scan]) -> dict[str, int | None]:
    """Count in the plainest way: minute by minute, booking by booking."""
    count = dict.fromkeys(Figures.model_fields, 0)
    delays, waits = [], []
    for each in bookings:
        count["bookings"] += 1
        hours_before = None
        if each.cancelled_at is not None:
            hours_before = (each.planned - each.cancelled_at).total_seconds() / 3600
        late = each.cancelled and hours_before is not None and hours_before < 24
        count["cancelled"] += each.cancelled
        count["cancelled_late"] += late
        if not each.cancelled or late:
            if each.planned_end:
                count["booked_minutes"] += int((each.planned_end - each.planned).total_seconds() // 60)
            else:
                count["without_length"] += 1
        if each.day <= DAY.date() and not each.cancelled:
            count["due"] += 1
            count["no_shows"] += each.status == "NO_SHOW"
        if each.scans:
            count["started"] += 1
            first = sorted(each.scans, key=lambda scan: scan.began)[0]
            count["elsewhere"] += any(scan.scanner != "MR1" for scan in each.scans)
            if first.began.date() == each.planned.date():
                count["started_on_its_day"] += 1
                delays.append(int((first.began - each.planned).total_seconds() // 60))
                if each.planned_end and all(scan.ended for scan in each.scans):
                    count["ended"] += 1
                    last = max(scan.ended for scan in each.scans if scan.ended)
                    over = (last - each.planned_end).total_seconds() / 60
                    if over > 5:
                        count["overrun"] += 1
                        count["overrun_minutes"] += int(over)
        if each.saved_at and each.listed_at:
            count["saved_known"] += 1
            count["saved_exactly"] += each.saved_exactly
            waits.append(max(0, ceil((each.listed_at - each.saved_at).total_seconds())))
        if not each.cancelled and each.listed_at and each.listed_at > each.planned:
            known = any(m and m <= each.planned for m in (each.saved_at, each.known_at))
            count["missing"] += known
    taken = set()
    for scan in scans:
        count["scans"] += 1
        count["without_booking"] += scan.study == NO_BOOKING
        if scan.ended:
            length = int((scan.ended - scan.began).total_seconds() // 60)
            taken |= {(scan.scanner, scan.began + timedelta(minutes=n)) for n in range(length)}
    return {
        **count,
        "used_minutes": len(taken),
        "start_delay_p50": by_hand(delays, 0.5),
        "start_delay_p95": by_hand(delays, 0.95),
        "saved_to_listed_p50": by_hand(waits, 0.5),
        "saved_to_listed_p95": by_hand(waits, 0.95),
    }


def by_hand(values: list[int], share: float) -> int | None:
    for value in sorted(values):
        if sum(other <= value for other in values) >= share * len(values):
            return value
    return None
