"""A worklist for previews: it records what would be written, and writes nothing.

It is the real store but for the writer, so that a dry run does what a sync does, by the same code.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lambdas.mapping.patients import Bearer
from lambdas.store import ownership
from lambdas.store.audit.entry import Actor, Subject
from lambdas.store.audit.trail import Also
from lambdas.store.commit import Change, ItemWriter, Written
from lambdas.store.followed_items import FollowedItems
from lambdas.store.models import ItemRow, Tables, bind
from lambdas.store.ownership import StoredItem
from lambdas.store.plans.timing import Saved
from lambdas.store.worklist import ItemRef, PutResult, WorklistStore
from shared.worklist_item import WorklistItem


@dataclass(frozen=True)
class Outcome:
    """What a write would have made of an item; ``before`` is None if there was none."""

    site: str
    before: StoredItem | None
    after: StoredItem


class DryWorklist(WorklistStore):
    """Reads the tables, and writes nothing.

    :param tables: None: there are none yet, so nothing is there.
    :param now: seconds since 1970.
    """

    def __init__(self, tables: Tables | None, *, now: Callable[[], float]) -> None:
        self._is_empty = tables is None
        tables = tables or bind("none", "none", "us-east-1")  # never asked
        self._dry = _DryWriter(tables, now=now, is_empty=self._is_empty)
        kind = _NothingFollowed if self._is_empty else _DryFollowedItems
        followed = kind(tables, self._dry, now=now)
        super().__init__(tables, now=now, new_id=_no_id, writer=self._dry, followed=followed)
        self.said: dict[str, WorklistItem] = {}
        """What the source says of each item, by id."""
        self.scanned: list[tuple[str, ItemRef]] = []
        """Items a scanner has reported on, by site, among those looked through."""

    @property
    def outcomes(self) -> list[Outcome]:
        """What would have been made of each item, in the order of the writes."""
        return self._dry.outcomes

    def put_if_changed(
        self,
        items: Iterable[WorklistItem],
        sites: Collection[str] = (),
        *,
        by: Actor | None = None,
        saved: Mapping[str, Saved] | None = None,
    ) -> PutResult:
        """As `WorklistStore.put_if_changed`, without the writing."""
        wanted = list(items)
        self.said.update((item.id, item) for item in wanted)
        return super().put_if_changed(wanted, sites, by=by, saved=saved)

    def items_of_source(self, source_id: str, site: str) -> Iterator[ItemRef]:
        """As `WorklistStore.items_of_source`."""
        if self._is_empty:
            return
        for ref in super().items_of_source(source_id, site):
            if ref.status_owner in ownership.SCANNED:
                self.scanned.append((site, ref))
            yield ref

    def items_of_record(
        self, source_id: str, record: str, but: Collection[str] = ()
    ) -> Iterator[tuple[str, ItemRef]]:
        """As `WorklistStore.items_of_record`."""
        return iter(()) if self._is_empty else super().items_of_record(source_id, record, but)

    def bearers(self, site: str) -> Iterator[Bearer]:
        """As `WorklistStore.bearers`."""
        return iter(()) if self._is_empty else super().bearers(site)


class _DryWriter(ItemWriter):
    def __init__(self, tables: Tables, *, now: Callable[[], float], is_empty: bool) -> None:
        super().__init__(tables, now=now, new_id=_no_id, settle=0)
        self._is_empty = is_empty
        self.outcomes: list[Outcome] = []

    def read(self, site: str, item_ids: Sequence[str]) -> dict[str, StoredItem]:
        """As `ItemWriter.read`."""
        return {} if self._is_empty else super().read(site, item_ids)

    def change(
        self,
        site: str,
        changes: Mapping[str, Change],
        also: Also | None = None,
        *,
        by: Actor | None = None,  # noqa: ARG002 - nothing is written that could be audited
        about: Sequence[Subject] = (),  # noqa: ARG002 - likewise
        saved: Mapping[str, Saved] | None = None,  # noqa: ARG002 - nor is anything timed
    ) -> Written:
        """Find out what would be written, and write nothing."""
        if also is not None:
            raise TypeError("a dry run has no transactions")
        current = self.read(site, list(changes))
        wanted = dict(current)
        written = 0
        for item_id, change in changes.items():
            before = current.get(item_id)
            after = change(before)
            if after is not None:
                self.outcomes.append(Outcome(site, before, after))
                written += before is None or not before.same_content(after)
                wanted[item_id] = after
        return Written(wanted, written)


class _DryFollowedItems(FollowedItems):
    def follow(self, site: str, item: WorklistItem, row_id: str, before: str) -> None:
        """Write nothing: what the item would be, is put in any case."""

    def prepare(self, site: str, rows: Sequence[ItemRow]) -> None:
        """Write nothing: whoever asks next looks through the site again."""


class _NothingFollowed(_DryFollowedItems):
    def is_prepared(self, site: str) -> bool:  # noqa: ARG002
        """Say that nothing is missing."""
        return True

    def names(self, sites: Collection[str]) -> dict[str, str]:  # noqa: ARG002
        """Return nothing."""
        return {}

    def touched(self, source_id: str, sites: Collection[str]) -> Iterator[StoredItem]:  # noqa: ARG002
        """Yield nothing."""
        return iter(())

    def touched_like(self, item: WorklistItem, sites: Collection[str]) -> Iterator[StoredItem]:  # noqa: ARG002
        """Yield nothing."""
        return iter(())


def _no_id() -> str:
    raise TypeError("a dry run makes nothing that needs an id")
