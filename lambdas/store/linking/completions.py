"""Exams that are completed without a performed step: a person says so, or an archive has their images.

The rules are those of `lambdas.store.ownership`. The write-back is due in the transaction that changes the
item.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from lambdas.store import ownership
from lambdas.store.accounts.doubted_images import DoubtedImageStore
from lambdas.store.audit.entry import SYSTEM, Actor
from lambdas.store.ownership import StoredItem
from lambdas.store.worklist import Check, WorklistStore
from shared.errors import NotFound
from shared.steps.study_images import ImagesOutcome, StudyImages

Said = Callable[[StoredItem], StoredItem]


class Completions:
    """What is said of exams of all sites that no scanner says.

    :param doubted: where exams are noted whose images are under another Patient ID.
    """

    def __init__(self, worklist: WorklistStore, doubted: DoubtedImageStore) -> None:
        self._worklist: Final = worklist
        self._doubted: Final = doubted

    def complete(self, item_id: str, check: Check = lambda _: None, *, by: Actor = SYSTEM) -> StoredItem:
        """Complete an item because a person says so; see `ownership.completed_by_person`, which raises too.

        :param check: raises if the item, as it stands at the moment of writing, is not to be changed.
        :raises NotFound: no such item.
        """
        return self._change(item_id, check, ownership.completed_by_person, by)

    def reopen(self, item_id: str, check: Check = lambda _: None, *, by: Actor = SYSTEM) -> StoredItem:
        """Take back that an item is completed; see `ownership.reopened`, which raises too.

        :raises NotFound: no such item.
        """
        return self._change(item_id, check, ownership.reopened, by)

    def images_found(self, site: str, told: StudyImages, *, by: Actor = SYSTEM) -> ImagesOutcome:
        """Note what an archive has of an item of a site; telling the same again changes nothing.

        An exam whose images are doubted is noted after it was written: who was not answered tells again.

        :raises Conflict, Unavailable: as `ItemWriter.change`.
        """

        def change(current: StoredItem | None) -> StoredItem | None:
            return current and ownership.from_images(current, told)

        written = self._worklist.writer.change(site, {told.item_id: change}, by=by)
        after = written.items.get(told.item_id)
        if after is not None and ownership.doubted(after):
            self._doubted.note(site, told.item_id)
        return _outcome(after, told)

    def would_be(self, stored: StoredItem, told: StudyImages) -> ImagesOutcome:
        """Return what `images_found` would come to, without writing."""
        return _outcome(ownership.from_images(stored, told), told)

    def _change(self, item_id: str, check: Check, change: Said, by: Actor) -> StoredItem:
        found = self._worklist.find(item_id)
        if found is None:
            raise NotFound("no such worklist item", where="id")

        def checked(current: StoredItem | None) -> StoredItem | None:
            if current is None or current.gone:
                raise NotFound("no such worklist item", where="id")
            check(current)
            return change(current)

        return self._worklist.writer.change(found.item.site, {item_id: checked}, by=by).items[item_id]


def _outcome(after: StoredItem | None, told: StudyImages) -> ImagesOutcome:
    if after is None or after.gone:
        return ImagesOutcome.GONE
    if after.item.study_instance_uid != told.study_instance_uid:
        return ImagesOutcome.OTHER_STUDY
    if not ownership.is_same_patient(after, told):
        return ImagesOutcome.OTHER_PATIENT
    completed = ownership.completed_without_step(after) == "images"
    return ImagesOutcome.COMPLETED if completed else ImagesOutcome.NOT_OPEN
