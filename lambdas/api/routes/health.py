"""Whether the parts we depend on answer. Asked often and by anybody, so an answer serves for some seconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from importlib.metadata import PackageNotFoundError, distribution, version
from typing import Final

from fastapi import Request

from lambdas.api.dependencies import Router
from lambdas.api.schemas.common import Health
from lambdas.api.services import Check
from shared.errors import MwlError

CACHE_SECONDS: Final = 5.0
PATIENCE_SECONDS: Final = 3.0

router = Router(tags=["health"])


@router.get("/health")
def health(request: Request) -> Health:
    """Tell whether the service and what it depends on work; always 200, `status` says."""
    report: HealthReport = request.app.state.health
    return report.now()


class HealthReport:
    """Tries every check, none for longer than `PATIENCE_SECONDS`.

    :param app_version: what to say the version is; empty: the installed package's.
    :param now: seconds since 1970.
    """

    def __init__(self, checks: Mapping[str, Check], *, app_version: str, now: Callable[[], float]) -> None:
        self._checks, self._now = checks, now
        self.version = app_version or _package_version()
        self.commit = _package_commit()
        # Threads, because a table that does not answer must not keep us from answering.
        self._pool = ThreadPoolExecutor(max_workers=max(1, len(checks)), thread_name_prefix="health")
        self._last: tuple[float, Health] | None = None

    def now(self) -> Health:
        """Return the state of things, at most `CACHE_SECONDS` old."""
        if self._last is not None and 0 <= self._now() - self._last[0] < CACHE_SECONDS:
            return self._last[1]
        running = {name: self._pool.submit(check) for name, check in self._checks.items()}
        wait(running.values(), timeout=PATIENCE_SECONDS)
        found = {name: _outcome(future) for name, future in running.items()}
        fine = all(outcome == "ok" for outcome in found.values())
        answer = Health(
            status="ok" if fine else "degraded", version=self.version, commit=self.commit, checks=found
        )
        self._last = (self._now(), answer)
        return answer


def _outcome(future: Future[object]) -> str:
    if not future.done():
        future.cancel()
        return "slow"
    error = future.exception()
    if error is None:
        return "ok"
    # Anybody may read this: the kind of trouble, no names of tables, keys or servers.
    return "unavailable" if isinstance(error, MwlError) else "failed"


def _package_version() -> str:
    try:
        return version("mwl-relay")
    except PackageNotFoundError:
        return "unknown"  # run from sources that nobody installed


def _package_commit() -> str:
    """Return the commit that `infra.artefacts` wrote beside the version."""
    try:
        return (distribution("mwl-relay").read_text("COMMIT") or "unknown").strip()
    except PackageNotFoundError:
        return "unknown"
