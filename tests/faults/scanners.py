"""Scanners that misbehave, and many that behave: slow ones, 5,000 connects, a soak with churn.

While some say nothing, or a byte a second, others must be served. What the relay takes (memory, threads,
descriptors, the journal's ``-wal``) is as before when all have gone, and flat during the soak.

The relay ends an association on which nothing comes for two seconds here. On a busy machine that may meet our
own scanners: they ask again, as scanners do, and it is counted. Nobody may wait long without a word.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

from edge_relay.client import scu
from edge_relay.health.status import RelayStatus
from edge_relay.operations.status_socket import ask
from shared.errors import MwlError, Unavailable
from tests.bench.processes import Use
from tests.faults.outcome import Outcome
from tests.faults.reporting import is_known
from tests.fuzz import corpus
from tests.fuzz.relay import MEGABYTE, Mistreated, mistreated
from tests.rigs.patience import SOON
from tests.rigs.relay import began, completed, eventually, item, query

_SLOW: Final = 100
_RATE: Final = 20.0
_MOST_GROWTH: Final = 5 * MEGABYTE
_MOST_FILES: Final = 6
_MOST_WAL: Final = 8 * MEGABYTE
_SAMPLES: Final = 30
_TRIES: Final = 3
_ASKED_AGAIN: Final = "asked again: the relay had ended an association of a scanner that was slow"
_numbers = count(1)


class Sample(NamedTuple):
    """What the relay took at a moment of the soak."""

    seconds: float
    use: Use
    wal_bytes: int


def run(folder: Path, connects: int, soak_seconds: float, seed: int) -> Outcome:
    """Mistreat a relay; return what came of it. The soak's samples are in ``folder``/soak.csv."""
    outcome, chance = Outcome("scanners"), Random(seed)
    with mistreated(folder) as relay:
        relay.serves()
        _slow(relay, outcome)
        _connect(relay, connects, outcome)
        samples = list(_soak(relay, folder, soak_seconds, chance, outcome))
    _judge(samples, outcome)
    (folder / "soak.csv").write_text(as_csv(samples), "utf-8")
    return outcome


def as_csv(samples: list[Sample]) -> str:
    """Return samples as a table to plot."""
    lines = ["seconds,memory MB,threads,descriptors,journal.db-wal KB"]
    lines += [
        f"{each.seconds:.0f},{each.use.resident_bytes / MEGABYTE:.1f},{each.use.threads},"
        f"{each.use.descriptors},{each.wal_bytes / 1000:.0f}"
        for each in samples
    ]
    return "\n".join(lines) + "\n"


def _slow(relay: Mistreated, outcome: Outcome) -> None:
    """Hold connections that say a byte now and then, while a well-behaved scanner is served."""
    hello = corpus.associate()
    with ExitStack() as stack:
        slow: list[socket.socket] = []
        for _ in range(_SLOW):
            slow.append(stack.enter_context(relay.connect()))
            outcome.faults += 1
        for byte in hello[:8]:
            for each in slow:
                with suppress(OSError):  # the relay may have had enough of it
                    each.sendall(bytes((byte,)))
            _served(relay.serves, outcome)
        _told(relay, outcome)


def _told(relay: Mistreated, outcome: Outcome) -> None:
    """See that the status tells of callers that were too slow, and calls the relay well all the same."""

    def of_slow_ones() -> RelayStatus | None:
        found = ask(relay.process.state_dir)
        refused = found.health.refused if found and found.health else ()
        return found if any("no association was asked for in time" in each.why for each in refused) else None

    try:
        found: RelayStatus = eventually(of_slow_ones)
    except AssertionError:
        outcome.unnamed.append("scanners that connect and say nothing")
    else:
        outcome.named += 1
        outcome.wrong_answers += [f"the status calls it a problem: {problem}" for problem in found.problems]


def _connect(relay: Mistreated, connects: int, outcome: Outcome) -> None:
    before = relay.use()
    for number in range(connects):
        with suppress(ConnectionError), relay.connect():
            outcome.faults += 1
        if number % 500 == 0:
            _served(relay.serves, outcome)
    after = relay.at_rest(before)
    _served(relay.serves, outcome)
    outcome.others += [
        f"after {connects} connects: {name} {now}, before {then}"
        for name, then, now, more in (
            ("threads", before.threads, after.threads, 0),
            ("descriptors", before.descriptors, after.descriptors, _MOST_FILES),
        )
        if now > then + more
    ]


def _soak(
    relay: Mistreated, folder: Path, seconds: float, chance: Random, outcome: Outcome
) -> Iterator[Sample]:
    began_at = time.monotonic()
    stopping = threading.Event()
    threads = [
        threading.Thread(target=_work, args=(relay, stopping, Random(chance.random()), outcome))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    try:
        while (passed := time.monotonic() - began_at) < seconds:
            yield _sample(relay, folder, passed)
            time.sleep(max(0.2, seconds / _SAMPLES))
    finally:
        stopping.set()
        for thread in threads:
            thread.join(60)
    yield _sample(relay, folder, time.monotonic() - began_at)


def _sample(relay: Mistreated, folder: Path, seconds: float) -> Sample:
    wal = folder / "state" / "journal.db-wal"
    return Sample(seconds, relay.use(), wal.stat().st_size if wal.exists() else 0)


def _work(relay: Mistreated, stopping: threading.Event, chance: Random, outcome: Outcome) -> None:
    """Ask, four threads together at the soak's rate; now and then report a step, or drop a connection."""
    while not stopping.wait(chance.expovariate(_RATE / 4)):
        kind = chance.random()
        if kind < 0.05:
            uid = f"2.25.{88_000_000 + next(_numbers)}"
            _served(lambda: _step(relay, uid), outcome)  # noqa: B023
        elif kind < 0.15:
            with suppress(OSError), relay.connect() as connection:
                connection.sendall(corpus.associate()[: chance.randrange(200)])
            outcome.faults += 1
        else:
            _served(lambda: scu.find(relay.peer, query()), outcome)


def _step(relay: Mistreated, uid: str) -> None:
    for send in (
        lambda: scu.create_step(relay.peer, began(item("walk-in")), uid),
        lambda: scu.set_step(relay.peer, completed(), uid),
    ):
        try:
            send()
        except MwlError as error:
            if not is_known(error):  # taken before: only the answer had not arrived
                raise


def _served(do: Callable[[], object], outcome: Outcome) -> None:
    outcome.operations += 1
    for tries_left in reversed(range(_TRIES)):
        began_at = time.monotonic()
        try:
            do()
        except Unavailable as error:
            if tries_left:
                outcome.told[_ASKED_AGAIN] = str(int(outcome.told.get(_ASKED_AGAIN, "0")) + 1)
                continue
            outcome.others.append(f"not served: {error}")
        except (MwlError, AssertionError) as error:
            outcome.others.append(f"not served: {error}")
        finally:
            _heard(time.monotonic() - began_at, outcome)
        return


def _heard(waited: float, outcome: Outcome) -> None:
    outcome.longest_silence = max(outcome.longest_silence, waited)
    if waited > SOON:
        outcome.others.append(f"a scanner waited {waited:.0f} s without a word")


def _judge(samples: list[Sample], outcome: Outcome) -> None:
    """Compare the end with the first third: until caches of bounded size are full, memory grows."""
    first, last = samples[len(samples) // 3], samples[-1]
    outcome.told["memory at a third, at the end"] = (
        f"{first.use.resident_bytes / MEGABYTE:.1f} MB, {last.use.resident_bytes / MEGABYTE:.1f} MB"
    )
    largest = max(each.wal_bytes for each in samples)
    outcome.told["largest journal.db-wal"] = f"{largest / MEGABYTE:.1f} MB"
    grown = last.use.resident_bytes - first.use.resident_bytes
    if grown > _MOST_GROWTH:
        outcome.others.append(f"memory grew by {grown / MEGABYTE:.1f} MB during the soak")
    if last.use.threads > samples[0].use.threads + 8:
        outcome.others.append(f"{last.use.threads} threads at the end, {samples[0].use.threads} at first")
    if largest > _MOST_WAL:
        outcome.others.append(f"journal.db-wal grew to {largest / MEGABYTE:.1f} MB")
