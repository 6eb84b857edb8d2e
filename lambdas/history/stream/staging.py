"""Facts on their way from the stream to the tables: small files of a site and day, written once.

    staged/day=2026-11-27/site=BERGEN/NAME.jsonl.gz

A file's name comes from the records that it was made of, so that a batch that is delivered again writes the
same file again. Facts have no names of people, but their true dates: only the compaction may read them.
"""

from __future__ import annotations

import gzip
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC
from hashlib import sha256
from typing import Final, NamedTuple

from lambdas.history.facts.fact import FACT, Fact
from lambdas.history.stream.files import Files

_ROOT: Final = "staged/"
_SUFFIX: Final = ".jsonl.gz"


class Staged(NamedTuple):
    """One file of facts. ``day``: ``2026-11-27``."""

    day: str
    site: str
    name: str


def batch_name(first: str, records: Sequence[str]) -> str:
    """Return what files of a batch are called.

    :param first: the sequence number of its first record.
    :param records: the ids of all its records.
    """
    return f"{first}-{sha256(' '.join(records).encode()).hexdigest()[:16]}"


def stage(files: Files, name: str, facts: Iterable[Fact]) -> int:
    """Write facts into files, one a site and day; return how many files these are.

    :param name: tells them from those of other batches.
    """
    parts: dict[tuple[str, str], list[Fact]] = defaultdict(list)
    for fact in facts:
        parts[f"{fact.at.astimezone(UTC):%Y-%m-%d}", fact.site].append(fact)
    for (day, site), some in parts.items():
        lines = b"".join(FACT.dump_json(fact, exclude_defaults=False) + b"\n" for fact in some)
        files.write(f"{_ROOT}day={day}/site={site}/{name}{_SUFFIX}", gzip.compress(lines, mtime=0))
    return len(parts)


def all_staged(files: Files, days: Iterable[str] | None = None) -> list[Staged]:
    """Return the files of facts, in order of day, site and name.

    :param days: only of these; None: all.
    """
    prefixes = [_ROOT] if days is None else [f"{_ROOT}day={day}/" for day in days]
    names = (name for prefix in prefixes for name in files.names(prefix))
    return sorted(_parsed(name) for name in names if name.endswith(_SUFFIX))


def facts_in(files: Files, staged: Staged) -> Iterator[Fact]:
    """Yield the facts of a file."""
    content = files.read(f"{_ROOT}day={staged.day}/site={staged.site}/{staged.name}") or gzip.compress(b"")
    for line in gzip.decompress(content).splitlines():
        yield FACT.validate_json(line)


def _parsed(name: str) -> Staged:
    _, day, site, file = name.split("/")
    return Staged(day.removeprefix("day="), site.removeprefix("site="), file)
