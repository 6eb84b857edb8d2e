"""What must come back for a sign-on to be the one that began."""

from __future__ import annotations

import pytest

from lambdas.access.single_sign_on.attempt import MOST_SECONDS, Attempt
from lambdas.access.unauthenticated import Unauthenticated

ATTEMPT = Attempt(state="state", nonce="nonce", verifier="verifier", began_at=1000.0)


def test_the_same_state_in_time_is_right() -> None:
    ATTEMPT.check("state", 1000.0 + MOST_SECONDS)


@pytest.mark.parametrize("state", ["", "State", "state ", "nonce", "stät", "\udc80"])
def test_another_state_is_wrong(state: str) -> None:
    with pytest.raises(Unauthenticated):
        ATTEMPT.check(state, 1000.0)


def test_the_same_state_too_late_is_wrong() -> None:
    with pytest.raises(Unauthenticated):
        ATTEMPT.check("state", 1001.0 + MOST_SECONDS)
