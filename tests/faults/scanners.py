"""Scanners that misbehave, and many that behave: slow ones, connects, broken bytes, a soak of 64 with churn.

While some say nothing, or a byte a second, others must be served. What the relay takes (memory, threads,
descriptors, the journal's ``-wal``) is as before when all have gone, and flat during the soak. In the soak 64
scanners ask at 20 queries a second together, and once a minute all at the same moment.

The relay of the slow ones ends an association on which nothing comes for two seconds. On a busy machine that
may meet our own scanners: they ask again, as scanners do, and it is counted. Nobody may wait long without a
word.
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

from edge_relay.health.status import RelayStatus
from edge_relay.operations.status_socket import ask
from shared.dicom.dimse_status import SUCCESS
from shared.errors import MwlError, Unavailable
from tests.bench import wire
from tests.bench.client import Association, Called
from tests.bench.processes import Use
from tests.faults.outcome import Outcome
from tests.fuzz import corpus, sessions
from tests.fuzz.relay import ITEMS, MEGABYTE, Mistreated, mistreated
from tests.rigs.patience import PATIENCE, SOON
from tests.rigs.relay import began, completed, eventually, item, query

_SLOW: Final = 100
_RATE: Final = 20.0
_RUSH_SECONDS: Final = 60.0
_MOST_GROWTH: Final = 5 * MEGABYTE
_MOST_FILES: Final = 6
_MOST_WAL: Final = 8 * MEGABYTE
_SAMPLES: Final = 100
_TRIES: Final = 3
_QUERY: Final = wire.find(wire.encoded(query()))
_BEGAN: Final = wire.encoded(began(item("walk-in")))
_ENDED: Final = wire.encoded(completed())
_DUPLICATE, _OVER = 0x0111, 0x0110
_ASKED_AGAIN: Final = "asked again: the relay had ended an association of a scanner that was slow"
_numbers = count(1)


class Sample(NamedTuple):
    """What the relay took at a moment of the soak."""

    seconds: float
    use: Use
    wal_bytes: int


def run(folder: Path, connects: int, soak_seconds: float, seed: int, crowd: int = 64) -> Outcome:
    """Mistreat a relay; return what came of it. The soak's samples are in ``folder``/soak.csv.

    :param crowd: how many scanners ask in the soak.
    """
    outcome, chance = Outcome("scanners"), Random(seed)
    (folder / "slow").mkdir()
    with mistreated(folder / "slow") as relay:
        relay.serves()
        _slow(relay, outcome)
        _connect(relay, connects, outcome)
        _broken(relay, connects // 10, seed, outcome)
    (folder / "soak").mkdir()
    titles = [f"MR{number}" for number in range(crowd)]
    with mistreated(folder / "soak", *titles, deadline=int(PATIENCE)) as relay:
        samples = list(_soak(relay, titles, soak_seconds, chance, outcome))
    outcome.told["scanners in the soak"] = str(crowd)
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


def _broken(relay: Mistreated, count: int, seed: int, outcome: Outcome) -> None:
    """Hold associations whose bytes are broken: each ends, and others are served."""
    found, ends = sessions.run(relay, seed, count)
    outcome.faults += found.inputs
    outcome.others += found.findings
    outcome.told["broken associations"] = ", ".join(f"{times:,} {end}" for end, times in ends.most_common())
    _served(relay.serves, outcome)


def _soak(
    relay: Mistreated, titles: list[str], seconds: float, chance: Random, outcome: Outcome
) -> Iterator[Sample]:
    began_at, at_first = time.monotonic(), relay.use()
    stopping = threading.Event()
    crowd = [_Scanner(relay, title, began_at, stopping, len(titles) / _RATE) for title in titles]
    outcomes = [Outcome(title) for title in titles]
    threads = [
        threading.Thread(target=_work, args=(scanner, Random(chance.random()), own))
        for scanner, own in zip(crowd, outcomes, strict=True)
    ]
    for thread in threads:
        thread.start()
    try:
        while (passed := time.monotonic() - began_at) < seconds:
            yield _sample(relay, passed)
            time.sleep(max(0.2, seconds / _SAMPLES))
    finally:
        stopping.set()
        for thread in threads:
            thread.join(PATIENCE)
        for each in outcomes:
            _add(each, outcome)
    relay.at_rest(at_first)
    yield _sample(relay, time.monotonic() - began_at)


def _add(one: Outcome, outcome: Outcome) -> None:
    """Add what one scanner met to what all did."""
    outcome.faults += one.faults
    outcome.operations += one.operations
    outcome.wrong_answers += one.wrong_answers
    outcome.others += one.others
    outcome.longest_silence = max(outcome.longest_silence, one.longest_silence)
    for what, times in one.told.items():
        outcome.told[what] = str(int(outcome.told.get(what, "0")) + int(times))


def _sample(relay: Mistreated, seconds: float) -> Sample:
    wal = relay.process.state_dir / "journal.db-wal"
    return Sample(seconds, relay.use(), wal.stat().st_size if wal.exists() else 0)


class _Scanner(NamedTuple):
    """One of the crowd; it waits for so many seconds between two questions, on average."""

    relay: Mistreated
    title: str
    began_at: float
    stopping: threading.Event
    pause: float

    def is_over(self, pause: float) -> bool:
        """Wait for a pause, or until all ask at the same moment; return whether the soak is over."""
        passed = time.monotonic() - self.began_at
        return self.stopping.wait(min(pause, _RUSH_SECONDS - passed % _RUSH_SECONDS))

    def association(self, sop_class: str = wire.WORKLIST) -> Association:
        """Return an association to open, of a light client: 64 of another would be most of the load."""
        peer = self.relay.peer
        called = Called(peer.host, peer.port, peer.called_ae)
        return Association(called, sop_class, no_delay=True, budget=PATIENCE, calling=self.title)


def _work(scanner: _Scanner, chance: Random, outcome: Outcome) -> None:
    """Ask; now and then report a step, or drop a connection."""
    while not scanner.is_over(chance.expovariate(1 / scanner.pause)):
        kind = chance.random()
        if kind < 0.05:
            _step(scanner, f"2.25.{88_000_000 + next(_numbers)}", outcome)
        elif kind < 0.15:
            with suppress(OSError), scanner.relay.connect() as connection:
                connection.sendall(corpus.associate()[: chance.randrange(200)])
            outcome.faults += 1
        else:
            _served(lambda: _ask(scanner, outcome), outcome)


def _ask(scanner: _Scanner, outcome: Outcome) -> None:
    with scanner.association() as association:
        answer = association.ask(_QUERY).answer
    if answer != (SUCCESS, ITEMS):
        outcome.wrong_answers.append(
            f"{scanner.title} was shown {answer.pending} of {ITEMS} exams: {answer.status:04X}"
        )


def _step(scanner: _Scanner, uid: str, outcome: Outcome) -> None:
    _served(_Report(scanner, wire.create(uid, _BEGAN), _DUPLICATE, outcome), outcome)
    _served(_Report(scanner, wire.change(uid, _ENDED), _OVER, outcome), outcome)


class _Report:
    """One report, called until it is answered. From the second time on it may have been taken before."""

    def __init__(self, scanner: _Scanner, request: wire.Writes, known: int, outcome: Outcome) -> None:
        self._scanner, self._request, self._known, self._outcome = scanner, request, known, outcome
        self._good = {SUCCESS}

    def __call__(self) -> None:
        good = set(self._good)
        self._good.add(self._known)
        with self._scanner.association(wire.PERFORMED_STEP) as association:
            status = association.ask(self._request).answer.status
        if status not in good:
            self._outcome.wrong_answers.append(f"{self._scanner.title} reported: answered {status:04X}")


def _served(do: Callable[[], object], outcome: Outcome) -> None:
    outcome.operations += 1
    for tries_left in reversed(range(_TRIES)):
        began_at = time.monotonic()
        try:
            do()
        except (Unavailable, wire.WireError, OSError) as error:
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
    if last.use.descriptors > samples[0].use.descriptors + _MOST_FILES:
        outcome.others.append(
            f"{last.use.descriptors} descriptors at the end, {samples[0].use.descriptors} at first"
        )
    if largest > _MOST_WAL:
        outcome.others.append(f"journal.db-wal grew to {largest / MEGABYTE:.1f} MB")
