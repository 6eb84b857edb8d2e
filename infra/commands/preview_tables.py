"""A preview as tables on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from infra.commands.screen import show_table
from shared.text.quantity import quantity

if TYPE_CHECKING:
    from rich.console import Console

    from lambdas.sync.preview import Preview, PreviewedItem, RefusedRow

_OWNERS = {"person": "a person", "mpps": "the scanner", "images": "its images in the archive"}


def show_preview(console: Console, preview: Preview) -> None:
    """Print a preview."""
    _table(
        console,
        "Items",
        ("change", "start", "record", "patient", "name", "station", "site", "what"),
        [_item(each) for each in preview.items],
    )
    for title, rows in (
        ("Rejected", preview.rejected),
        ("Held back", preview.held),
        ("Left out or put right", preview.notes),
    ):
        columns = ("record", "event", "instance", "field", "value", "reason")
        _table(console, title, columns, [_refused(row) for row in rows])
    of = {each.item.id: each.item.patient_id for each in preview.items}
    views = [
        (
            view.site,
            view.relay,
            view.ae_title,
            "assumed" if view.assumed else "from the cloud",
            str(view.count),
            str(len(view.withheld)),
            _some([of[item_id] for item_id in view.items]),
        )
        for view in preview.scanners
    ]
    heads = ("site", "relay", "scanner", "profile", "items", "withheld", "patients")
    _table(console, "Scanners", heads, views)
    for line in _summary(preview):
        console.print(line, soft_wrap=False)


def _summary(preview: Preview) -> list[str]:
    counts = ", ".join(f"{count} {change}" for change, count in preview.counts.items() if count) or "no items"
    lines = [
        f"{preview.records} of {preview.records_in_project} records: {counts};"
        f" {quantity(len(preview.rejected), 'row')} rejected, {len(preview.held)} held back,"
        f" {quantity(len(preview.notes), 'value')} left out or put right"
    ]
    if preview.cut:
        lines.append(f"Not everything: {preview.cut}")
    if preview.unseen and preview.scanners:
        unseen = quantity(len(preview.unseen), "item")
        lines.append(f"{unseen} would not be shown by any scanner that the cloud knows")
    patients = {each.item.id: each.item.patient_id for each in preview.items}
    lines += [
        f"{quantity(len(view.withheld), 'item')} would be withheld from {view.ae_title}, whose character set "
        "cannot carry an identifier or the patient's name: "
        f"{_some([patients[item_id] for item_id in view.withheld])}"
        for view in preview.scanners
        if view.withheld
    ]
    if any(view.assumed for view in preview.scanners):
        lines.append("assumed: the relay's own file is not known here, and the scanner may see less")
    lines += [f"Would not be applied: {misfit}" for misfit in preview.misfits]
    if preview.blocked:
        lines.append(preview.blocked)
    return [*lines, "Nothing was written."]


def _item(previewed: PreviewedItem) -> tuple[str, ...]:
    item = previewed.item
    said = [f"{each.field}: {_text(each.before)} -> {_text(each.after)}" for each in previewed.fields]
    said += [
        f"{each.field}: {_text(each.value)} stays, {_OWNERS[each.owner]} owns it" for each in previewed.kept
    ]
    start = f"{item.scheduled_start_date} {item.scheduled_start_time}"
    record = f"{item.source_record} #{item.source_instance}"
    return (
        previewed.change,
        start,
        record,
        item.patient_id,
        item.patient_name,
        item.scheduled_station_aetitle,
        item.site,
        "\n".join(said),
    )


def _refused(row: RefusedRow) -> tuple[str, ...]:
    return row.record, row.event, str(row.instance), row.field, row.value, row.reason


def _text(value: object) -> str:
    return str(value) if value not in (None, "") else "(empty)"


def _some(names: Sequence[str], most: int = 5) -> str:
    more = [f"and {len(names) - most} more"] if len(names) > most else []
    return ", ".join([*names[:most], *more])


def _table(console: Console, title: str, headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    if rows:
        show_table(title, headings, rows, console)
