"""Which requests came, for tests that count them, and the rate at which an address gets banned."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from infra.redcap_simulator.api.wire import Params

#: Older requests are forgotten, so that a demo that stays up for weeks does not grow.
REMEMBERED = 10_000


@dataclass(frozen=True)
class LoggedRequest:
    """One API request: when, what for, and what it was answered; never its data or token."""

    at: datetime
    content: str
    action: str
    status: int
    fault: str
    names: tuple[str, ...]


class RequestLog:
    """The requests since the last `clear`, and the addresses that asked too often."""

    def __init__(self, rate_limit: int | None = None) -> None:
        self._limit = rate_limit
        self._lock = Lock()
        self._recent: dict[str, deque[datetime]] = {}
        self._banned: set[str] = set()
        self._requests: deque[LoggedRequest] = deque(maxlen=REMEMBERED)
        self.count = 0
        self.clears = 0

    def allow(self, address: str, now: datetime) -> bool:
        """Whether the address may ask now; a ban lasts until `clear`."""
        if self._limit is None:
            return True
        with self._lock:
            recent = self._recent.setdefault(address, deque())
            while recent and recent[0] <= now - timedelta(minutes=1):
                recent.popleft()
            recent.append(now)
            if len(recent) > self._limit:
                self._banned.add(address)
            return address not in self._banned

    def note(
        self, params: Params, now: datetime, status: int, fault: str, *, since: int | None = None
    ) -> None:
        """Remember a request by the names of its parameters.

        `since` is what `clears` was as the request came: one whose client gave up waiting may be answered
        after the next `clear`, and is no request of those that came since.
        """
        names = tuple(dict.fromkeys(name for name, _ in params.pairs if name not in {"token", "data"}))
        request = LoggedRequest(now, params.text("content"), action_of(params), status, fault, names)
        with self._lock:
            if since is not None and since != self.clears:
                return
            self._requests.append(request)
            self.count += 1

    def all(self) -> list[LoggedRequest]:
        """The requests, oldest first."""
        with self._lock:
            return list(self._requests)

    def contents(self) -> list[str]:
        """Just what they were for."""
        return [request.content for request in self.all()]

    def clear(self) -> None:
        """Forget requests and bans."""
        with self._lock:
            self._requests.clear()
            self._recent.clear()
            self._banned.clear()
            self.count = 0
            self.clears += 1

    def as_json(self) -> dict[str, Any]:
        """The log as the control surface shows it."""
        requests = [{**asdict(request), "at": request.at.isoformat()} for request in self.all()]
        return {"count": self.count, "contents": self.contents(), "requests": requests}


def action_of(params: Params) -> str:
    """What a request does: import, delete, rename ... or export."""
    return params.text("action") or ("import" if params.has("data") else "export")
