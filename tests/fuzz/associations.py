"""Association requests that are legal and odd (PS3.8 9.3.2, Annex D; PS3.7 Annex D): none may be aborted.

Unknown items and sub-items, any order, padding, reserved bytes, roles, extended negotiation, user identity,
versions of the future, services nobody offers, transfer syntaxes nobody knows, 128 contexts.
"""

from __future__ import annotations

from random import Random
from struct import pack
from time import perf_counter
from typing import Final

from edge_relay.services.scp import SERVICES
from edge_relay.upper_layer.application import Limits
from edge_relay.upper_layer.connection import Connection, Opened, Proposed
from edge_relay.upper_layer.negotiation import Negotiator
from edge_relay.upper_layer.pdu import Framer, PduType
from tests.fuzz.corpus import APPLICATION_CONTEXT
from tests.fuzz.decoders import Outcome

LIMITS: Final = Limits()
_KNOWN_ITEMS: Final = {0x10, 0x20, 0x50}
_KNOWN_CONTEXT_ITEMS: Final = {0x30, 0x40}
_KNOWN_USER_ITEMS: Final = {0x51, 0x52, 0x54}
_SERVICES: Final = (*SERVICES, "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.2.1.1", "1.2.3", "2.25.99")
_SYNTAXES: Final = (
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.4.50",
    "1.2.3.4",
)


def odd_request(chance: Random, *, calling: str = "SCANNER1", called: str = "MWL_RELAY") -> bytes:
    """Return an A-ASSOCIATE-RQ that PS3.8 allows."""
    items = [_item(chance, 0x10, APPLICATION_CONTEXT.encode()), *_contexts(chance), _user(chance)]
    items += [_unknown(chance, _KNOWN_ITEMS) for _ in range(chance.choice((0, 0, 1, 3, 30)))]
    if chance.random() < 0.5:
        chance.shuffle(items)
    version = chance.choice((1, 1, 1, 3, 0xFFFF))
    reserved = chance.randbytes(32) if chance.random() < 0.3 else bytes(32)
    pad = chance.choice((b" ", b" ", b"\0"))
    titles = called.encode().ljust(16, pad) + calling.encode().ljust(16, pad)
    body = pack(">H", version) + chance.randbytes(2) + titles + reserved + b"".join(items)
    return bytes((1, chance.randrange(256))) + pack(">L", len(body)) + body


def run(seed: int, count: int) -> Outcome:
    """Propose so many to a connection; a finding is one that was not accepted."""
    outcome = Outcome("odd associations")
    negotiator = Negotiator(SERVICES, LIMITS.max_pdu_bytes)
    began = perf_counter()
    for number in range(count):
        raw = odd_request(Random(f"{seed} association {number}"))
        wrong = _wrong(negotiator, raw)
        outcome.inputs += 1
        outcome.understood += not wrong
        if wrong:
            outcome.findings.append(f"odd association {number}: {wrong}: {raw[:200].hex()}")
    outcome.seconds = perf_counter() - began
    return outcome


def _wrong(negotiator: Negotiator, raw: bytes) -> str:
    connection = Connection(negotiator, LIMITS, 0)
    connection.receive(raw, 0)
    found = []
    while (event := connection.next_event(0)) is not None:
        found.append(event)
        if isinstance(event, Proposed):
            connection.decide(None, 0)
    answers = [pdu.type for pdu in Framer(1 << 20).feed(connection.take_output())]
    if answers != [PduType.A_ASSOCIATE_AC]:
        return f"answered with {[each.name for each in answers]}"
    return "" if isinstance(found[-1], Opened) else f"ended with {found[-1]}"


def _contexts(chance: Random) -> list[bytes]:
    count = 128 if chance.random() < 0.02 else chance.choice((1, 1, 2, 4, 9))
    ids = chance.sample(range(1, 256, 2), count)
    return [_context(chance, each) for each in ids]


def _context(chance: Random, number: int) -> bytes:
    syntaxes = chance.choices(_SYNTAXES, k=chance.choice((1, 1, 2, 3, 12)))
    parts = [_item(chance, 0x30, _uid(chance, chance.choice(_SERVICES)))]
    parts += [_item(chance, 0x40, _uid(chance, each)) for each in syntaxes]
    parts += [_unknown(chance, _KNOWN_CONTEXT_ITEMS) for _ in range(chance.choice((0, 0, 0, 2)))]
    if chance.random() < 0.2:
        chance.shuffle(parts)
    return _item(chance, 0x20, bytes((number,)) + chance.randbytes(3) + b"".join(parts))


def _user(chance: Random) -> bytes:
    parts = [
        _item(chance, 0x51, pack(">L", chance.choice((0, 1024, 16_384, 65_536, 1 << 20, 0xFFFFFFFF)))),
        _item(chance, 0x52, _uid(chance, "1.2.3.4.5")),
    ]
    parts += [chance.choice(_NEGOTIATIONS)(chance) for _ in range(chance.choice((0, 1, 3, 12)))]
    parts += [_unknown(chance, _KNOWN_USER_ITEMS) for _ in range(chance.choice((0, 0, 1, 5, 40)))]
    if chance.random() < 0.5:
        chance.shuffle(parts)
    return _item(chance, 0x50, b"".join(parts))


def _role(chance: Random) -> bytes:
    uid = _uid(chance, chance.choice(_SERVICES))
    return _item(chance, 0x54, pack(">H", len(uid)) + uid + bytes(chance.choices((0, 1), k=2)))


def _extended(chance: Random) -> bytes:
    uid = chance.choice(_SERVICES).encode()
    return _item(chance, 0x56, pack(">H", len(uid)) + uid + chance.randbytes(chance.randrange(8)))


def _common_extended(chance: Random) -> bytes:
    uids = [chance.choice(_SERVICES).encode() for _ in range(3)]
    first, second, third = (pack(">H", len(uid)) + uid for uid in uids)
    return _item(chance, 0x57, first + second + pack(">H", len(third)) + third)


def _identity(chance: Random) -> bytes:
    fields = [chance.randbytes(chance.randrange(30)) for _ in range(2)]
    told = b"".join(pack(">H", len(each)) + each for each in fields)
    return _item(chance, 0x58, bytes((chance.choice((1, 2, 3, 4, 5)), chance.choice((0, 1)))) + told)


def _version_name(chance: Random) -> bytes:
    names = ("V1", "A" * 17, "NUL-ENDED\0", "Ger\xe4t", "", " ", "x" * 64)
    return _item(chance, 0x55, chance.choice(names).encode("latin-1"))


def _window(chance: Random) -> bytes:
    return _item(chance, 0x53, chance.randbytes(4))


_NEGOTIATIONS: Final = (_role, _extended, _common_extended, _identity, _version_name, _window)


def _unknown(chance: Random, known: set[int]) -> bytes:
    kind = chance.choice([each for each in range(256) if each not in known])
    return _item(chance, kind, chance.randbytes(chance.choice((0, 1, 2, 17))))


def _uid(chance: Random, uid: str) -> bytes:
    padding = chance.choice(("", "", "\0")) if len(uid) % 2 else ""
    return (uid + padding).encode()


def _item(chance: Random, kind: int, value: bytes) -> bytes:
    return pack(">BBH", kind, chance.choice((0, 0, chance.randrange(256))), len(value)) + value
