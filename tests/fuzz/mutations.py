"""How input is broken: cut, flipped, lengths that lie, other VR, pieces twice, missing or elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Final

_LENGTHS: Final = (
    0,
    1,
    2,
    7,
    8,
    0xFF,
    0xFFFE,
    0xFFFF,
    0x10000,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFE,
    0xFFFFFFFF,
)
_VR: Final = re.compile(rb"[A-Z]{2}")
_VRS: Final = (
    b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"OB", b"OD", b"OF",
    b"OL", b"OV", b"OW", b"PN", b"SH", b"SL", b"SQ", b"SS", b"ST", b"SV", b"TM", b"UC", b"UI", b"UL", b"UN",
    b"UR", b"US", b"UT", b"UV", b"XX", b"  ", b"\0\0",
)  # fmt: skip
_PIECES: Final = (
    bytes.fromhex("FEFF00E0 FFFFFFFF"),  # an item of undefined length
    bytes.fromhex("FEFF00E0 00000000"),
    bytes.fromhex("FEFF0DE0 00000000"),  # its end
    bytes.fromhex("FEFFDDE0 00000000"),  # the end of a sequence
    bytes.fromhex("40000001 FFFFFFFF"),  # Scheduled Procedure Step Sequence, implicit
    bytes.fromhex("40000001 53510000 FFFFFFFF"),  # explicit
    bytes.fromhex("08000500 0C000000") + b"ISO 2022 IR87",
    b"\x1b$B", b"\x1b(B", b"\x1b$)C", b"\x1b", b"\\", b"^", b"=", b"*",
    b"?" * 40, b"*a" * 40, b"\xff" * 9, b"\0" * 9,
)  # fmt: skip

Operation = Callable[[Random, bytearray, Sequence[bytes]], None]


def mutated(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Return data broken in one to four ways.

    :param others: seeds to splice it with.
    """
    broken = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4))):
        random.choice(_OPERATIONS)(random, broken, others)
    return bytes(broken)


def shuffled(random: Random, pieces: Sequence[bytes], others: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return a session's PDUs with some missing, twice, in another order, or broken."""
    found = list(pieces)
    for _ in range(random.choice((1, 1, 2, 3))):
        at = random.randrange(len(found) or 1)
        kind = random.randrange(6)
        if not found or kind == 0:
            found.insert(at, random.choice(others))
        elif kind == 1:
            del found[at]
        elif kind == 2:
            found.insert(random.randrange(len(found) + 1), found[at])
        elif kind == 3:
            random.shuffle(found)
        else:
            found[at] = mutated(random, found[at], others)
    return tuple(found)


def _place(random: Random, data: bytearray) -> int:
    return random.randrange(len(data) + 1)


def _cut(random: Random, data: bytearray, _: Sequence[bytes]) -> None:
    del data[_place(random, data) :]


def _flip(random: Random, data: bytearray, _: Sequence[bytes]) -> None:
    for _each in range(random.choice((1, 1, 4, 16)) if data else 0):
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def _overwrite(random: Random, data: bytearray, _: Sequence[bytes]) -> None:
    at = _place(random, data)
    data[at : at + random.randrange(9)] = random.randbytes(random.randrange(9))


def _lie(random: Random, data: bytearray, _: Sequence[bytes]) -> None:
    at = _place(random, data) & ~1
    size = random.choice((2, 4, 4))
    length = random.choice((*_LENGTHS, len(data), len(data) - at))
    data[at : at + size] = (length & (1 << 8 * size) - 1).to_bytes(size, random.choice(("little", "big")))


def _insert(random: Random, data: bytearray, _: Sequence[bytes]) -> None:
    at = _place(random, data)
    data[at:at] = random.choice(_PIECES)


def _revalue(random: Random, data: bytearray, _: Sequence[bytes]) -> None:
    places = [match.start() for match in _VR.finditer(data)]
    if places:
        at = random.choice(places)
        data[at : at + 2] = random.choice(_VRS)


def _remove(random: Random, data: bytearray, _: Sequence[bytes]) -> None:
    at = _place(random, data)
    del data[at : at + random.choice((1, 2, 8, 64))]


def _repeat(random: Random, data: bytearray, _: Sequence[bytes]) -> None:
    at = _place(random, data)
    data[at:at] = data[at : at + random.choice((2, 8, 64, 512))] * random.choice((1, 1, 3, 40))


def _splice(random: Random, data: bytearray, others: Sequence[bytes]) -> None:
    other = random.choice(others)
    data[_place(random, data) :] = other[random.randrange(len(other) + 1) :]


_OPERATIONS: Final[tuple[Operation, ...]] = (
    _cut, _flip, _flip, _overwrite, _lie, _lie, _insert, _revalue, _remove, _repeat, _splice,
)  # fmt: skip
