"""One exam after the other: asks its archive, waits until no more images arrive, and tells the cloud.

Nothing of it is kept on disk: after a restart the archive is asked anew, and the cloud, told the same again,
changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from edge_relay.config import ArchiveSettings, ImagesSettings, Settings
from edge_relay.evidence.archive import ask, peer_of
from edge_relay.evidence.open_exams import Question, Times, check_archives, questions
from edge_relay.evidence.patience import Patience
from edge_relay.exchange.loop import Backoff, Loop
from edge_relay.health.report import Health
from edge_relay.worklist.cache import Cache
from edge_relay.worklist.overlay import Overlay
from edge_relay.worklist.query import Condition
from shared.scanners.scanner_profile import ScannerProfile
from shared.steps.study_images import ImagesOutcome, ImagesResult, StudyImages
from shared.worklist_item import WorklistItem

log = logging.getLogger(__name__)

_PAUSES: Final = 15
"""After how many pauses in vain the worklist is looked through again: at the usual 2 s, twice a minute."""


class Told(Protocol):
    """What is needed of the cloud; `edge_relay.exchange.cloud.Cloud` is one."""

    def images(self, studies: Sequence[StudyImages]) -> list[ImagesResult] | None:
        """Tell what archives have; return what became of it, None if the cloud is too old to be told."""


class ImagesSearch:
    """Asks about at most one exam an exchange; the loop's interval is the pause between two.

    :param items: the worklist as it is now, without what a scanner has begun.
    :param ask: asks one archive about one exam; raises as `edge_relay.evidence.archive.ask`.
    :param now: local time at the scanners, without a zone.
    """

    def __init__(
        self,
        archives: Collection[ArchiveSettings],
        settings: ImagesSettings,
        cloud: Told,
        *,
        items: Callable[[], Iterable[WorklistItem]],
        scanners: Callable[[], Collection[ScannerProfile]],
        ask: Callable[[ArchiveSettings, WorklistItem], StudyImages | None],
        now: Callable[[], datetime],
    ) -> None:
        self._archives: Final[Mapping[str, ArchiveSettings]] = {each.ae_title: each for each in archives}
        self._cloud: Final = cloud
        self._times: Final = Times(
            after=timedelta(minutes=settings.first_after_minutes),
            again=timedelta(minutes=settings.again_after_minutes),
            longest=timedelta(days=settings.days),
        )
        self._items, self._scanners, self._ask, self._now = items, scanners, ask, now
        self._patience: Final = Patience(timedelta(minutes=settings.settle_minutes))
        self._look_again: Final = timedelta(seconds=_PAUSES * settings.pause_seconds)
        self._asked: dict[str, datetime] = {}
        self._waiting: list[Question] = []
        self._looked_at: datetime | None = None

    def exchange_once(self) -> bool:
        """Ask about the exam whose turn it is; return False: the next one waits for its turn.

        :raises Unavailable, Rejected: an archive or the cloud could not; another exam's turn is next.
        """
        now = self._now()
        if not self._waiting and (self._looked_at is None or now - self._looked_at >= self._look_again):
            self._look(now)
        if self._waiting:
            question = self._waiting.pop(0)
            self._asked[question.item.id] = now
            self._follow(question, now)
        return False

    def _look(self, now: datetime) -> None:
        self._looked_at = now
        scanners = self._scanners()
        check_archives(scanners, self._archives.keys())
        if not any(each.images_from for each in scanners):
            return
        items = list(self._items())
        known = {each.id for each in items}
        self._asked = {item_id: at for item_id, at in self._asked.items() if item_id in known}
        self._patience.keep_only(known)
        self._waiting = questions(items, scanners, self._asked, now, self._times)

    def _follow(self, question: Question, now: datetime) -> None:
        item = question.item
        images = self._ask(self._archives[question.archive], item)
        if not self._patience.is_ripe(item.id, images, now) or images is None:
            return
        results = self._cloud.images([images])
        if results is None:
            log.warning("the cloud is too old to be told of images: exams of scanners without MPPS stay open")
            return
        self._patience.told(item.id)
        for each in results:
            _say(each, question.archive)


def images_loops(
    settings: Settings,
    cloud: Callable[[], Told],
    cache: Cache,
    overlay: Callable[[], Mapping[str, Overlay]],
    scanners: Callable[[], Collection[ScannerProfile]],
    local_now: Callable[[], datetime],
    backoff: Backoff,
    health: Health,
) -> tuple[Loop, ...]:
    """Return the loop that asks archives; none if there is no archive. Parameters as `images_search`."""
    if not settings.archives:
        return ()
    search = images_search(settings, cloud(), cache, overlay, scanners, local_now)
    return (Loop("images", search.exchange_once, settings.images.pause_seconds, backoff, health),)


def images_search(
    settings: Settings,
    cloud: Told,
    cache: Cache,
    overlay: Callable[[], Mapping[str, Overlay]],
    scanners: Callable[[], Collection[ScannerProfile]],
    local_now: Callable[[], datetime],
) -> ImagesSearch:
    """Return the search of a relay.

    :param overlay: statuses that the cache does not have yet: those exams report by themselves.
    :param local_now: the time at the scanners, aware.
    """
    days = timedelta(days=settings.images.days)

    def now() -> datetime:
        return local_now().replace(tzinfo=None)

    def items() -> list[WorklistItem]:
        first, last = (f"{each:%Y%m%d}" for each in (now() - days, now()))
        laid = overlay()
        of_days = cache.select([Condition("scheduled_start_date", first=first, last=last)])
        return [
            each.item
            for each in of_days
            if each.item.id not in laid or not laid[each.item.id].covers(each.feed_seq)
        ]

    def ask_archive(archive: ArchiveSettings, item: WorklistItem) -> StudyImages | None:
        return ask(peer_of(archive, settings.relay.ae_title), item)

    return ImagesSearch(
        settings.archives, settings.images, cloud, items=items, scanners=scanners, ask=ask_archive, now=now
    )


def _say(result: ImagesResult, archive: str) -> None:
    if result.outcome is ImagesOutcome.COMPLETED:
        log.info("exam %s is completed: archive %s has its images", result.item_id, archive)
    elif result.outcome is ImagesOutcome.OTHER_PATIENT:
        log.warning(
            "archive %s has images of exam %s under another Patient ID: not believed, see the exam's page",
            archive,
            result.item_id,
        )
