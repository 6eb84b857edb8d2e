"""The values that a write-back puts into REDCap, and the row that gets them. Pure.

An item may have had several steps: begun again, given up, begun under the wrong entry. REDCap has one row for
it, so it is told what they amount to:

    status of the item   start, end, station, series                         discontinuation reason
    IN_PROGRESS          since the first step that counts; no end yet        none
    COMPLETED            first start to last end of the completed steps      none
    DISCONTINUED         of the step given up last                           its reason
    SCHEDULED again      none: the wrong entry had been selected             the reason of that
    NO_SHOW              left as they are: there was no step, the status is all there is to say
    COMPLETED without    left as they are, for the study may have typed them; who says so is told
    a step

"None" is written too, as a blank: what REDCap shows depends on the steps alone, not on which of them it was
told of first, or at all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo

from lambdas.redcap.row import RedcapRow
from lambdas.sources.definition import WriteBack
from lambdas.store.unfinished_write_backs import NO_SHOW
from shared.identifiers import RowKey
from shared.steps.procedure_step import Progress, Step, StepStatus, item_status
from shared.steps.step_times import began_at, ended_at
from shared.worklist_item import Status, WorklistItem


@dataclass(frozen=True)
class Performed:
    """What the steps of one item amount to. Times are the scanners' local ones; empty or 0: not known.

    :param seconds: from the first start to the last end, by instants: an hour more or less on the wall clock,
        when summer time begins or ends, is none. None if it is not known, or runs backwards.
    """

    status: Status
    started_at: datetime | None = None
    ended_at: datetime | None = None
    seconds: float | None = None
    station: str = ""
    discontinuation_reason: str = ""
    series_count: int = 0

    @classmethod
    def of(cls, steps: Iterable[Step], zone: tzinfo) -> Performed:
        """Return what these steps amount to, in whatever order they are given.

        :param zone: where the scanners stand.
        """
        # By what a relay heard last; the UID only so that the order of what came at once is always the same.
        heard = sorted(steps, key=lambda step: (step.reported_at, step.sop_instance_uid))
        status = Progress.of(heard).status()
        alike = [step for step in heard if item_status(step) is status]
        match status:
            case Status.IN_PROGRESS:
                counted = [step for step in heard if step.status is not StepStatus.DISCONTINUED]
                begun = cls._over(status, counted, zone)
                return replace(begun, station=_station(alike), ended_at=None, seconds=None)
            case Status.COMPLETED:
                return cls._over(status, alike, zone)
            case Status.DISCONTINUED:
                last = alike[-1:]
                return replace(cls._over(status, last, zone), discontinuation_reason=_reason(last))
        return cls(status, discontinuation_reason=_reason(alike))

    @classmethod
    def _over(cls, status: Status, steps: Collection[Step], zone: tzinfo) -> Performed:
        starts = [(at, step.started_at) for step in steps if (at := began_at(step, zone))]
        ends = [(at, step.ended_at) for step in steps if (at := ended_at(step, zone))]
        first, last = min(starts, default=None), max(ends, default=None)
        seconds = (last[0] - first[0]).total_seconds() if first and last else -1.0
        return cls(
            status,
            started_at=first[1] if first else None,
            ended_at=last[1] if last else None,
            seconds=seconds if seconds >= 0 else None,
            station=_station(steps),
            series_count=sum(step.series_count for step in steps),
        )

    def minutes(self) -> int | None:
        """Return the whole minutes from start to end; None if they are not known or run backwards."""
        return None if self.seconds is None else int(self.seconds) // 60


def wants(config: WriteBack, key: str) -> bool:
    """Tell whether REDCap is to be told: of missed scans only where ``status_values`` has a value for them.

    :param key: what the write-back goes by: a SOP Instance UID, or `no_show_of` an item.
    """
    return not key.startswith(NO_SHOW) or Status.NO_SHOW in config.status_values


def values_of(
    config: WriteBack, steps: Collection[Step], item: WorklistItem, zone: tzinfo, completed_by: str = ""
) -> dict[str, str]:
    """Return REDCap field -> value, for every configured field; blank if it has to be empty.

    :param steps: the item's steps that count: those since a person last set its status. If there are none the
        status is that person's, and all there is to say.
    :param zone: where the scanners stand.
    :param completed_by: who says that the item is completed, as `PendingWriteBack` has it.
    """
    if not steps:
        status = _status(config, item.performed_procedure_step_status)
        return _named({config.status: status, config.completed_by: completed_by})
    performed = Performed.of(steps, zone)
    minutes = performed.minutes()
    return _named(
        {
            config.status: _status(config, performed.status),
            config.start: _date_time(performed.started_at, config.seconds),
            config.end: _date_time(performed.ended_at, config.seconds),
            config.duration: "" if minutes is None else str(minutes),
            config.station: performed.station,
            config.discontinuation_reason: performed.discontinuation_reason,
            config.series_count: str(performed.series_count or ""),
            config.completed_by: "mpps" if performed.status is Status.COMPLETED else "",
        }
    )


def row_of(item: WorklistItem, rows: Iterable[RedcapRow]) -> RedcapRow | None:
    """Return the row the item was made from; None if it is not there any more."""
    key = RowKey(
        item.source, item.source_record, item.source_event, item.source_instrument, item.source_instance
    )
    return next((row for row in rows if row.key(item.source) == key), None)


def update_of(row: RedcapRow, values: dict[str, str]) -> RedcapRow | None:
    """Return the row with only the values that differ from what REDCap has; None if none does.

    The key is the row's own, as REDCap wrote it: a row that does not repeat must not be given an instance.
    """
    changed = {field: text for field, text in values.items() if row.values.get(field, "") != text}
    return replace(row, values=changed) if changed else None


def _named(values: dict[str | None, str]) -> dict[str, str]:
    return {field: text for field, text in values.items() if field is not None}


def _status(config: WriteBack, status: Status) -> str:
    return config.status_values.get(status, status.value)


def _station(steps: Collection[Step]) -> str:
    """Return the station of the step that was heard of last and names one."""
    named = [step.station_aetitle or step.station_name for step in steps]
    return next((name for name in reversed(named) if name), "")


def _reason(steps: Collection[Step]) -> str:
    given = [step.discontinuation_reason for step in steps if step.discontinuation_reason]
    return given[-1] if given else ""


def _date_time(moment: datetime | None, seconds: bool) -> str:
    """Return a local time as REDCap imports it: ``YYYY-MM-DD HH:MM[:SS]``, whatever its display format."""
    if moment is None:
        return ""
    return moment.isoformat(sep=" ", timespec="seconds" if seconds else "minutes")
