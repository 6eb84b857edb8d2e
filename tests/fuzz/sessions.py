"""Whole associations, broken, over a real socket: each is answered, refused or aborted, and ends."""

from __future__ import annotations

import socket
from collections import Counter
from contextlib import suppress
from random import Random
from time import perf_counter
from typing import Final

from edge_relay.upper_layer.pdu import BadPdu, Framer, PduType
from tests.fuzz import corpus
from tests.fuzz.decoders import Outcome
from tests.fuzz.mutations import shuffled
from tests.fuzz.relay import PATIENCE, Mistreated

_READ: Final = 65_536
_SNATCH: Final = 0.01  # seconds without an answer
_LONGEST: Final = 1 << 24
_ALL_PDUS: Final = tuple(dict.fromkeys(pdu for session in corpus.SESSIONS for pdu in session))

ENDS: Final = {
    PduType.A_ASSOCIATE_RJ: "rejected",
    PduType.A_RELEASE_RP: "released",
    PduType.A_ABORT: "aborted",
}


def session_of(seed: int, number: int) -> tuple[Random, tuple[bytes, ...]]:
    """Return one broken session, PDU by PDU. The first ones are whole."""
    random = Random(f"{seed} session {number}")
    if number < len(corpus.SESSIONS):
        return random, corpus.SESSIONS[number]
    return random, shuffled(random, random.choice(corpus.SESSIONS), _ALL_PDUS)


def run(relay: Mistreated, seed: int, sessions: int) -> tuple[Outcome, Counter[str]]:
    """Hold so many sessions; return what became of them, and how they ended.

    Where no end comes soon, a polite peer says that it will send no more and waits for the relay to close; a
    rude one goes.
    """
    outcome, ends = Outcome("sessions"), Counter[str]()
    began = perf_counter()
    for number in range(sessions):
        random, pdus = session_of(seed, number)
        started = perf_counter()
        end = _held(relay, random, pdus, is_whole=number < len(corpus.SESSIONS))
        taken = perf_counter() - started
        ends[end] += 1
        if end in {"hung", "nonsense"}:
            outcome.findings.append(f"session, seed {seed}, number {number}: {end} after {taken:.1f} s")
        outcome.slowest = max(outcome.slowest, taken)
        outcome.inputs += 1
        outcome.understood += end == "released"
    outcome.seconds = perf_counter() - began
    return outcome, ends


def _held(relay: Mistreated, random: Random, pdus: tuple[bytes, ...], *, is_whole: bool) -> str:
    data = b"".join(pdus)
    cut = random.randrange(len(data) + 1) if random.random() < 0.3 else len(data)
    is_rude = random.random() < 0.2 and not is_whole  # a busy relay is no reason to go
    framer, last = Framer(_LONGEST), "closed"
    with relay.connect() as connection:
        try:
            for piece in (data[:cut], data[cut:]):
                connection.sendall(piece)
            for patience in (_SNATCH, PATIENCE):
                connection.settimeout(patience)
                with suppress(TimeoutError):
                    while received := connection.recv(_READ):
                        for pdu in framer.feed(received):
                            last = ENDS.get(pdu.type, last)
                            if pdu.type is PduType.A_RELEASE_RP:
                                return last  # now it is for us to close
                    return last
                if is_rude:
                    return "left"
                connection.shutdown(socket.SHUT_WR)
        except OSError:  # it closed while we still wrote
            return last
        except BadPdu:
            return "nonsense"
    return "hung"
