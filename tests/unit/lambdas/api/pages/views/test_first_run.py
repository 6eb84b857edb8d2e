"""The first steps tick themselves, one after the other."""

from __future__ import annotations

from lambdas.access.role import Role
from lambdas.api.pages.views.first_run import first_steps
from lambdas.store.accounts.people import User
from shared.relay_health import ScannerActivity
from tests.rigs.site_state import NOW, a_heartbeat, a_relay, a_source

ADMIN = User(username="ana", password_hash="-", role=Role.ADMIN, token_version=1, created_at=NOW)


def test_nothing_is_done_at_first() -> None:
    assert [step.done for step in first_steps([], [], [], {})] == [False] * 7


def test_each_step_ticks_itself() -> None:
    scanner = ScannerActivity(ae_title="MR1", last_query_at=NOW, last_mpps_at=NOW)
    heard = {"r1": a_heartbeat(scanners=(scanner,))}
    assert [step.done for step in first_steps([ADMIN], [a_source()], [a_relay()], heard)] == [True] * 7
    silent = first_steps([ADMIN], [a_source(report=None)], [a_relay()], {})
    assert [step.done for step in silent] == [True, True, False, True, False, False, False]


def test_a_revoked_relay_does_not_count() -> None:
    steps = first_steps([ADMIN], [], [a_relay(revoked_at=NOW)], {"r1": a_heartbeat()})
    assert [step.done for step in steps[3:]] == [False] * 4
