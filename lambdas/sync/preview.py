"""A sync that only looks: what it would write, withdraw, reject and leave alone, and who would see it.

REDCap is asked for exports, the table is read, and nothing is written anywhere. What is returned holds
patient data, for the person who asked: it is shown to them, and never logged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict

from lambdas.mapping.record import missing_data_codes
from lambdas.redcap.row import RedcapRow
from lambdas.sources.definition import SourceDefinition
from lambdas.sources.dictionary.problems import misfits_of, problems_of
from lambdas.sources.unshown_rows import HeldRow, Note, RejectedRow
from lambdas.store import ownership
from lambdas.store.dry_worklist import DryWorklist
from lambdas.store.ownership import StatusOwner, StoredItem
from lambdas.sync import fuse
from lambdas.sync.project_check import project_of
from lambdas.sync.record_intake import RecordIntake, by_record
from lambdas.sync.scanner_view import Scanner, ScannerView, views
from shared.errors import Rejected, Unavailable
from shared.worklist_item import WorklistItem

if TYPE_CHECKING:
    from lambdas.redcap.project import RedcapProject

MOST_ROWS: Final = 1000
"""Rows of each kind that the API shows: an answer of it holds 6 MB."""

Change = Literal["new", "changed", "unchanged", "withdrawn", "removed", "stays"]
"""What a sync would do with an item.

    new         it is not there, or was withdrawn before
    changed     fields would be written
    unchanged   nothing would be written
    withdrawn   no row stands for it any more, a gate holds it, or it moved to another site: it would go
    removed     a person removed it, so it stays away
    stays       no row stands for it any more, but a scanner has reported on it
"""


class _Shown(BaseModel):
    model_config = ConfigDict(frozen=True)


class FieldChange(_Shown):
    """A field that would be written."""

    field: str
    before: Any
    after: Any


class KeptField(_Shown):
    """A field that REDCap says otherwise of, and that stays, because somebody else owns it.

    :param owner: ``mpps``: a scanner reported it; ``images``: an archive has its images.
    :param value: what stays.
    :param source: what REDCap says.
    """

    field: str
    owner: StatusOwner
    value: Any
    source: Any


class PreviewedItem(_Shown):
    """An item as it would be after the sync, and what would be done to it."""

    change: Change
    item: WorklistItem
    fields: tuple[FieldChange, ...] = ()
    kept: tuple[KeptField, ...] = ()


class RefusedRow(RejectedRow):
    """A row that gives no item, or not the whole of it: what it says where the trouble is.

    :param value: as REDCap holds it; several as ``field=value; field=value``.
    :param because_of: the record whose item bears the same Patient ID, if that is why it is held.
    """

    value: str
    because_of: str = ""


class Preview(_Shown):
    """What a sync of everything would do now.

    :param records: records looked at, of ``records_in_project``.
    :param cut: why not all were looked at; empty if they were, or if one was asked for.
    :param counts: items by `Change`, all of those found.
    :param misfits: why the definition would not be applied; a sync of one that was goes on all the same.
    :param blocked: why a sync would withdraw none of what has vanished; empty if it would.
    :param notes: what is left out of items, or put right.
    :param unseen: ids of items that no scanner the cloud knows of would be shown.
    """

    source_id: str
    records: int
    records_in_project: int
    cut: str
    counts: dict[Change, int]
    misfits: tuple[str, ...] = ()
    blocked: str
    items: tuple[PreviewedItem, ...]
    rejected: tuple[RefusedRow, ...]
    held: tuple[RefusedRow, ...]
    notes: tuple[RefusedRow, ...] = ()
    scanners: tuple[ScannerView, ...]
    unseen: tuple[str, ...]

    def shared_patient_ids(self) -> list[str]:
        """Return why scans are held whose Patient ID is somebody else's, one sentence a scan."""
        return [row.reason for row in self.held if row.because_of]


@dataclass(frozen=True)
class Scope:
    """How much to look at.

    :param record: only this one; empty: all of them.
    :param limit: so many records, in order of their ids; None: all.
    :param most_rows: stop when there are so many rows to show, and show no more of each kind; None: go on.
    :param out_of_time: tells when to stop; asked now and then.
    """

    record: str = ""
    limit: int | None = None
    most_rows: int | None = None
    out_of_time: Callable[[], bool] = lambda: False


EVERYTHING: Final = Scope()
AT_APPLY: Final = Scope(limit=1000)
"""What is looked at when a definition is applied: enough to see an identifier that is not one's own."""


def preview(
    definition: SourceDefinition,
    redcap: RedcapProject,
    worklist: DryWorklist,
    *,
    scanners: Sequence[Scanner] = (),
    today: date,
    left: Collection[str] = (),
    scope: Scope = EVERYTHING,
) -> Preview:
    """Return what a sync of everything would do; write nothing.

    :param worklist: a fresh one; it is told what a sync would write.
    :param scanners: of the source's sites; see `lambdas.sync.scanner_view.known_scanners`.
    :param today: the scanners' date.
    :param left: sites the source wrote to before, and does no more.
    :raises Rejected: the definition does not fit the project.
    :raises Forbidden, Unavailable: as `RedcapProject`; also if there is no time for anything.
    """
    dry_sync = _DrySync(definition, redcap, worklist, left, scope)
    dry_sync.read()
    vanished, total = dry_sync.sweep()
    shown = sorted((*_written(worklist), *dry_sync.kept_scans()), key=_order)
    counts = Counter(each.change for each in shown)
    after = [each.item for each in shown if each.change not in {"withdrawn", "removed"}]
    scanner_views = views(scanners, after, today)
    shown_somewhere = {item_id for view in scanner_views for item_id in view.items}
    found = Preview(
        source_id=definition.id,
        records=len(dry_sync.records),
        records_in_project=dry_sync.total,
        cut=dry_sync.cut,
        counts={change: counts[change] for change in get_args(Change)},
        misfits=dry_sync.misfits,
        blocked="" if scope.record else _blocked(definition, vanished, total),
        items=tuple(shown),
        rejected=tuple(dry_sync.rejected),
        held=tuple(dry_sync.held),
        notes=tuple(dry_sync.notes),
        scanners=scanner_views,
        unseen=tuple(item.id for item in after if item.id not in shown_somewhere),
    )
    return found if scope.most_rows is None else _first(found, scope.most_rows)


def _first(found: Preview, most: int) -> Preview:
    """Return a preview with no more rows of each kind than these; its counts stay."""
    if max(map(len, (found.items, found.rejected, found.held, found.notes))) <= most:
        return found
    ids = {each.item.id for each in found.items[:most]}
    scanners = (
        view.model_copy(
            update={
                "items": tuple(item_id for item_id in view.items if item_id in ids),
                "withheld": tuple(item_id for item_id in view.withheld if item_id in ids),
            }
        )
        for view in found.scanners
    )
    return found.model_copy(
        update={
            "cut": "; ".join(filter(None, (found.cut, f"the first {most} rows of each kind are shown"))),
            "items": found.items[:most],
            "rejected": found.rejected[:most],
            "held": found.held[:most],
            "notes": found.notes[:most],
            "scanners": tuple(scanners),
            "unseen": tuple(item_id for item_id in found.unseen if item_id in ids),
        }
    )


class _DrySync:
    """What a sync would do, as far as there was time to find out: the sync's own pass, on a dry worklist."""

    def __init__(
        self,
        definition: SourceDefinition,
        redcap: RedcapProject,
        worklist: DryWorklist,
        left: Collection[str],
        scope: Scope,
    ) -> None:
        self._definition, self._redcap, self._worklist, self._scope = definition, redcap, worklist, scope
        self._intake = RecordIntake(
            definition,
            redcap,
            worklist,
            codes=(),
            sites=left,
            renew=lambda: None,
            confirmed=True,
            thorough=True,
        )
        self._groups: Mapping[str, str] | None = None
        self.rejected: list[RefusedRow] = []
        self.held: list[RefusedRow] = []
        self.notes: list[RefusedRow] = []
        self.misfits: tuple[str, ...] = ()
        self.total = 0
        self.cut = ""

    @property
    def records(self) -> Set[str]:
        """The records that were looked at."""
        return self._intake.dealt_with

    def read(self) -> None:
        """Ask REDCap, batch by batch."""
        self._intake.codes = missing_data_codes(self._redcap.project_info())
        self._check_time()
        self._check_project()
        self._check_time()
        for batch in self._batches():
            self._take(batch)
            if len(self.records) >= self.total:
                break
            if why := self._why_stop():
                self.cut = f"stopped after {len(self.records)} of {self.total} records: {why}"
                break
        self.rejected += [_refused(row, ()) for row in self._intake.rejected_as_left_out()]

    def _check_project(self) -> None:
        project = project_of(self._definition, self._redcap)
        if problems := list(problems_of(self._definition, project)):
            raise Rejected("; ".join(problems), where=f"source {self._definition.id}")
        self.misfits = tuple(misfits_of(self._definition, project))

    def sweep(self) -> tuple[int, int]:
        """Withdraw, on the dry worklist; return how many items have no row any more, and of how many."""
        if self._scope.out_of_time():
            self.cut = self.cut or "no more time: what would be withdrawn was not looked for"
            return 0, 0
        whole = len(self.records) >= self.total and not self._scope.record
        found = self._intake.sweep(self._groups, last=whole)
        self._intake.withdraw_barred(found)
        for site, item_ids in found.vanished.items():
            self._worklist.withdraw(site, item_ids)
        return len(found.vanished_ids()), found.total

    def kept_scans(self) -> Iterator[PreviewedItem]:
        """Yield the items no row stands for any more that stay, because a scanner has reported on them."""
        for site, ref in self._worklist.scanned:
            gone = self._groups is not None and ref.source_record not in self._groups
            if ref.item_id not in self._worklist.said and (gone or ref.source_record in self.records):
                for stored in self._worklist.writer.read(site, [ref.item_id]).values():
                    yield PreviewedItem(change="stays", item=stored.item)

    def _batches(self) -> Iterator[list[RedcapRow]]:
        fields = self._definition.read_fields()
        if self._scope.record:
            self.total = 1
            rows = self._redcap.rows_of(self._scope.record, fields)
            self._intake.read.add(self._scope.record)  # also if there is none: then its items have no row
            yield rows
            return
        self._groups = self._redcap.record_groups()
        self._check_time()
        self.total = len(self._groups)
        wanted = sorted(self._groups)[: self._scope.limit]
        if len(wanted) < self.total:
            self.cut = f"{len(wanted)} of {self.total} records, as asked for"
        yield from self._intake.rows(wanted)

    def _take(self, batch: Sequence[RedcapRow]) -> None:
        rejected, held, notes = (
            len(self._intake.rejected_rows),
            len(self._intake.held),
            len(self._intake.notes),
        )
        self._intake.take(batch)
        # A record whose id cannot be written down is rejected under another one.
        rows = {record: own for record, own in by_record(batch)}
        self.rejected += [
            _refused(row, rows.get(row.record, ())) for row in self._intake.rejected_rows[rejected:]
        ]
        self.held += [_refused(row, rows.get(row.record, ())) for row in self._intake.held[held:]]
        self.notes += [_refused(row, rows.get(row.record, ())) for row in self._intake.notes[notes:]]

    def _why_stop(self) -> str:
        shown = len(self._worklist.outcomes) + len(self.rejected) + len(self.held) + len(self.notes)
        if self._scope.most_rows is not None and shown >= self._scope.most_rows:
            return "too many rows to show"
        return "no more time" if self._scope.out_of_time() else ""

    def _check_time(self) -> None:
        if self._scope.out_of_time():
            raise Unavailable("REDCap is too slow for a preview here", hint="mwl-cloud sources preview waits")


def _written(worklist: DryWorklist) -> Iterator[PreviewedItem]:
    tried = {outcome.after.item.id for outcome in worklist.outcomes}
    for item_id, said in worklist.said.items():
        if item_id not in tried:  # removed by a person at another site, where it was
            yield PreviewedItem(change="removed", item=said)
    for outcome in worklist.outcomes:
        before, after = outcome.before, outcome.after
        was_there, is_there = before is not None and not before.gone, not after.gone
        if was_there and not is_there:
            yield PreviewedItem(change="withdrawn", item=after.item)
        elif is_there:
            said = worklist.said[after.item.id]
            yield _put(before.item if was_there and before else None, after, said)
        elif after.status_owner == "person":
            yield PreviewedItem(change="removed", item=after.item)


def _put(before: WorklistItem | None, after: StoredItem, said: WorklistItem) -> PreviewedItem:
    if before is None:
        return PreviewedItem(change="new", item=after.item, kept=_kept(after, said))
    fields = tuple(
        FieldChange(field=name, before=old, after=new) for name, old, new in _differences(before, after.item)
    )
    change: Change = "changed" if fields else "unchanged"
    return PreviewedItem(change=change, item=after.item, fields=fields, kept=_kept(after, said))


def _kept(after: StoredItem, said: WorklistItem) -> tuple[KeptField, ...]:
    return tuple(
        KeptField(field=name, owner=_owner(after, name), value=held, source=theirs)
        for name, held, theirs in _differences(after.item, said)
    )


def _owner(stored: StoredItem, field: str) -> StatusOwner:
    scanned = field in {ownership.STATUS, "site"} and stored.status_owner in ownership.SCANNED
    return stored.status_owner if scanned else "person"


def _differences(one: WorklistItem, other: WorklistItem) -> Iterator[tuple[str, Any, Any]]:
    before, after = one.model_dump(mode="json"), other.model_dump(mode="json")
    return ((name, before[name], after[name]) for name in before if before[name] != after[name])


def _refused(refused: RejectedRow | HeldRow | Note, rows: Iterable[RedcapRow]) -> RefusedRow:
    where = (refused.event, refused.instrument, refused.instance)
    # The row itself first: what it lacks is taken from another row of the record.
    ordered = sorted(rows, key=lambda row: (row.event, row.instrument, row.instance or 1) != where)
    names = refused.field.split(", ")
    values = {name: next((row.values[name] for row in ordered if row.values.get(name)), "") for name in names}
    value = values[names[0]] if len(names) == 1 else "; ".join(f"{k}={v}" for k, v in values.items())
    return RefusedRow(**refused.model_dump(), value=value)


def _blocked(definition: SourceDefinition, vanished: int, total: int) -> str:
    if not fuse.blows(vanished, total, definition.max_withdrawn_share):
        return ""
    return f"{vanished} of {total} items have no row any more: none is withdrawn until a person confirms that"


def _order(shown: PreviewedItem) -> tuple[str, ...]:
    item = shown.item
    return item.scheduled_start_date, item.scheduled_start_time, item.id, item.site
