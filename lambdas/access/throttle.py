"""How often a password may be tried: failures are counted by name, by address, and by both. Pure.

    counted by           waits begin after    who it slows down
    name and address     5 failures           somebody who guesses one person's password
    address              30                   one machine that tries one password on many names
    name                 100                  many machines that guess one person's password
    a person's device    5                    nobody else: the other three do not count for it

Waits double, up to 15 minutes. A device is one on which this person has logged in before: it has a token of
ours that says so. Whoever fails on purpose, from wherever, does not lock a person out of it (OWASP, "Slow
Down Online Guessing Attacks with Device Cookies").
"""

from __future__ import annotations

import math
from ipaddress import IPv6Address, ip_address
from typing import Final, NamedTuple

from pydantic import BaseModel, ConfigDict

from shared.errors import Forbidden

FREE_FAILURES: Final = 5
FREE_OF_ADDRESS: Final = 30
FREE_OF_NAME: Final = 100
FIRST_WAIT: Final = 10.0
LONGEST_WAIT: Final = 900.0
FORGOTTEN_AFTER: Final = 86_400
"""Seconds after the last attempt at which failures no longer count."""


class Throttled(Forbidden):
    """Too many attempts; ``retry_after`` is how many whole seconds to wait."""

    def __init__(self, retry_after: float) -> None:
        self.retry_after = max(1, math.ceil(retry_after))
        super().__init__("too many attempts to log in", hint=f"wait {self.retry_after} seconds")


class Attempts(BaseModel):
    """The attempts under one count that have not ended in a success.

    :param locked_until: no attempt is looked at before this moment.
    """

    model_config = ConfigDict(frozen=True)

    failures: int = 0
    last_at: float = 0.0
    locked_until: float = 0.0


class Count(NamedTuple):
    """Attempts that are counted together: under which text, and how many failures are free.

    :param forgiven: whether a success forgets all of them; else it takes back only itself.
    """

    key: str
    free: int
    forgiven: bool


def counts(name: str, address: str, device: str) -> tuple[Count, ...]:
    """Return under what an attempt is counted.

    :param address: where it comes from; what a provider gives one customer of IPv6 counts as one.
    :param device: the id in the device token that came with it, made for this name; empty if none did.
    """
    if device:
        return (Count(f"device {device}", FREE_FAILURES, forgiven=True),)
    network = _network(address)
    return (
        Count(f"pair {network} {name}", FREE_FAILURES, forgiven=True),
        # Not forgotten: who has an account could clear it between two guesses.
        Count(f"address {network}", FREE_OF_ADDRESS, forgiven=False),
        Count(f"name {name}", FREE_OF_NAME, forgiven=True),
    )


def next_attempt(before: Attempts | None, now: float, free: int = FREE_FAILURES) -> Attempts:
    """Return the state with one more attempt counted, or raise `Throttled` if it comes too early.

    An attempt counts as a failure before the password is looked at, and a success clears it afterwards:
    otherwise a hundred attempts at once would all be the first.
    """
    if before is None or now - before.last_at > FORGOTTEN_AFTER:
        before = Attempts()
    if now < before.locked_until:
        raise Throttled(before.locked_until - now)
    failures = before.failures + 1
    excess = failures - free
    wait = 0.0 if excess < 0 else min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(excess, 10))
    return Attempts(failures=failures, last_at=now, locked_until=now + wait)


def taken_back(attempts: Attempts) -> Attempts:
    """Return the state without the last attempt, which was right."""
    return attempts.model_copy(update={"failures": max(0, attempts.failures - 1), "locked_until": 0.0})


def _network(address: str) -> str:
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address) and found.ipv4_mapped is None:
        return str(IPv6Address(int(found) >> 64 << 64))
    return str(getattr(found, "ipv4_mapped", None) or found)
