"""A first load, and a repair: what DynamoDB's export to S3 holds, as staged facts.

The export is one of WorklistTable, full, in "DynamoDB JSON": gzipped files with a row on each line,
``{"Item": {"pk": {"S": "..."}, ...}}``.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

from lambdas.history.deployment import Count, facts_of_source
from lambdas.history.facts.pseudonyms import Pseudonyms
from lambdas.history.gathering import Gathering
from lambdas.history.stream.files import Files
from lambdas.history.stream.staging import stage
from lambdas.store.images.row_image import Image, entry_in, item_in
from lambdas.store.images.source_images import SourceImages
from shared.errors import NotFound, Rejected

_NAME: Final = "load"


class Loaded(NamedTuple):
    """What a load did: rows it read, facts it staged, files these are in."""

    rows: int
    facts: int
    files: int


def load(
    files: Files, rows: Iterable[Image], names: Pseudonyms, now: datetime, *, count: Count = lambda *_: None
) -> Loaded:
    """Stage the facts of an export. Another load writes over the files of this one.

    :param now: what stands for the beginning of an audit trail that has no entry yet, aware.
    """
    gathering, sources, number = Gathering(names, now), SourceImages(), 0
    for number, row in enumerate(rows, 1):
        _take(gathering, sources, row)
        count("rows", number)
    for source in sources.sources():
        for fact in facts_of_source(source, names):
            gathering.add(fact)
    facts = [fact for of_site in gathering.facts().values() for fact in of_site]
    return Loaded(number, len(facts), stage(files, _NAME, facts))


def _take(gathering: Gathering, sources: SourceImages, row: Image) -> None:
    if (entry := entry_in(row)) is not None:
        gathering.take(entry)
    elif (item := item_in(row)) is not None:
        gathering.take_item(item)
    else:
        sources.take(row)


def rows_in(folder: Path) -> Iterator[Image]:
    """Yield the rows of an export's files, wherever below a folder they are.

    :raises NotFound: there are none. :raises Rejected: one cannot be read; the message says which line.
    """
    found = sorted(folder.rglob("*.json.gz"))
    if not found:
        raise NotFound("has no file *.json.gz", where=str(folder), hint="name the export's folder `data`")
    for file in found:
        yield from _rows_of(file)


def _rows_of(file: Path) -> Iterator[Image]:
    for number, line in enumerate(_lines_of(file), 1):
        try:
            row = json.loads(line)["Item"]
        except (ValueError, KeyError, TypeError):
            raise Rejected(
                f"line {number} is no row of an export in DynamoDB JSON", where=str(file)
            ) from None
        yield row


def _lines_of(file: Path) -> list[str]:
    try:
        return gzip.decompress(file.read_bytes()).decode().splitlines()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise Rejected(f"cannot be read: {type(error).__name__}", where=str(file)) from None
