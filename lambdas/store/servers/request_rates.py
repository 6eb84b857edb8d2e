"""How often each REDCap server is asked, by all functions together: one row a server.

The row says when the next request would be due if all were evenly spread, and until when the server wants to
be left alone. Whoever wants to ask moves the first on, on the condition that nobody else did meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Final
from urllib.parse import urlsplit

from pynamodb.exceptions import DoesNotExist

from lambdas.redcap.pace import HINTS, REQUESTS, Pace, plausible
from lambdas.redcap.refusals import Banned
from lambdas.store.faults import ATTEMPTS, races, translated
from lambdas.store.models import RATES, RateRow, Tables
from shared.errors import Conflict, Unavailable

FIRST_AT_ONCE: Final = 2
"""Requests that every run reserves first: as many as a sync without news needs."""
AT_ONCE: Final = 10
"""Requests that are reserved in one go by a run that asks much; what it does not use is lost."""


class RequestRates:
    """The rates of all servers.

    :param now: seconds since 1970.
    :param sleep: waits, given seconds.
    """

    def __init__(self, tables: Tables, *, now: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._model, self._now, self._sleep = tables.rate, now, sleep

    def pace(self, url: str, *, longest_wait: float) -> Pace:
        """Return the pace of a server, shared with everybody who asks it.

        :param url: the API's address.
        :param longest_wait: seconds to wait for a turn at most.
        """
        return _SharedPace(self, server_of(url), self._sleep, longest_wait)

    def admits_hint(self, url: str) -> bool:
        """Tell whether a single record may be asked for now, and count it; the next sync sees it anyway."""
        server, now = server_of(url), self._now()
        row = self._row(f"{server} hints")
        after = HINTS.after(plausible(float(row.due or 0), now), now)
        if HINTS.wait(after, now) > 0 or _resting(self._row(server), now) > 0:
            return False
        try:
            self._move(row, after)
        except Conflict:
            return False  # others are hinting at the same moment
        return True

    def reserve(self, server: str, count: int, longest_wait: float = inf) -> float:
        """Return how many seconds to wait before ``count`` requests.

        :raises Banned, Unavailable: it would be longer; nothing is reserved then.
        """
        if self._reserve_of_idle(server, count):
            return 0.0
        return races(ATTEMPTS)(self._reserve, server, count, longest_wait)

    def rest(self, server: str, seconds: float, *, banned: bool) -> None:
        """Let nobody ask a server for some seconds."""
        until = self._now() + seconds
        with translated("noting that REDCap wants to be left alone"):
            self._model(RATES, server).update(
                actions=[self._model.rests_until.set(until), self._model.banned.set(banned)]
            )

    def _reserve_of_idle(self, server: str, count: int) -> bool:
        """Reserve requests of a server that nobody asked lately, in one write; False if that is not so."""
        model, now = self._model, self._now()
        after = REQUESTS.after(0.0, now, count)
        if REQUESTS.wait(after, now) > 0:
            return False
        idle = model.due.does_not_exist() | (model.due <= now)
        free = model.rests_until.does_not_exist() | (model.rests_until <= now)
        try:
            with translated("reserving requests to REDCap"):
                model(RATES, server).update(actions=[model.due.set(after)], condition=idle & free)
        except Conflict:
            return False
        return True

    def _reserve(self, server: str, count: int, longest_wait: float) -> float:
        row, now = self._row(server), self._now()
        resting = _resting(row, now)
        if resting > 0 and row.banned:
            raise Banned("REDCap has banned this address; it is left alone for now", where=server)
        after = REQUESTS.after(plausible(float(row.due or 0), now), now, count)
        seconds = max(REQUESTS.wait(after, now), resting)
        if seconds > longest_wait:
            raise Unavailable(
                "REDCap must be left alone for now: it is asked too often, or has said so",
                where=server,
                hint="it is tried again by itself",
            )
        self._move(row, after)
        return seconds

    def _row(self, server: str) -> RateRow:
        with translated("reading how often REDCap is asked"):
            try:
                return self._model.get(RATES, server, consistent_read=True)
            except DoesNotExist:
                return self._model(RATES, server)

    def _move(self, row: RateRow, due: float) -> None:
        unmoved = self._model.due.does_not_exist() if row.due is None else self._model.due == row.due
        with translated("reserving requests to REDCap"):
            self._model(RATES, row.sk).update(actions=[self._model.due.set(due)], condition=unmoved)


class _SharedPace:
    def __init__(
        self, rates: RequestRates, server: str, sleep: Callable[[float], None], longest_wait: float
    ) -> None:
        self._rates, self._server = rates, server
        self._sleep, self._longest = sleep, longest_wait
        self._reserved, self._portion = 0, FIRST_AT_ONCE

    def wait(self) -> None:
        """Return when the next request may be sent. :raises Banned, Unavailable: it may not, for long."""
        if self._reserved == 0:
            seconds = self._rates.reserve(self._server, self._portion, self._longest)
            if seconds > 0:
                self._sleep(seconds)
            self._reserved, self._portion = self._portion, min(2 * self._portion, AT_ONCE)
        self._reserved -= 1

    def rest(self, seconds: float, *, banned: bool = False) -> None:
        """Let nobody ask this server for some seconds."""
        self._reserved = 0
        self._rates.rest(self._server, seconds, banned=banned)


def _resting(row: RateRow, now: float) -> float:
    """Return for how many seconds a server wants to be left alone."""
    return max(0.0, plausible(float(row.rests_until or 0), now) - now)


def server_of(url: str) -> str:
    """Return what names a server: scheme, host and port of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
