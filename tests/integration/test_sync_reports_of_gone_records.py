"""What is said of a record that was rejected or held back ends when the record does."""

from __future__ import annotations

from unittest.mock import patch

import pytest

from infra.redcap_simulator import classic
from tests.rigs.redcap import Rig, Stack, classic_data

PID, RECORD = 11, "000002"


@pytest.fixture
def rig(stack: Stack) -> Rig:
    """Four participants; of one the date is no date."""
    rig = stack.fresh(classic(4), classic_data(deletions_seconds=0))
    rig.simulator.save_form(PID, RECORD, "mri", {"mri_date": "soon"}, instance=1)
    return rig


def rejected(rig: Rig) -> set[str]:
    return {row.record for row in rig.state().rejected}


def deleted(rig: Rig) -> None:
    rig.simulator.form_filler.delete(rig.project, RECORD)


def renamed(rig: Rig) -> None:
    rig.simulator.form_filler.rename(rig.project, RECORD, "A-1")


def test_a_deleted_record_is_rejected_no_more(rig: Rig) -> None:
    rig.sync()
    assert rejected(rig) == {RECORD}
    deleted(rig)
    assert (rig.sync().missing_soon, rejected(rig), rig.state().rejected_count) == (0, set(), 0)


def test_a_renamed_record_is_rejected_under_its_new_id_alone(rig: Rig) -> None:
    rig.sync()
    renamed(rig)
    rig.sync()
    assert (rejected(rig), rig.state().rejected_count) == ({"A-1"}, 1)


def test_a_deleted_record_is_held_no_more(stack: Stack) -> None:
    gate = {"field": "family_id", "values": ["yes"], "reason": "no consent"}
    rig = stack.fresh(classic(2), classic_data(deletions_seconds=0, gates=[gate]))
    rig.sync()
    assert RECORD in {row.record for row in rig.state().held}
    deleted(rig)
    rig.sync()
    assert {row.record for row in rig.state().held} == {"000001"}


def test_a_record_deleted_during_a_long_read_is_rejected_no_more_at_its_end(rig: Rig) -> None:
    with (
        patch("lambdas.sync.record_ranges.RANGE_SIZE", 2),
        patch("lambdas.sync.attempt.RESERVE_SECONDS", 1e9),
    ):
        rig.sync()
        assert rig.state().progress is not None
        deleted(rig)
        rig.sync()
    rig.sync()
    assert (rig.state().progress, rejected(rig)) == (None, set())
