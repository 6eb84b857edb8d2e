"""When images are believed: once no more arrive. Pure.

An archive has the first images minutes after a scan began. Only when a while has passed without new ones is
the exam over, and the cloud told. What it was told it is told again only when it has changed.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from shared.steps.study_images import StudyImages


class _Seen(NamedTuple):
    images: StudyImages
    since: datetime
    told: bool = False


class Patience:
    """What was seen of each exam, and since when it is the same.

    :param settle: how long it has to stay the same.
    """

    def __init__(self, settle: timedelta) -> None:
        self._settle = settle
        self._seen: dict[str, _Seen] = {}

    def is_ripe(self, item_id: str, images: StudyImages | None, now: datetime) -> bool:
        """Note what an archive has of an exam now; return whether the cloud is to be told.

        :param images: None: nothing.
        """
        before = self._seen.get(item_id)
        if images is None:
            self._seen.pop(item_id, None)
            return False
        if before is None or before.images != images:
            self._seen[item_id] = _Seen(images, now)
            return self._settle <= timedelta()
        return not before.told and now - before.since >= self._settle

    def told(self, item_id: str) -> None:
        """Note that the cloud was told what was seen last."""
        self._seen[item_id] = self._seen[item_id]._replace(told=True)

    def keep_only(self, item_ids: set[str]) -> None:
        """Forget the exams that are not open any more."""
        self._seen = {item_id: seen for item_id, seen in self._seen.items() if item_id in item_ids}
