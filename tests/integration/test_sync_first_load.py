"""The first load of a source asks REDCap for nothing that `apply` has just asked for."""

from __future__ import annotations

import time
from contextlib import closing
from typing import Any

import pytest

from infra.redcap_simulator import classic
from lambdas.redcap.project import RedcapProject
from lambdas.sources.file import definition_from
from lambdas.sources.state import CHECK_SECONDS, ProjectCheck
from lambdas.store.sources import SourceStore
from lambdas.sync.project_check import check_project
from tests.rigs.redcap import Rig, Stack, classic_data

NO_INFO = {"project", "metadata", "log"}


@pytest.fixture
def rig(stack: Stack) -> Rig:
    return stack.fresh(classic(5), classic_data(deletions_seconds=0))


def apply(rig: Rig, *, ago: float = 0.0, **changes: Any) -> ProjectCheck:
    """Store a definition as `mwl-cloud sources apply` does."""
    data = {**classic_data(deletions_seconds=0), "url": rig.simulator.url, **changes}
    definition = definition_from(data)
    with closing(RedcapProject(definition.url, rig.project.token(), definition.record_id_field)) as redcap:
        check = check_project(definition, redcap, time.time() - ago).check
    rig.sources.put(definition, checked=check)
    rig.simulator.requests.clear()
    return check


def asked(rig: Rig) -> list[str]:
    """Return what has been asked for since; forget it."""
    contents = [request.content for request in rig.simulator.requests.all()]
    rig.simulator.requests.clear()
    return contents


def test_a_first_load_asks_for_the_ids_and_the_records(rig: Rig) -> None:
    apply(rig)
    assert rig.sync().full
    assert asked(rig) == ["record", "record"]
    assert len({record for record, _ in rig.items()}) == 4  # one has no scan yet


def test_the_next_sync_asks_for_changes_and_ids(rig: Rig) -> None:
    apply(rig)
    rig.sync()
    asked(rig)
    assert not rig.sync().full
    assert asked(rig) == ["record", "record"]


def test_the_projects_missing_data_codes_are_known_all_the_same(rig: Rig) -> None:
    code = next(iter(rig.project.shape.missing_codes))
    rig.simulator.save_form(11, "000001", "demographics", {"family_id": code})
    assert code in apply(rig).missing_data_codes
    rig.sync()
    assert code in rig.state().missing_data_codes


@pytest.mark.parametrize("ago", [CHECK_SECONDS + 1, -60.0])
def test_what_was_asked_long_ago_or_by_a_clock_that_is_ahead_is_asked_again(rig: Rig, ago: float) -> None:
    apply(rig, ago=ago)
    rig.sync()
    assert {"project", "metadata"} <= set(asked(rig))


def test_what_was_said_of_another_definition_counts_for_nothing(rig: Rig) -> None:
    check = apply(rig)
    data = {**classic_data(interval_seconds=99), "url": rig.simulator.url}
    rig.sources.put(definition_from(data), checked=check)
    rig.sync()
    assert {"project", "metadata"} <= set(asked(rig))


def test_a_definition_that_was_not_checked_is_checked_by_the_sync(rig: Rig) -> None:
    apply(rig)
    rig.sources.put(definition_from({**classic_data(), "url": rig.simulator.url}))
    rig.sync()
    assert {"project", "metadata"} <= set(asked(rig))


def test_what_another_version_wrote_is_asked_again(rig: Rig) -> None:
    apply(rig)
    rig.set_run(checked='{"at": "by another version"}')
    assert rig.sync().outcome == "ok"
    assert {"project", "metadata"} <= set(asked(rig))


def test_it_is_good_for_one_sync(rig: Rig) -> None:
    apply(rig)
    rig.sync()
    asked(rig)
    rig.remember(rig.state().model_copy(update={"watermark": None}))
    rig.sync()
    assert {"project", "metadata"} <= set(asked(rig))


def test_a_full_read_of_a_day_later_asks_again(rig: Rig) -> None:
    apply(rig)
    rig.sync()
    asked(rig)
    rig.remember(rig.state().model_copy(update={"reconciled_at": 0.0}))
    assert rig.sync().full
    assert {"project", "metadata"} <= set(asked(rig))


def test_a_load_that_failed_half_way_asks_again(rig: Rig) -> None:
    apply(rig)
    rig.simulator.add_fault("html_200", skip=1, times=None)
    assert rig.sync().outcome == "failed"
    rig.simulator.faults.clear()
    asked(rig)
    assert rig.sync().outcome == "ok"
    assert len({record for record, _ in rig.items()}) == 4  # one has no scan yet


def test_the_clock_that_apply_saw_is_looked_at_again_in_an_hour(rig: Rig) -> None:
    check = apply(rig)
    rig.sync()
    state = rig.state()
    assert (state.server_clock, state.clock_asked_at) == (check.server_clock, check.at)
    rig.remember(state.model_copy(update={"clock_asked_at": check.at - 3600}))
    asked(rig)
    rig.sync()
    assert "log" in asked(rig)


def test_a_token_that_may_not_read_the_log_is_not_asked_for_it(stack: Stack) -> None:
    rig = stack.fresh(classic(3), classic_data(deletions_seconds=0))
    rig.simulator.add_fault("revoked", content="log", times=None)
    assert apply(rig).server_clock is None
    rig.sync()
    asked(rig)
    rig.sync()
    assert NO_INFO.isdisjoint(asked(rig))
    rig.simulator.faults.clear()


def test_the_store_gives_it_to_whoever_takes_the_lease(rig: Rig) -> None:
    check = apply(rig)
    sources = SourceStore(rig.cloud.tables)
    taken = sources.take("classic", "me", now=0.0, seconds=1)
    assert taken is not None
    assert taken.checked == check
    sources.save_state("classic", "me", taken.state)
    again = sources.take("classic", "me", now=0.0, seconds=1)
    assert again is not None
    assert again.checked is None
