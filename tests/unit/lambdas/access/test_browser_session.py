"""When a session is over, when the password is asked for again, and when a use is written down."""

from __future__ import annotations

import pytest

from lambdas.access.browser_session import NOTE_SECONDS, PROOF_SECONDS, BrowserSession

LIMITS = {"idle_minutes": 60, "longest_minutes": 720}


def session(**changes: float) -> BrowserSession:
    fields = {"began_at": 1000.0, "used_at": 1000.0, "proved_at": 1000.0, **changes}
    return BrowserSession.model_validate({"username": "ana", "session_id": "s1", **fields})


@pytest.mark.parametrize(
    ("used_at", "now", "over"),
    [
        (1000.0, 1000.0 + 3600, False),
        (1000.0, 1000.0 + 3601, True),
        (1000.0 + 43_000, 1000.0 + 43_200, False),
        (1000.0 + 43_000, 1000.0 + 43_201, True),
    ],
)
def test_a_session_ends_without_use_and_after_the_longest_time(
    used_at: float, now: float, over: bool
) -> None:
    assert session(used_at=used_at).is_over(now, **LIMITS) is over


def test_the_password_counts_for_a_while() -> None:
    assert session().is_proved(1000.0 + PROOF_SECONDS)
    assert not session().is_proved(1001.0 + PROOF_SECONDS)


def test_a_use_is_noted_once_a_minute() -> None:
    assert not session().is_to_be_noted(999.0 + NOTE_SECONDS)
    assert session().is_to_be_noted(1000.0 + NOTE_SECONDS)
