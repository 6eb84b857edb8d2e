"""A little of ``make fuzz`` in every run: broken input harms nothing, and leaves nothing behind."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.fuzz import associations, churn, corpus, decoders, sessions
from tests.fuzz.decoders import Target
from tests.fuzz.relay import MEGABYTE, Mistreated, mistreated

SEED = 2026
INPUTS = 8000
SESSIONS, ASSOCIATIONS = 150, 250
SPARE_FILES = 4  # connections to the cache that are kept for the next long answers


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Target]]:
    with decoders.targets(tmp_path_factory.mktemp("decoders")) as opened:
        yield {target.name: target for target in opened}


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mistreated]:
    with mistreated(tmp_path_factory.mktemp("relay")) as running:
        yield running


DECODERS = [
    *(
        f"{decoder}, {syntax}"
        for decoder in ("identifier", "query", "C-FIND", "attribute list", "step intake")
        for syntax in ("implicit", "explicit")
    ),
    "command set",
    "PDU stream",
    "association request",
]


def test_every_decoder_has_its_share(targets: dict[str, Target]) -> None:
    assert sorted(targets) == sorted(DECODERS)
    assert sum(target.share for target in targets.values()) == 100


def test_odd_and_legal_association_requests_are_all_accepted() -> None:
    outcome = associations.run(SEED, 300)
    assert outcome.findings == []
    assert outcome.understood == 300


@pytest.mark.parametrize("name", DECODERS)
def test_a_decoder_understands_or_refuses_whatever_comes(
    targets: dict[str, Target], name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    outcome = decoders.run(targets[name], SEED, INPUTS * targets[name].share // 100)
    assert outcome.findings == []
    assert 0 < outcome.understood < outcome.inputs  # it is neither asleep nor taking anything


@pytest.mark.parametrize("name", DECODERS)
def test_an_input_can_be_had_again_from_its_seed_and_number(targets: dict[str, Target], name: str) -> None:
    number = len(targets[name].seeds) + 5
    _, data = decoders.input_of(targets[name], SEED, number)
    assert decoders.input_of(targets[name], SEED, number)[1] == data
    assert decoders.input_of(targets[name], SEED + 1, number)[1] != data


def test_a_session_is_whole_before_it_is_broken(relay: Mistreated) -> None:
    outcome, ends = sessions.run(relay, SEED, len(corpus.SESSIONS))
    assert outcome.findings == []
    assert ends["released"] >= len(corpus.SESSIONS) - 2  # two end with an abort


def test_broken_sessions_end_and_the_next_scanner_is_served(relay: Mistreated) -> None:
    relay.serves()
    before = relay.at_rest(relay.use())
    outcome, ends = sessions.run(relay, SEED, SESSIONS)
    assert outcome.findings == []
    assert len(ends) > 2, ends
    relay.serves()
    after = relay.at_rest(before)
    assert after.threads <= before.threads
    assert after.descriptors <= before.descriptors + SPARE_FILES
    assert after.resident_bytes < before.resident_bytes + 8 * MEGABYTE


def test_associations_opened_and_dropped_leave_nothing_behind(relay: Mistreated) -> None:
    relay.serves()
    before = relay.at_rest(relay.use())
    *_, last = churn.run(relay, SEED, ASSOCIATIONS)
    assert last.use.threads <= before.threads
    assert last.use.descriptors <= before.descriptors + SPARE_FILES
    assert last.use.resident_bytes < before.resident_bytes + 8 * MEGABYTE
    relay.serves()
