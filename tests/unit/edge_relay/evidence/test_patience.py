"""The cloud is told of images once no more arrive, and once only."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_relay.evidence.patience import Patience
from shared.steps.study_images import StudyImages
from tests.rigs.builders import an_item
from tests.rigs.images import images

START: Final = datetime(2026, 11, 22, 12)
EXAM: Final = an_item().id


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def seen(count: int) -> StudyImages | None:
    return images(an_item(), image_count=count) if count else None


@pytest.fixture
def patience() -> Patience:
    return Patience(timedelta(minutes=30))


def test_images_are_ripe_once_they_stay_the_same_for_so_long(patience: Patience) -> None:
    assert not patience.is_ripe(EXAM, seen(10), at(0))
    assert not patience.is_ripe(EXAM, seen(10), at(29))
    assert patience.is_ripe(EXAM, seen(10), at(30))


def test_one_more_image_begins_the_wait_anew(patience: Patience) -> None:
    patience.is_ripe(EXAM, seen(10), at(0))
    assert not patience.is_ripe(EXAM, seen(11), at(30))
    assert patience.is_ripe(EXAM, seen(11), at(60))


def test_what_was_told_is_told_again_only_when_it_has_changed(patience: Patience) -> None:
    patience.is_ripe(EXAM, seen(10), at(0))
    assert patience.is_ripe(EXAM, seen(10), at(30))
    patience.told(EXAM)
    assert not patience.is_ripe(EXAM, seen(10), at(90))
    patience.is_ripe(EXAM, seen(11), at(100))
    assert patience.is_ripe(EXAM, seen(11), at(130))


def test_images_that_are_gone_again_are_forgotten(patience: Patience) -> None:
    patience.is_ripe(EXAM, seen(10), at(0))
    assert not patience.is_ripe(EXAM, None, at(10))
    assert not patience.is_ripe(EXAM, seen(10), at(30))


def test_an_exam_that_is_not_open_any_more_is_forgotten(patience: Patience) -> None:
    patience.is_ripe(EXAM, seen(10), at(0))
    patience.keep_only(set())
    assert not patience.is_ripe(EXAM, seen(10), at(30))


def test_without_patience_they_are_believed_at_once() -> None:
    assert Patience(timedelta()).is_ripe(EXAM, seen(1), at(0))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 40)), max_size=12))
def test_nothing_is_ripe_that_changed_within_the_time(looks: list[tuple[int, int]]) -> None:
    patience, minute, since, last = Patience(timedelta(minutes=30)), 0, 0, -1
    for count, later in looks:
        minute += later
        if count != last:
            since, last = minute, count
        ripe = patience.is_ripe(EXAM, seen(count), at(minute))
        assert ripe == (count > 0 and minute - since >= 30)
