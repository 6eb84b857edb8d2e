"""Random queries against an oracle that does not know the relay: no difference, on either acceptor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge_relay.relay import Relay
from tests.fuzz import queries
from tests.interop.exams import exams_on
from tests.rigs.worklist import Worklist

SEED = 2026
KNOWN = queries.items(SEED, 90)


@pytest.fixture(scope="module", params=["asyncio", "pynetdicom"])
def relay(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    folder = tmp_path_factory.mktemp(request.param)
    with exams_on(folder, acceptor=request.param, exams=tuple(KNOWN)) as running:
        yield running


def test_the_cache_is_searched_as_the_oracle_says(tmp_path: Path) -> None:
    with closing(Worklist(tmp_path, *KNOWN)) as worklist:
        outcome = queries.run(
            "cache", SEED, 400, KNOWN, lambda asked: set(worklist.ids(queries.identifier(asked)))
        )
    assert outcome.findings == []
    assert 100 < outcome.understood < 400, "it finds something sometimes, and not always"


def test_a_scanner_is_answered_as_the_oracle_says(relay: Relay) -> None:
    with closing(queries.Scanner(relay.address)) as scanner:
        outcome = queries.run("relay", SEED + 1, 100, KNOWN, scanner.ask)
    assert outcome.findings == []
    assert outcome.understood > 20


@pytest.mark.parametrize("lied", [lambda ids: ids - {"p001"}, lambda ids: ids | {"p001"}])
def test_one_exam_too_many_or_too_few_is_noticed(lied: Callable[[set[str]], set[str]]) -> None:
    outcome = queries.run("lying", SEED, 200, KNOWN, lambda asked: lied(queries.right(asked, KNOWN)))
    assert outcome.findings
