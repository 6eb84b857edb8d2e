"""Which records' rows may have to say something else of the worklist than they do. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from lambdas.mapping.record import Mapped
from lambdas.sources.definition import SourceDefinition
from lambdas.sources.state import FEEDBACK_KEPT, SourceState

ANY_DAY: Final = "9"
"""Sorts behind every day: what has no day, or one that cannot be read, is told in any case."""


def last_days(record: str, mapped: Mapped, *, thorough: bool) -> dict[str, str]:
    """Return a record with the last day of its scans, ``YYYYMMDD``.

    :param thorough: all records are looked at: one without a scan has nothing to say.
    """
    days = [item.scheduled_start_date for item in mapped.items]
    days += [row.day or ANY_DAY for row in (*mapped.rejected, *mapped.held)]
    if not days and thorough:
        return {}
    return {record: max(days, default=ANY_DAY)}


def feedback_due(
    definition: SourceDefinition, state: SourceState, to_tell: Mapping[str, str], now: float
) -> dict[str, object]:
    """Return what of the state says which records are to be told; of what is long over, nobody is told.

    :param now: seconds since 1970.
    """
    if definition.feedback is None:
        return {"feedback_due": ()}
    yesterday = f"{definition.local(datetime.fromtimestamp(now, UTC)) - timedelta(days=1):%Y%m%d}"
    due = {record for record, day in to_tell.items() if day >= yesterday}
    return {"feedback_due": tuple(sorted({*state.feedback_due, *due}))[:FEEDBACK_KEPT]}
