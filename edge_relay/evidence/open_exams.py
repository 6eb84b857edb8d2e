"""Of which exams an archive is to be asked now. Pure.

Only of those that are still to be scanned, whose time came a while ago, and whose scanner reports nothing:
its profile says ``images_from``. The ones that were not asked for longest come first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from shared.errors import Rejected
from shared.scanners.scanner_profile import ScannerProfile
from shared.worklist_item import Status, WorklistItem

_WAITING: Final = frozenset({Status.SCHEDULED, Status.ARRIVED, Status.READY})
_NEVER: Final = datetime(1, 1, 1)  # noqa: DTZ001 - local


class Times(NamedTuple):
    """When exams are asked about.

    :param after: since their planned start. ``again``: since they were last asked about.
    :param longest: after it nobody asks any more.
    """

    after: timedelta
    again: timedelta
    longest: timedelta


class Question(NamedTuple):
    """An exam, and the AE title of the archive to ask about it."""

    item: WorklistItem
    archive: str


def questions(
    items: Iterable[WorklistItem],
    scanners: Collection[ScannerProfile],
    asked: Mapping[str, datetime],
    now: datetime,
    times: Times,
) -> list[Question]:
    """Return what to ask now, in the order to ask.

    :param asked: when each exam was asked about last, by id; local, as ``now``.
    :param now: local time at the scanners, without a zone.
    """
    found = [
        Question(item, archive)
        for item in items
        if (archive := _archive_of(item, scanners))
        and item.performed_procedure_step_status in _WAITING
        and (start := _start(item)) is not None
        and now - times.longest <= start <= now - times.after
        and asked.get(item.id, _NEVER) <= now - times.again
    ]
    return sorted(found, key=lambda each: (asked.get(each.item.id, _NEVER), _start(each.item), each.item.id))


def check_archives(scanners: Iterable[ScannerProfile], archives: Collection[str]) -> None:
    """Raise `Rejected` if a scanner's archive is none that relay.toml lists.

    :param archives: AE titles.
    """
    for each in scanners:
        if each.images_from and each.images_from not in archives:
            raise Rejected(
                f"images_from of scanner {each.ae_title} is {each.images_from}, which is not in [[archives]]",
                hint="list it in relay.toml, with its host and port",
            )


def _archive_of(item: WorklistItem, scanners: Collection[ScannerProfile]) -> str | None:
    """Return the archive of the scanner that an exam is booked for; None if that reports by itself."""
    for scanner in scanners:
        named = bool(item.station_name) and item.station_name in scanner.station_names
        if named or scanner.own_titles([item.scheduled_station_aetitle]) & scanner.stations:
            return scanner.images_from
    return None


def _start(item: WorklistItem) -> datetime | None:
    digits = (item.scheduled_start_time.split(".", maxsplit=1)[0] + "000000")[:6]
    try:
        return datetime.strptime(item.scheduled_start_date + digits, "%Y%m%d%H%M%S")  # noqa: DTZ007 - local
    except ValueError:
        return None
