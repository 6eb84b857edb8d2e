"""From a row's pieces to an answer's bytes, by a plan made once a query. Pure.

A row is a list of encoded elements (`edge_relay.worklist.row`); the plan names those asked for, in the order
of their tags, and the constant ones: (0008,0005), attributes without a source, fixed values. Writing an
answer is then choosing and joining. Sequences have defined lengths: the plan makes the inner ones first.

An answer whose text is all of the default repertoire declares no character set (type 1C, PS3.4 Table K.6-1);
others declare the scanner's. What identifies the exam or the patient is carried as it is, or the exam is
withheld: see `AnswerPlan.withholds`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from operator import itemgetter
from typing import Final, NamedTuple

from edge_relay.dicom.encoding import Headers, SequenceHeaders, element, element_header, padded
from edge_relay.worklist.attributes import (
    CODE_VALUE,
    LONG_CODE_VALUE,
    SPECIFIC_CHARACTER_SET,
    Attribute,
    Sequence,
    tag_of,
)
from edge_relay.worklist.query import Key
from edge_relay.worklist.row import COLUMN_OF, COLUMNS, HEADER_BYTES, column_of, column_within, text_of
from shared.dicom.charset import TEXT_VRS, CharacterSet
from shared.scanners.identity import IDENTIFIERS, can_name

_IDENTIFIERS: Final = tuple(COLUMN_OF[tag_of(keyword)] for keyword in IDENTIFIERS)
_PATIENT_NAME: Final = COLUMN_OF[tag_of("PatientName")]
_SCHEME: Final = tag_of("CodingSchemeDesignator")


def _codes() -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Yield the columns of each code: what names it, and its whole item."""
    for sequence in (
        0,
        *dict.fromkeys(each.within for each in COLUMNS if each.tag == _SCHEME and each.within),
    ):
        named = [column_within(sequence, tag) for tag in (CODE_VALUE, LONG_CODE_VALUE, _SCHEME)]
        meaning = column_within(sequence, tag_of("CodeMeaning"))
        codes = tuple(column for column in named if column is not None)
        yield codes, (*codes, *(() if meaning is None else (meaning,)))


_CODES: Final = tuple(_codes())
_ESCAPE: Final = b"\x1b"
_IMPLICIT_HEADERS: Final = tuple(Headers(each.tag, each.vr, implicit=True) for each in COLUMNS)


class _ExplicitHeaders(Headers):
    """Headers in explicit VR by the length of the *implicit* element."""

    def header(self, length: int) -> bytes:
        """Return the header of the explicit element."""
        return super().header(length - HEADER_BYTES)


_EXPLICIT_HEADERS: Final = tuple(_ExplicitHeaders(each.tag, each.vr, implicit=False) for each in COLUMNS)

Choose = Callable[[list[bytes]], tuple[bytes, ...]]


class _Filled(NamedTuple):
    """A sequence to be put together.

    :param witness: the column whose piece is there if the sequence has its item.
    :param slot: where the empty sequence stands in the list, to be replaced.
    """

    witness: int
    slot: int
    choose: Choose
    headers: SequenceHeaders


class AnswerPlan:
    """How to write the answers to one query in one syntax and character set.

    :param keys: the attributes of the answer.
    """

    def __init__(self, keys: tuple[Key, ...], *, implicit: bool, charset: CharacterSet) -> None:
        self._implicit: Final = implicit
        self._charset: Final = charset
        self._constants: list[bytes] = []
        self._sequences: list[_Filled] = []
        self._text_columns: list[int] = []
        self._columns_asked: list[int] = []
        self.lossless = True
        """False if already a constant has text the character set cannot carry."""
        self._plain = True
        declared = "\\".join(charset.terms).encode()
        first = self._constant(element(SPECIFIC_CHARACTER_SET, "CS", declared, implicit=implicit))
        self._choose: Final = self._chooser(keys, first)
        undeclared = [b"", *self._constants[1:]]
        self._plain_constants: Final = undeclared if self._plain else self._constants

    def write(self, pieces: list[bytes], *, plain: bool) -> bytes:
        """Return the answer for a row's pieces; the list is used up.

        :param plain: none of its text needs a character set.
        """
        if not self._implicit:
            for column in self._columns_asked:
                piece = pieces[column]
                if piece:
                    pieces[column] = _EXPLICIT_HEADERS[column][len(piece)] + piece[HEADER_BYTES:]
        pieces += self._plain_constants if plain else self._constants
        for witness, slot, choose, headers_of in self._sequences:
            if pieces[witness]:
                content = b"".join(choose(pieces))
                pieces[slot] = headers_of[len(content)] + content
        return b"".join(self._choose(pieces))

    def is_plain(self, pieces: list[bytes]) -> bool:
        """Tell whether none of the text asked for needs a character set; ISO 2022 has bytes of ASCII too."""
        values = (pieces[column][HEADER_BYTES:] for column in self._text_columns)
        return all(value.isascii() and _ESCAPE not in value for value in values)

    def withholds(self, pieces: list[bytes]) -> bool:
        """Tell whether the character set cannot carry what says whose exam it is, and which."""
        return not identifiable(self._charset, pieces)

    def recode(self, pieces: list[bytes]) -> bool:
        """Put the pieces' text into the answers' character set; return whether nothing was lost."""
        lossless = True
        for codes, whole_item in _CODES:
            if not _carried(self._charset, pieces, codes):  # a code is an identifier too, and not needed
                for column in whole_item:
                    pieces[column] = b""
                lossless = False
        for column in self._text_columns:
            piece = pieces[column]
            if not piece[HEADER_BYTES:].isascii():
                pieces[column], whole = _recoded(self._charset, column, piece)
                lossless &= whole
        return lossless

    def _chooser(self, keys: tuple[Key, ...], *first: int) -> Choose:
        slots = dict.fromkeys(first)
        for key in sorted(keys, key=lambda key: key.entry.tag):
            entry = key.entry
            if isinstance(entry, Sequence):
                slots[self._sequence(entry, key.children or ())] = None
            elif entry.read is None:
                slots[self._constant(self._fixed(entry))] = None
            else:
                slots.update(dict.fromkeys(self._columns(entry)))
        ordered = sorted(slots, key=self._tag_in)
        # Of one index alone itemgetter returns no tuple; an empty piece more changes nothing.
        nothing = self._constant(b"")
        return itemgetter(*ordered, nothing, nothing)

    def _columns(self, entry: Attribute) -> tuple[int, ...]:
        column = column_of(entry)
        # Exactly one form of the code must be there (PS3.3 Table 8.8-1): who asks for the code gets it.
        long_form = column_within(entry.within, LONG_CODE_VALUE) if entry.tag == CODE_VALUE else None
        columns = (column,) if long_form is None else (column, long_form)
        self._text_columns += [each for each in columns if COLUMNS[each].vr in TEXT_VRS]
        self._columns_asked += [each for each in columns if each not in self._columns_asked]
        return columns

    def _constant(self, piece: bytes) -> int:
        self._constants.append(piece)
        return len(COLUMNS) + len(self._constants) - 1

    def _fixed(self, entry: Attribute) -> bytes:
        value, lossless = entry.fixed.encode(), True
        if entry.vr in TEXT_VRS:
            value, lossless = self._charset.encode(entry.fixed, entry.vr)
            self._plain &= entry.fixed.isascii()
        self.lossless &= lossless
        return element(entry.tag, entry.vr, value, implicit=self._implicit)

    def _sequence(self, entry: Sequence, keys: tuple[Key, ...]) -> int:
        slot = self._constant(element_header(entry.tag, "SQ", 0, implicit=self._implicit))
        # Whether a sequence has its item shows in any of its attributes but the code, which has two forms.
        witness = next(
            (
                column_of(child)
                for child in entry.children.values()
                if isinstance(child, Attribute)
                and child.read
                and child.tag not in {CODE_VALUE, LONG_CODE_VALUE}
            ),
            None,
        )
        if witness is not None:
            headers = SequenceHeaders(entry.tag, implicit=self._implicit)
            choose = self._chooser(keys)
            self._sequences.append(_Filled(witness, slot, choose, headers))
        return slot

    def _tag_in(self, slot: int) -> int:
        if slot < len(COLUMNS):
            return COLUMNS[slot].tag
        piece = self._constants[slot - len(COLUMNS)]
        return int.from_bytes(piece[:2], "little") << 16 | int.from_bytes(piece[2:4], "little")


def identifiable(charset: CharacterSet, pieces: list[bytes]) -> bool:
    """Tell whether a character set can carry a row's identifiers as they are, and its patient's name."""
    return _carried(charset, pieces, _IDENTIFIERS) and can_name(charset, text_of(pieces[_PATIENT_NAME]))


def _carried(charset: CharacterSet, pieces: list[bytes], columns: tuple[int, ...]) -> bool:
    return all(charset.carries(text_of(pieces[column])) for column in columns)


@lru_cache(maxsize=4096)
def _recoded(charset: CharacterSet, column: int, piece: bytes) -> tuple[bytes, bool]:
    value, lossless = charset.encode(piece[HEADER_BYTES:].decode().rstrip(" "), COLUMNS[column].vr)
    value = padded(value, COLUMNS[column].vr)
    return _IMPLICIT_HEADERS[column][len(value)] + value, lossless
