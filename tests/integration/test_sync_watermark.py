"""Since when changes are asked for: no form saved around a sync is missed, and none is read for ever."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from infra.redcap_simulator import classic
from lambdas.sources.file import definition_from
from lambdas.sources.state import FullRead
from tests.rigs.redcap import Rig, Stack, classic_data


@pytest.fixture
def rig(stack: Stack) -> Rig:
    rig = stack.fresh(classic(5), classic_data(deletions_seconds=0))
    rig.sync()
    return rig


def save(rig: Rig, day: str) -> None:
    rig.simulator.save_form(11, "000001", "mri", {"mri_date": day}, instance=1)


def shown(rig: Rig) -> str:
    return rig.items()["000001", 1].scheduled_start_date


def test_a_form_whose_time_lies_before_the_last_sync_is_seen_all_the_same(rig: Rig) -> None:
    """A server saves it in its own time, and shows it later."""
    rig.simulator.clock.advance(-240)  # less than overlap_seconds
    save(rig, "2026-12-24")
    rig.simulator.clock.advance(240)
    rig.sync()
    assert shown(rig) == "20261224"


def test_every_sync_moves_the_watermark_to_the_servers_time(rig: Rig) -> None:
    rig.simulator.clock.advance(3600)
    rig.sync()
    watermark = rig.state().watermark
    assert watermark is not None
    assert abs(watermark - rig.simulator.clock()) < timedelta(minutes=5)


def test_a_look_at_everything_moves_it_too(rig: Rig) -> None:
    rig.simulator.clock.advance(3600)
    rig.remember(rig.state().model_copy(update={"definition": "another"}))
    assert rig.sync().full
    watermark = rig.state().watermark
    assert watermark is not None
    assert abs(watermark - rig.simulator.clock()) < timedelta(minutes=5)


def test_a_look_at_everything_does_not_move_it_back(rig: Rig) -> None:
    """Changes are followed while everything is read: what they saw is newer than its beginning."""
    state = rig.state()
    assert state.watermark is not None
    begun = FullRead(started=state.watermark, began_at=time.time(), definition=state.definition)
    rig.remember(state.model_copy(update={"progress": begun}))
    rig.simulator.clock.advance(3600)
    assert rig.sync().full
    assert rig.state().progress is None
    watermark = rig.state().watermark
    assert watermark is not None
    assert watermark > state.watermark + timedelta(minutes=30)


def test_a_sync_that_fails_leaves_it_where_it_was(rig: Rig) -> None:
    before = rig.state().watermark
    rig.simulator.clock.advance(3600)
    rig.simulator.add_fault("unknown_error", times=None)
    assert rig.sync().outcome == "failed"
    assert rig.state().watermark == before


def test_a_form_saved_again_and_again_is_read_each_time(rig: Rig) -> None:
    for day in ("2026-12-01", "2026-12-02", "2026-12-01"):
        save(rig, day)
        rig.sync()
        assert shown(rig) == day.replace("-", "")


def test_another_definition_reads_everything(rig: Rig) -> None:
    rig.sources.put(definition_from(classic_data(url=rig.simulator.url, deletions_seconds=1)))
    assert rig.sync().full
    assert not rig.sync().full
