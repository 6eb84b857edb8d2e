"""Sources, put together from the images of their rows: definition, what a sync remembers, the longer part."""

from __future__ import annotations

from collections.abc import Iterator

from lambdas.sources.stored import StoredSource
from lambdas.store.images.row_image import Image, key_of, row_of
from lambdas.store.models import CLAIMS, RUNS, SOURCES, STATE, KeptRow, RunRow, SourceRow, kept_key
from lambdas.store.runs.rows import source_of


def run_in(image: Image) -> RunRow | None:
    """Return what is remembered of a source's syncs, if an image is of that; else None."""
    pk, sk = key_of(image)
    return row_of(RunRow, image) if pk.startswith(RUNS) and sk > CLAIMS else None


class SourceImages:
    """Takes in the rows of a table in any order, and gives its sources."""

    def __init__(self) -> None:
        self._sources: dict[str, SourceRow] = {}
        self._runs: dict[str, RunRow] = {}
        self._kept: dict[str, bytes] = {}

    def take(self, image: Image) -> None:
        """Take in a row; one that has nothing to do with sources is passed over."""
        pk, sk = key_of(image)
        if pk == SOURCES:
            self._sources[sk] = row_of(SourceRow, image)
        elif (run := run_in(image)) is not None and run.definition:
            self._runs[sk] = run
        elif sk == STATE and pk.startswith(kept_key("")):
            self._kept[pk] = bytes(row_of(KeptRow, image).state)

    def sources(self) -> Iterator[StoredSource]:
        """Yield them, in order of id."""
        for source_id, row in sorted(self._sources.items()):
            run = self._runs.get(source_id)
            yield source_of(row, run, self._kept.get(kept_key(source_id)) if run and run.apart else None)
