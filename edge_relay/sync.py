"""Keeping in step with the cloud: `pull_once`, `push_once`, `heartbeat_once`, and the loop that calls them.

A pass does its work once and raises what went wrong; the loop owns timer, backoff and log lines. Logs are
rate-limited: the first failure of a row, then one line every few minutes, and one when it works again.
"""

from __future__ import annotations

import logging
import random
import threading
import traceback
from collections.abc import Callable
from time import monotonic
from typing import Final, NamedTuple, Protocol

from edge_relay.cache import Cache
from edge_relay.cloud import PulledPage
from edge_relay.journal import Journal, Overlay
from edge_relay.operations.health import Health
from edge_relay.profiles import Profiles
from shared.errors import Forbidden, MwlError, Rejected, Unavailable
from shared.procedure_step import EventResult, ProcedureStepEvent
from shared.relay_health import HeartbeatAnswer, RelayHealth

log = logging.getLogger(__name__)

_FIRST_RETRY_SECONDS: Final = 1.0
_LOG_EVERY_SECONDS: Final = 300.0
_MOST_PAGES: Final = 10_000  # a pull that never ends is a cloud gone wrong


class Feed(Protocol):
    """What a pull needs of the cloud; `edge_relay.cloud.Cloud` is one."""

    def pull(self, cursor: str, etag: str, limit: int) -> PulledPage | None:
        """Return the page after a cursor, None if nothing is new."""


class Intake(Protocol):
    """What a push needs of the cloud; `edge_relay.cloud.Cloud` is one."""

    def push(self, events: list[ProcedureStepEvent]) -> list[EventResult]:
        """Send events, return the results."""


class Care(Protocol):
    """What a heartbeat needs of the cloud; `edge_relay.cloud.Cloud` is one."""

    def heartbeat(self, health: RelayHealth) -> HeartbeatAnswer | None:
        """Tell how the relay is doing; return what is overridden, None if the cloud cannot be asked."""


class PullOutcome(NamedTuple):
    """What one pull brought; ``snapshot`` means the whole worklist was replaced."""

    items: int = 0
    tombstones: int = 0
    unreadable: int = 0
    snapshot: bool = False


class PushOutcome(NamedTuple):
    """What one push achieved; ``unanswered`` events stay pending."""

    delivered: int
    parked: int
    unanswered: int


NOTHING_NEW: Final = PullOutcome()
NOTHING_DUE: Final = PushOutcome(0, 0, 0)


def pull_once(feed: Feed, cache: Cache, journal: Journal, page_size: int) -> PullOutcome:
    """Ask for everything that changed since the last pull, and take it over page by page.

    :raises Unavailable: also if the feed changes its epoch or kind in the middle: the pull is thrown away,
        and the next one starts anew. Nothing the cache answers with has been harmed then.
    """
    cache.ensure_on_disk()
    confirmed = journal.confirmed_overlay()
    outcome = _pull_pages(feed, cache, page_size)
    shown = {
        item_id: entry
        for item_id, entry in confirmed.items()
        if outcome.snapshot or _shows(cache, item_id, entry)
    }
    if shown:
        journal.end_overlay(shown)
    return outcome


def push_once(intake: Intake, journal: Journal, limit: int) -> PushOutcome:
    """Send what is due, at most one event of each SOP instance, and take the answers down.

    A batch the cloud rejects as a whole is sent again one by one, so that only the bad event is parked.
    """
    events = journal.due(limit)
    if not events:
        return NOTHING_DUE
    try:
        results = intake.push(events)
    except Rejected as error:
        if len(events) == 1:
            journal.park(events[0].event_id, str(error))
            return PushOutcome(0, 1, 0)
        return _push_singly(intake, journal, events)
    except MwlError:
        journal.record_unanswered(event.event_id for event in events)
        raise
    return _take_down(journal, events, results)


def heartbeat_once(care: Care, profiles: Profiles, health: RelayHealth) -> bool:
    """Tell the cloud how the relay is doing, and take over what it says of scanners.

    :param health: how things stand; what is said of the profiles is filled in here.
    :returns: whether the cloud knows heartbeats; one that does not (404) leaves the profiles as they are.
    """
    told = {"profiles_version": profiles.version, "profile_problems": profiles.problems}
    answer = care.heartbeat(RelayHealth.model_validate(dict(health) | told))
    if answer is None:
        return False
    profiles.take(answer.scanners, answer.version)
    return True


def _pull_pages(feed: Feed, cache: Cache, page_size: int) -> PullOutcome:
    held = cache.bookmark()
    try:
        pulled = feed.pull(held.cursor, held.etag, page_size)
    except Rejected:
        cache.forget_bookmark()  # the cloud does not know our cursor: the next pull asks without one
        raise
    if pulled is None:
        return NOTHING_NEW
    first = pulled.page
    if not first.snapshot and first.epoch != held.epoch:
        cache.forget_bookmark()
        raise Unavailable("the feed changed its epoch without a snapshot", hint="starting anew")
    if first.snapshot:
        cache.begin_snapshot()
    items = tombstones = unreadable = 0
    for _ in range(_MOST_PAGES):
        page = pulled.page
        if (page.epoch, page.snapshot) != (first.epoch, first.snapshot):
            raise Unavailable("the feed changed in the middle of a pull", hint="starting anew")
        cache.apply_page(page, pulled.etag, pulled.unreadable)
        items += len(page.items)
        tombstones += len(page.tombstones)
        unreadable += len(pulled.unreadable)
        if not page.more:
            return PullOutcome(items, tombstones, unreadable, first.snapshot)
        pulled = feed.pull(page.next, "", page_size)
        if pulled is None:
            raise Unavailable("the feed broke off in the middle of a pull", hint="starting anew")
    raise Unavailable("the feed does not end", hint="starting anew")


def _shows(cache: Cache, item_id: str, entry: Overlay) -> bool:
    """Tell whether the cache, pulled after the cloud confirmed a status, no longer needs it laid over."""
    held = cache.feed_seq(item_id)
    return held is None or not entry.covers(held) or not entry.confirmed_seq


def _push_singly(intake: Intake, journal: Journal, events: list[ProcedureStepEvent]) -> PushOutcome:
    delivered = parked = unanswered = 0
    for event in events:
        try:
            one = _take_down(journal, [event], intake.push([event]))
        except Rejected as error:
            journal.park(event.event_id, str(error))
            one = PushOutcome(0, 1, 0)
        delivered += one.delivered
        parked += one.parked
        unanswered += one.unanswered
    return PushOutcome(delivered, parked, unanswered)


def _take_down(journal: Journal, events: list[ProcedureStepEvent], results: list[EventResult]) -> PushOutcome:
    answered = {result.event_id: result for result in results}
    journal.record_results(list(answered.values()))
    unanswered = [event.event_id for event in events if event.event_id not in answered]
    if unanswered:
        journal.record_unanswered(unanswered)
    parked = sum(result.outcome == "refused" for result in answered.values())
    return PushOutcome(len(answered) - parked, parked, len(unanswered))


class Backoff:
    """Pauses between attempts: doubling from one second to a ceiling, each drawn from its upper half.

    The jitter keeps the relays of a site from knocking all at once when the cloud comes back.
    """

    def __init__(self, longest_seconds: float, forbidden_seconds: float, chance: random.Random) -> None:
        self._longest: Final = longest_seconds
        self._forbidden: Final = forbidden_seconds
        self._chance: Final = chance

    def pause(self, failures: int, error: Exception) -> float:
        """Return how many seconds to wait after the given number of failures in a row (at least 1)."""
        exponential = _FIRST_RETRY_SECONDS * 2.0 ** min(failures - 1, 30)
        ceiling = self._forbidden if isinstance(error, Forbidden) else min(self._longest, exponential)
        return ceiling * self._chance.uniform(0.5, 1.0)


class Loop:
    """Calls one pass again and again in a thread of its own, whatever happens, until stopped.

    :param one_pass: does the work; returns True if there is more to do at once, raises if it failed.
    :param interval: seconds between passes if there is nothing more to do.
    :param after: called after every pass.
    :param gather: seconds to wait before a pass there is work for, so that it does for what else comes.
    """

    def __init__(
        self,
        name: str,
        one_pass: Callable[[], bool],
        interval: float,
        backoff: Backoff,
        health: Health,
        after: Callable[[], None] = lambda: None,
        gather: float = 0.0,
    ) -> None:
        self._name: Final = name
        self._one_pass: Final = one_pass
        self._interval: Final = interval
        self._backoff: Final = backoff
        self._health: Final = health
        self._after: Final = after
        self._gather: Final = gather
        self._stopping: Final = threading.Event()
        self._woken: Final = threading.Event()
        self._thread: Final = threading.Thread(target=self._run, name=f"{name}-loop", daemon=True)
        self._failures = 0
        self._complained_at = 0.0

    def start(self) -> None:
        """Begin, with a pass at once."""
        self._thread.start()

    def wake(self) -> None:
        """Run the next pass now; while the last one failed, its pause is kept."""
        self._woken.set()

    def stop(self, timeout: float) -> bool:
        """Ask the loop to end; return whether it has within the time given, in seconds."""
        self._stopping.set()
        self._woken.set()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._woken.clear()
            pause = self._step()
            if self._failures:
                self._stopping.wait(pause)
            elif not pause or self._woken.wait(pause):
                self._stopping.wait(self._gather)

    def _step(self) -> float:
        try:
            more = self._one_pass()
        except Exception as error:  # noqa: BLE001  the loop must outlive every surprise; it is shown, and retried
            pause = self._failed(error)
        else:
            self._succeeded()
            pause = 0.0 if more else self._interval
        self._after()
        return pause

    def _succeeded(self) -> None:
        if self._failures:
            log.info("%s works again after %d failures", self._name, self._failures)
        self._failures = 0
        self._health.succeeded(self._name)

    def _failed(self, error: Exception) -> float:
        self._failures += 1
        sentence = str(error) if isinstance(error, MwlError) else f"internal fault: {type(error).__name__}"
        self._health.failed(self._name, sentence, forbidden=isinstance(error, Forbidden))
        if self._failures == 1 or monotonic() - self._complained_at > _LOG_EVERY_SECONDS:
            self._complained_at = monotonic()
            # The traceback of a surprise is worth having; its message could hold data, so it is not logged.
            where = "" if isinstance(error, MwlError) else _last_place(error)
            log.warning("%s failed (%d in a row): %s%s", self._name, self._failures, sentence, where)
        return self._backoff.pause(self._failures, error)


def _last_place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f" at {frames[-1].name}:{frames[-1].lineno}" if frames else ""
