"""What may not be logged is found, in whichever way it is logged, and nothing else."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import pytest

from tests.rigs.api import PASSWORD
from tests.rigs.cloud import SIGNING_SECRET
from tests.rigs.leaks import Watch, leaks_in

LOG = logging.getLogger("edge_relay.of_a_test")
NAME = "Doe" + "^" + "Jane"


@pytest.fixture(autouse=True)
def nothing_leaks() -> None:
    """Let these tests do what fails all others."""


@pytest.fixture
def watch() -> Iterator[Watch]:
    watch = Watch()
    with watch.over_logs():
        yield watch


@pytest.mark.parametrize(
    "text",
    [
        NAME,
        "of Núñez^Zoë",
        "patient 山田^太郎=x",
        "Bearer eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJyMSJ9.c2ln",
        "-----BEGIN PRIVATE KEY-----",
        "$argon2id$v=19$m=65536",
        "token=0123456789ABCDEF0123456789ABCDEF",
        f"the password is {PASSWORD}",
        f"signed with {SIGNING_SECRET}",
        "PID-LEAK-4711",
    ],
)
def test_a_name_or_a_secret_is_found(text: str) -> None:
    assert len(leaks_in(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "2^10 items",
        "a ^ b",
        "d41d8cd98f00b204e9800998ecf8427e",
        "2.25.329800735698586629295641978511506172918",
    ],
)
def test_what_only_looks_a_little_like_it_is_not(text: str) -> None:
    assert leaks_in(text) == []


def fails() -> None:
    try:
        int(NAME)
    except ValueError:
        LOG.exception("it failed")


@pytest.mark.parametrize(
    "say",
    [
        lambda: LOG.warning("of " + NAME),
        lambda: LOG.warning("of %s", NAME),
        lambda: LOG.warning("it is scheduled", extra={"who": NAME}),
        fails,
    ],
)
def test_it_is_found_in_the_message_its_values_its_fields_and_the_error(
    say: Callable[[], None], watch: Watch
) -> None:
    say()
    [found] = watch.taken()
    assert found.startswith("a log line of edge_relay.of_a_test (test_leaks.py:")
    assert NAME not in found
    assert watch.taken() == []


def test_a_logger_that_hands_nothing_on_is_watched_too(watch: Watch) -> None:
    alone = logging.Logger("alone")
    alone.propagate = False
    alone.warning(NAME)
    assert len(watch.taken()) == 1


def test_what_is_below_the_level_is_not_said(watch: Watch) -> None:
    LOG.debug(NAME)
    assert watch.taken() == []


def test_other_texts_can_be_shown_to_it(watch: Watch) -> None:
    watch.look("a heartbeat", NAME)
    assert watch.taken() == ["a heartbeat contains a person's name"]
