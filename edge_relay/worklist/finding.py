"""C-FIND: turns a query's bytes into the bytes of its answers. Reads the cache only, never the network.

    identifier -> query (what is asked) -> search (which rows) -> answer (what is sent)

Everything up to the rows is done once for the same bytes of the same scanner on the same day, because
consoles ask again and again. Statuses that the cloud has not confirmed are laid over the rows
(`edge_relay.worklist.overlay`), so that a query after an N-CREATE shows what it changed.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from datetime import date
from functools import lru_cache
from typing import Any, Final, NamedTuple

from edge_relay.worklist.answer import AnswerPlan, identifiable
from edge_relay.worklist.attributes import Sequence, Tree
from edge_relay.worklist.overlay import Overlay
from edge_relay.worklist.query import Key, Reading, parse_query
from edge_relay.worklist.reader import CHUNK, WorklistReader
from edge_relay.worklist.remembered.long_lists import Chunk
from edge_relay.worklist.remembered.written import Room, Written
from edge_relay.worklist.row import STATUS_COLUMN, pieces_of, seal_of, status_piece
from edge_relay.worklist.scanner_attributes import answer_keys, check_profile, suppresses, tree_of
from edge_relay.worklist.search import ROW, Search, search
from shared.dicom.charset import character_set
from shared.scanners.scanner_profile import ScannerProfile
from shared.worklist_item import Status, WorklistItem

__all__ = ["Answer", "Found", "check_profile", "find", "visible", "withheld"]


_ROOM: Final = Room()
_LONGEST_REMEMBERED: Final = 8192  # bytes of an identifier; a console's have some hundred


class Answer(NamedTuple):
    """One match.

    :param identifier: encoded in the syntax of the query.
    :param lossless: whether the scanner's character set could carry all of its text.
    """

    item_id: str
    identifier: bytes
    lossless: bool


class Found(NamedTuple):
    """What a query finds.

    :param incomplete: an optional key is not supported: answers are FF01, not FF00 (PS3.4 Table K.4-1).
    :param answers: sorted by start date, time and item id. None between answers gives the caller time for the
        network. A caller that stops early closes the generator.
    """

    incomplete: bool
    answers: Generator[Answer | None, None, None]


class _Prepared(NamedTuple):
    search: Search
    plan: AnswerPlan
    recodes: bool
    incomplete: bool
    written: Written[Answer]


class _Same:
    """A profile as a key: the same object is the same profile; it is never changed, only replaced."""

    __slots__ = ("profile",)

    def __init__(self, profile: ScannerProfile) -> None:
        self.profile = profile

    def __hash__(self) -> int:
        return id(self.profile)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.profile is self.profile


Shape = tuple["int | tuple[int, Shape]", ...]
"""Which attributes are asked for, without their values: tags, a sequence with those of its item."""


def find(
    data: bytes,
    *,
    implicit: bool,
    scanner: ScannerProfile,
    charset: tuple[str, ...],
    today: date,
    worklist: WorklistReader,
    overlay: Mapping[str, Overlay],
    own: bool = False,
) -> Found:
    """Return what a scanner's identifier finds among its own exams.

    :param charset: the defined terms of the answers' character set.
    :param today: the site's date, from which the profile counts its days.
    :param own: the relay asks itself, and may ask for its test participant.
    :raises Rejected: the identifier is malformed (A900).
    :raises Unavailable: the worklist cannot be read (A700); the answers may raise it as well.
    """
    prepare = _prepare if len(data) <= _LONGEST_REMEMBERED else _prepare.__wrapped__
    prepared = prepare(data, implicit, _Same(scanner), charset, today, own)
    chunks = worklist.chunks(prepared.search.sql, prepared.search.values)
    return Found(prepared.incomplete, _answers(prepared, chunks, overlay, worklist))


def visible(
    scanner: ScannerProfile,
    charset: tuple[str, ...],
    today: date,
    worklist: WorklistReader,
    overlay: Mapping[str, Overlay],
) -> Iterator[WorklistItem]:
    """Yield the items an empty query of a scanner would find, by start, with the statuses laid over them.

    An item is as it is stored, whatever its text becomes in the scanner's character set.

    :raises Unavailable: the worklist cannot be read.
    """
    wanted = search(None, scanner, today, f"{ROW}, body")
    terms = character_set(charset)
    for pieces, is_ascii, status, body in _own(wanted, worklist, overlay):
        if is_ascii or terms.is_utf8 or identifiable(terms, pieces):
            item = WorklistItem.model_validate_json(body)
            yield item.model_copy(update={"performed_procedure_step_status": Status(status)})


def withheld(
    scanner: ScannerProfile,
    charset: tuple[str, ...],
    today: date,
    worklist: WorklistReader,
    overlay: Mapping[str, Overlay],
) -> int:
    """Return how many exams of a scanner's own its character set cannot identify, so that it never sees them.

    :raises Unavailable: the worklist cannot be read.
    """
    terms = character_set(charset)
    if terms.is_utf8:
        return 0
    wanted = search(None, scanner, today, f"{ROW}, body")
    beyond_ascii = wanted._replace(sql=f"SELECT * FROM ({wanted.sql}) WHERE ascii = 0")  # noqa: S608  (ours)
    return sum(not identifiable(terms, pieces) for pieces, *_ in _own(beyond_ascii, worklist, overlay))


def _own(
    wanted: Search, worklist: WorklistReader, overlay: Mapping[str, Overlay]
) -> Iterator[tuple[list[bytes], bool, str, str]]:
    """Yield the rows of a search that answer it: pieces, whether they are ASCII, status and the item."""
    for chunk in worklist.chunks(wanted.sql, wanted.values):
        for item_id, feed_seq, held, is_ascii, blob, _, body, *_ in _sound(chunk, worklist):
            status = _status(item_id, feed_seq, held, overlay)
            if status not in wanted.statuses:
                continue
            pieces = pieces_of(blob)
            if all(check(pieces) for check in wanted.checks):
                yield pieces, bool(is_ascii), status, body


@lru_cache(maxsize=256)
def _prepare(
    data: bytes, implicit: bool, same: _Same, charset: tuple[str, ...], today: date, own: bool = False
) -> _Prepared:
    scanner = same.profile
    reading = Reading(scanner.combine_date_and_time, scanner.ignore_accents)
    query = parse_query(data, implicit=implicit, reading=reading, tree=_tree(same))
    plan, suppressing, written = _plan(_shape(query.keys), implicit, same, charset)
    # The scanner's own search, and nothing of another query's values: those are in the search alone.
    return _Prepared(
        search(query, scanner, today, own=own),
        plan,
        not character_set(charset).is_utf8,
        query.incomplete or suppressing,
        written,
    )


@lru_cache(maxsize=256)
def _plan(
    shape: Shape, implicit: bool, same: _Same, charset: tuple[str, ...]
) -> tuple[AnswerPlan, bool, Written[Answer]]:
    tree = _tree(same)
    asked = _keys(shape, tree)
    keys = answer_keys(asked, same.profile, tree)
    plan = AnswerPlan(keys, implicit=implicit, charset=character_set(charset))
    return plan, suppresses(asked, same.profile), Written(_ROOM)


@lru_cache(maxsize=256)
def _tree(same: _Same) -> Tree:
    return tree_of(same.profile)


def _shape(keys: tuple[Key, ...]) -> Shape:
    return tuple(
        key.entry.tag if key.children is None else (key.entry.tag, _shape(key.children)) for key in keys
    )


def _keys(shape: Shape, tree: Tree) -> tuple[Key, ...]:
    keys = []
    for each in shape:
        tag, inner = each if isinstance(each, tuple) else (each, ())
        entry = tree[tag]
        children = _keys(inner, entry.children) if isinstance(entry, Sequence) else None
        keys.append(Key(entry, children=children))
    return tuple(keys)


def _answers(
    prepared: _Prepared,
    chunks: Iterator[Chunk],
    overlay: Mapping[str, Overlay],
    worklist: WorklistReader,
) -> Generator[Answer | None, None, None]:
    checks, statuses, known = prepared.search.checks, prepared.search.statuses, prepared.written
    for chunk in chunks:
        for row in chunk:
            item_id, feed_seq, held, *_ = row
            status = _status(item_id, feed_seq, held, overlay) if overlay else held
            if status not in statuses:
                continue
            # The same row, answered before: nothing of it has to be looked at again.
            answer = known.of(row) if status is held and not checks else None
            if answer is None:
                if not _is_sound(row):
                    worklist.report_damaged_row()
                    continue
                answer = _written(prepared, row, status)
                if answer is not None and status is held and not checks:
                    known.keep(row, answer)
            if answer is not None:
                yield answer
        if len(chunk) == CHUNK:
            yield None


def _written(prepared: _Prepared, row: tuple[Any, ...], status: str) -> Answer | None:
    """Return a row's answer with a status; None if it is none to this query, or cannot be identified."""
    item_id, _, held, is_ascii, blob, *_ = row
    plan, recodes = prepared.plan, prepared.recodes
    pieces = pieces_of(blob)
    if status is not held:
        pieces[STATUS_COLUMN] = status_piece(status)
    for check in prepared.search.checks:
        if not check(pieces):
            return None
    if is_ascii:
        return Answer(item_id, plan.write(pieces, plain=True), plan.lossless)
    if recodes and plan.withholds(pieces):
        return None
    whole = not recodes or plan.recode(pieces)
    return Answer(item_id, plan.write(pieces, plain=plan.is_plain(pieces)), whole and plan.lossless)


def _sound(chunk: Chunk, worklist: WorklistReader) -> Chunk:
    sound = [row for row in chunk if _is_sound(row)]
    if len(sound) < len(chunk):
        worklist.report_damaged_row()
    return sound


def _is_sound(row: tuple[Any, ...]) -> bool:
    """Tell whether a row is as written: a missing exam is asked about, a wrong one is scanned."""
    item_id, _, held, is_ascii, blob, checksum, *_ = row
    return bool(checksum == seal_of(item_id, held, is_ascii, blob))


def _status(item_id: str, feed_seq: int, held: str, overlay: Mapping[str, Overlay]) -> str:
    laid = overlay.get(item_id)
    return held if laid is None or not laid.covers(feed_seq) else laid.status.value
