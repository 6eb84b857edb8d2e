"""Character sets: an answer's text to bytes, a query's bytes to text (PS3.5 section 6.1, PS3.3 C.12.1.1.2).

    alone            ISO_IR 192, GB18030, GBK            one encoding for everything, no escape sequences
    one byte each    ISO_IR 100 ... ISO_IR 166, ISO_IR 13  a set of 96 beside ASCII
    ISO 2022         several sets, switched by escape sequences; the first is in force at the start of a value
                     and again before every ``^``, ``=``, backslash and end (PS3.5 6.1.2.5.3)

Text that the sets cannot express degrades visibly: to the letter without its accent, to the letters that
stand for it (`shared.text.transliteration`), else to ``?``. Of a person name, a component group that even so
cannot be carried is left out. An identifier is carried as it is or not at all: whoever sends one asks
`CharacterSet.carries` first.

A query is read leniently: an unknown or missing term means the default repertoire, and bytes it does not have
are UTF-8 if they look like it, else Latin-1: consoles send both without saying so.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from shared.text.transliteration import plain_character, without_accents

TEXT_VRS: Final = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
"""Value representations that Specific Character Set (0008,0005) applies to."""

_LONGEST: Final = {"LO": 64, "PN": 64, "SH": 16}  # characters, of a name's group: PS3.5 Table 6.2-1
_DELIMITING: Final = frozenset("\\^=")

_ALONE: Final = {"ISO_IR 192": "utf-8", "GB18030": "gb18030", "GBK": "gbk"}


class _CodeElement(NamedTuple):
    """A set of characters that ISO 2022 can switch to.

    :param escape: the sequence that designates it.
    :param codec: Python's codec that has it, among others.
    :param lead: what that codec puts before a character of this set.
    :param high: its bytes are those above 0xA0 (G1); else they take the place of ASCII (G0).
    :param width: bytes of one character.
    """

    escape: bytes
    codec: str
    lead: bytes = b""
    high: bool = True
    width: int = 1

    def encode(self, character: str) -> bytes | None:
        """Return a character's bytes in this set, None if it has it not."""
        try:
            encoded = character.encode(self.codec)
        except UnicodeEncodeError:
            return None
        if not encoded.startswith(self.lead):
            return None
        code = encoded[len(self.lead) : len(self.lead) + self.width]
        whole = len(encoded) == self.width or not self.high
        return code if whole and len(code) == self.width and (code[0] > 0x9F) is self.high else None

    def decode(self, code: bytes) -> str:
        """Return text of this set, and of ASCII if the set stands beside it."""
        return (self.lead + code).decode(self.codec, "replace")


_KATAKANA: Final = _CodeElement(b"\x1b)I", "shift_jis")
_ROMAJI: Final = _CodeElement(b"\x1b(J", "shift_jis", high=False)
_ASCII: Final = _CodeElement(b"\x1b(B", "ascii", high=False)
_ELEMENTS: Final = {  # PS3.3 Tables C.12-2 to C.12-4, by ISO registration number
    "100": _CodeElement(b"\x1b-A", "iso8859_1"),
    "101": _CodeElement(b"\x1b-B", "iso8859_2"),
    "109": _CodeElement(b"\x1b-C", "iso8859_3"),
    "110": _CodeElement(b"\x1b-D", "iso8859_4"),
    "126": _CodeElement(b"\x1b-F", "iso8859_7"),
    "127": _CodeElement(b"\x1b-G", "iso8859_6"),
    "138": _CodeElement(b"\x1b-H", "iso8859_8"),
    "144": _CodeElement(b"\x1b-L", "iso8859_5"),
    "148": _CodeElement(b"\x1b-M", "iso8859_9"),
    "166": _CodeElement(b"\x1b-T", "tis_620"),
    "13": _KATAKANA,
    "87": _CodeElement(b"\x1b$B", "iso2022_jp", b"\x1b$B", high=False, width=2),
    "159": _CodeElement(b"\x1b$(D", "iso2022_jp_2", b"\x1b$(D", high=False, width=2),
    "149": _CodeElement(b"\x1b$)C", "euc_kr", width=2),
    "58": _CodeElement(b"\x1b$)A", "gb2312", width=2),
}
_BY_ESCAPE: Final = {each.escape: each for each in (*_ELEMENTS.values(), _ROMAJI, _ASCII)}
_ESCAPES: Final = re.compile(rb"(\x1b[\x20-\x2f]+[\x30-\x7e])")
_DELIMITERS: Final = re.compile(rb"[\^=\\]")
_TERM: Final = re.compile(r"ISO(?:2022)?(?:IR)?(\d+)")


class CharacterSet:
    """The character set, or ISO 2022 sets, that Specific Character Set names.

    :param terms: its defined terms, e.g. ``["ISO_IR 100"]``; one that is not known adds nothing.
    """

    def __init__(self, terms: Sequence[str]) -> None:
        self.terms: Final = tuple(terms)
        first = terms[0] if terms else ""
        self._alone = next((codec for term, codec in _ALONE.items() if _plain(term) == _plain(first)), None)
        self._elements = tuple(filter(None, map(_element, terms)))
        self._high = element if terms and (element := _element(first)) and element.high else None
        self._low = _ROMAJI if self._high is _KATAKANA else _ASCII

    @property
    def is_utf8(self) -> bool:
        """Whether it is UTF-8, which carries every text."""
        return self._alone == "utf-8"

    def encode(self, text: str, vr: str = "LO") -> tuple[bytes, bool]:
        """Return text as an answer carries it, and whether nothing was lost.

        :param vr: its value representation: a person name's groups are carried or left out.
        """
        if text.isascii():
            return text.encode(), True
        fitted, lossless = self.fit_name(text) if vr == "PN" else self.fit(text, _LONGEST.get(vr))
        return fitted.encode(self._alone) if self._alone else self._encode(fitted), lossless

    def carries(self, text: str) -> bool:
        """Tell whether this set can carry the text as it is."""
        return text.isascii() or all(c.isascii() or self._carries(c) for c in text)

    def fit(self, text: str, longest: int | None = None) -> tuple[str, bool]:
        """Return the text as this set can carry it, and whether nothing was lost.

        :param longest: characters there may be; letters that stand for one are often more than one.
        """
        fitted = "".join(c if c.isascii() or self._carries(c) else self._nearest(c) or "?" for c in text)
        return fitted[:longest], fitted == text

    def fit_name(self, name: str) -> tuple[str, bool]:
        """Return a person name without the component groups that cannot be carried, and whether it is whole.

        A group is as it was written, or in letters that stand for all of it; one that would have to be cut
        short or filled up with ``?`` might be another person's.
        """
        fitted = "=".join(map(self._fit_group, name.split("="))).rstrip("=")
        return fitted, fitted == name

    def _fit_group(self, group: str) -> str:
        letters = [c if c.isascii() or self._carries(c) else self._nearest(c) for c in group]
        fitted = "".join(letter or "" for letter in letters)
        return fitted if None not in letters and len(fitted) <= _LONGEST["PN"] else ""

    def decode(self, value: bytes) -> str:
        """Return the text of a query's value, padding included."""
        if value.isascii() and b"\x1b" not in value:
            return value.decode()
        if self._alone:
            return value.decode(self._alone, "replace")
        first, *rest = _ESCAPES.split(value)
        text = [self._decode_first(first)]
        for escape, code in zip(rest[::2], rest[1::2], strict=True):
            element = _BY_ESCAPE.get(escape, _ASCII)
            delimiter = _DELIMITERS.search(code) if element.high else None
            end = delimiter.start() if delimiter else len(code)
            if element is _ASCII:
                end = 0
            text += [element.decode(code[:end]), self._decode_first(code[end:])]
        return "".join(text)

    def _decode_first(self, value: bytes) -> str:
        if self._high is not None:
            return self._high.decode(value)
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.decode("latin-1")

    def _encode(self, text: str) -> bytes:
        """Encode what `fit` has made sure can be, switching sets where needed.

        Readers take a value apart at its escape sequences, so a set of single bytes is named again after any
        other sequence, even where ISO 2022 would still have it in force.
        """
        encoded = bytearray()
        for part in re.split(r"([\^=\\])", text):
            encoded += part.encode() if part.isascii() else self._encode_component(part)
        return bytes(encoded)

    def _encode_component(self, text: str) -> bytes:
        encoded = bytearray()
        low, high, last = self._low, self._high, self._high
        for character in text:
            element, code = self._place(character, last)
            if not element.high and element is not low:
                encoded += element.escape
                low = last = element
            elif element.high and element is not last:
                encoded += b"" if low is self._low else self._low.escape
                encoded += element.escape
                low, high, last = self._low, element, element
            encoded += code
        encoded += b"" if low is self._low else self._low.escape
        encoded += b"" if high is self._high or self._high is None else self._high.escape
        return bytes(encoded)

    def _place(self, character: str, last: _CodeElement | None) -> tuple[_CodeElement, bytes]:
        """Return a set that has the character, rather the one named last, and its bytes there."""
        if character.isascii():
            return self._low, character.encode()
        for element in sorted(self._elements, key=lambda each: each is not last):
            code = element.encode(character)
            if code is not None:
                return element, code
        return self._low, b"?"

    def _nearest(self, character: str) -> str | None:
        """Return what stands for a character that is not carried: "" for a mark alone, None if nothing."""
        base = without_accents(character)
        if base and not _DELIMITING.intersection(base) and self.carries(base):
            return base
        letters = plain_character(character)
        return letters if letters.isascii() else None

    def _carries(self, character: str) -> bool:
        if self._alone:
            return _can_encode(character, self._alone)
        return any(element.encode(character) is not None for element in self._elements)


@lru_cache(maxsize=64)
def character_set(terms: tuple[str, ...]) -> CharacterSet:
    """Return the character set of some terms, the same object every time."""
    return CharacterSet(terms)


def _element(term: str) -> _CodeElement | None:
    match = _TERM.fullmatch(_plain(term))
    return _ELEMENTS.get(match.group(1)) if match else None


def _plain(term: str) -> str:
    # "ISO-IR 100", "ISO_IR_100", "ISO IR 100": scanners write all of them.
    return re.sub(r"[^A-Z0-9]", "", term.upper())


def _can_encode(character: str, codec: str) -> bool:
    try:
        character.encode(codec)
    except UnicodeEncodeError:
        return False
    return True
