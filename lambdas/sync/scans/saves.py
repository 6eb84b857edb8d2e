"""What a run knows of when its plans were saved in REDCap, and since when it knows their rows. Pure.

REDCap announced it (Data Entry Trigger)   just then
a look at changes found it                 not before the start of the look before
a full read found it                       not before the full read before; at the first one nothing is known
its row could not be shown until now       known since it was first rejected or held back
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from lambdas.sources.state import SourceState
from lambdas.sources.unshown_rows import UnshownRow
from lambdas.store.plans.timing import Saved
from shared.worklist_item import WorklistItem

_Row = TypeVar("_Row", bound=UnshownRow)
_Key = tuple[str, str, str, int]


@dataclass(frozen=True)
class Saves:
    """When the plans of one run were saved.

    :param now: of the run; None: it is a dry one, and nothing is noted.
    :param earliest: no plan it brings was saved before; None: nothing is known.
    :param exactly: they were saved just then.
    :param unshown: since when rows are known that are not on the list; those of earlier builds have no time.
    """

    now: datetime | None = None
    earliest: datetime | None = None
    exactly: bool = False
    unshown: dict[_Key, datetime] = field(default_factory=dict)

    @classmethod
    def of_run(cls, state: SourceState, now: float, *, announced_at: float | None, everything: bool) -> Saves:
        """Return what a run knows.

        :param state: of the source, before it.
        :param now: seconds since 1970; ``announced_at``: likewise, when REDCap announced a save; None: it
            did not.
        :param everything: it is a full read.
        """
        rows = (*state.rejected, *state.held)
        known = {_key(row): row.since for row in rows if row.since is not None}
        moment = _moment(now)
        if announced_at is not None:
            return cls(moment, min(_moment(announced_at), moment), exactly=True, unshown=known)
        if everything:
            return cls(moment, _moment(state.reconciled_at) if state.reconciled_at else None, unshown=known)
        return cls(moment, min(state.watermark, moment) if state.watermark else None, unshown=known)

    def of(self, items: Iterable[WorklistItem]) -> dict[str, Saved]:
        """Return what is known of the plan of each item, by its id."""
        return {
            item.id: Saved(self.earliest, exactly=self.exactly, seen_at=self.unshown.get(_item_key(item)))
            for item in items
        }

    def noted(self, rows: Iterable[_Row]) -> tuple[_Row, ...]:
        """Return rows that are not on the list, each with the moment since which it is known."""
        if self.now is None:
            return tuple(rows)
        return tuple(row.model_copy(update={"since": self.unshown.get(_key(row), self.now)}) for row in rows)


def _key(row: UnshownRow) -> _Key:
    return row.record, row.event, row.instrument, row.instance


def _item_key(item: WorklistItem) -> _Key:
    return item.source_record, item.source_event, item.source_instrument, item.source_instance


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
