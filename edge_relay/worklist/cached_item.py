"""A worklist item as cache.db holds it, and the order items are read in. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from shared.worklist_item import WorklistItem

BY_START: Final = "scheduled_start_date, scheduled_start_time, item_id"
"""The order of the answers, as SQL has it."""

SELF_TESTS: Final = "self_tests"
"""The table of the test participant: `edge_relay.worklist.self_tests.table`."""

COUNT: Final = "SELECT count(*) FROM items WHERE body IS NOT NULL"
"""How many items are held."""

COMPLETE: Final = "SELECT 1 FROM state WHERE key = 'complete'"
"""A row, if a whole worklist was ever received."""


class CachedItem(NamedTuple):
    """An item and the change number it was heard with."""

    feed_seq: int
    item: WorklistItem


class LinkCandidate(NamedTuple):
    """What linking a performed step needs of an item: `shared.steps.step_dataset.Candidate`."""

    id: str
    study_instance_uid: str
    accession_number: str | None
    scheduled_procedure_step_id: str | None
    performed_procedure_step_status: str


CANDIDATES: Final = f"""
    SELECT item_id, study_instance_uid, accession_number, scheduled_procedure_step_id, status FROM items
    WHERE body IS NOT NULL AND (study_instance_uid = ? OR accession_number = ?) ORDER BY {BY_START}"""  # noqa: S608
"""The rows of `LinkCandidate` of a study and of an accession number; an item without one is of none."""


def parsed(rows: Iterable[tuple[int, str]]) -> Iterator[CachedItem]:
    """Yield the items of rows of change number and stored text.

    :raises pydantic.ValidationError: a text is damaged.
    """
    return (CachedItem(feed_seq, _parse(body)) for feed_seq, body in rows)


@lru_cache(maxsize=2048)
def _parse(body: str) -> WorklistItem:
    return WorklistItem.model_validate_json(body)
