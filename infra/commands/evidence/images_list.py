"""A list of studies whose images have arrived, as an archive (PACS) exports it: CSV. Pure.

A line is of an exam only if everything it says is the exam's: its accession number or its Study Instance UID,
and always its Patient ID. A line that fits several exams is of none.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from pydantic import ValidationError

from lambdas.store.ownership import StoredItem
from shared.errors import Rejected
from shared.steps.study_images import BY_LIST, StudyImages

COLUMNS: Final = ("accession_number", "study_instance_uid", "patient_id", "series", "images", "last_image")
"""All that is read; other columns are left alone. ``patient_id`` and one of the first two must be there."""

NO_EXAM: Final = "no open exam has this accession number or Study Instance UID"
SEVERAL: Final = "fits several exams: give the Study Instance UID too"


class Line(NamedTuple):
    """A line of the list; ``number`` counts from 1, the heading included."""

    number: int
    accession_number: str
    study_instance_uid: str
    patient_id: str
    series: int
    images: int
    last_image: datetime | None


def lines_of(text: str) -> list[Line]:
    """Return the lines of a list.

    :raises Rejected: a column is missing, or a line cannot be understood; names it, without its values.
    """
    try:
        return _lines(csv.DictReader(io.StringIO(text.lstrip("\ufeff"), newline="")))
    except csv.Error as error:
        raise Rejected(f"is no CSV: {error}", where="line 1 or later") from None


def _lines(reader: csv.DictReader[str]) -> list[Line]:
    names = [name.strip().casefold() for name in reader.fieldnames or ()]
    if "patient_id" not in names or not {"accession_number", "study_instance_uid"} & set(names):
        raise Rejected(
            "must have a column patient_id, and accession_number or study_instance_uid", where="line 1"
        )
    reader.fieldnames = names
    return [_line(number, row) for number, row in enumerate(reader, 2) if any(map(_said, row.values()))]


def exam_of(line: Line, exams: Mapping[str, Sequence[StoredItem]]) -> StoredItem | str:
    """Return the exam that a line names, whoever's it is; or why there is none.

    :param exams: as `by_name`.
    """
    names = [name for name in (line.study_instance_uid, line.accession_number) if name]
    found = [exams.get(name, ()) for name in names]
    alike = {each.item.id: each for each in found[0]} if found else {}
    for others in found[1:]:
        ids = {each.item.id for each in others}
        alike = {item_id: each for item_id, each in alike.items() if item_id in ids}
    if len(alike) > 1:
        return SEVERAL
    return next(iter(alike.values()), NO_EXAM)


def by_name(items: Iterable[StoredItem]) -> dict[str, list[StoredItem]]:
    """Return exams by accession number and by Study Instance UID."""
    exams: dict[str, list[StoredItem]] = {}
    for stored in items:
        for name in {stored.item.study_instance_uid, stored.item.accession_number} - {""}:
            exams.setdefault(name, []).append(stored)
    return exams


def told_of(line: Line, stored: StoredItem) -> StudyImages:
    """Return what a line says of an exam; its own Patient ID is still to be compared.

    :raises Rejected: it cannot be so.
    """
    try:
        return StudyImages(
            item_id=stored.item.id,
            study_instance_uid=line.study_instance_uid or stored.item.study_instance_uid,
            patient_id=line.patient_id,
            archive=BY_LIST,
            series_count=line.series,
            image_count=line.images,
            last_at=line.last_image,
        )
    except ValidationError as error:
        fields = ", ".join(str(each["loc"][0]) for each in error.errors(include_input=False))
        raise Rejected(f"cannot be so: {fields}", where=f"line {line.number}") from None


def _line(number: int, row: Mapping[str, str | None]) -> Line:
    said = {name: _said(row.get(name)) for name in COLUMNS}
    if not said["accession_number"] and not said["study_instance_uid"]:
        raise Rejected(
            "names no exam: accession_number and study_instance_uid are empty", where=f"line {number}"
        )
    counts = dict(_counts(number, said))
    moment = _moment(number, said["last_image"])
    names = said["accession_number"], said["study_instance_uid"], said["patient_id"]
    return Line(number, *names, counts.get("series", 1) or 1, counts.get("images", 0), moment)


def _counts(number: int, said: Mapping[str, str]) -> Iterator[tuple[str, int]]:
    for name in ("series", "images"):
        if said[name]:
            if not (said[name].isascii() and said[name].isdecimal() and len(said[name]) <= 7):
                raise Rejected(f"{name} is no whole number", where=f"line {number}")
            yield name, int(said[name])


def _moment(number: int, text: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        raise Rejected("last_image is no date and time (2026-11-22 10:20)", where=f"line {number}") from None


def _said(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
