"""``make fuzz``: breaks input in a hundred thousand ways, asks thousands of queries and plays hundreds of
histories of a study against an oracle, and says what came of it; 1 if anything is wrong.
ARGS="--only queries" does one of them."""

from __future__ import annotations

import argparse
import logging
import sys
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Final

from tests.bench.processes import Use
from tests.fuzz import associations, churn, decoders, queries, sessions
from tests.fuzz.histories import history
from tests.fuzz.relay import MEGABYTE, Mistreated, mistreated
from tests.interop.exams import exams_on
from tests.rigs.redcap import running_stack

_WARM_SESSIONS: Final = 500  # until caches of bounded size are full, memory grows
_WARM_ASSOCIATIONS: Final = 1000
_MOST_GROWTH: Final = 3 * MEGABYTE
_TOLD_EVERY: Final = 20
_MOST_FILES: Final = 4  # connections to the cache that are kept for the next long answers


def main() -> int:
    """Run all, or as much as asked; return the exit code."""
    asked = _asked()
    logging.disable(logging.CRITICAL)
    wrong = []
    if asked.only in {None, "input"}:
        with TemporaryDirectory() as folder:
            wrong += _decoders(Path(folder), asked.seed, asked.inputs)
        wrong += _odd_associations(asked.seed, asked.associations)
        with TemporaryDirectory() as folder, mistreated(Path(folder)) as relay:
            wrong += _sessions(relay, asked.seed, asked.sessions)
            wrong += _churn(relay, asked.seed, asked.associations)
    if asked.only in {None, "queries"}:
        wrong += _queries(asked.seed, asked.queries)
    if asked.only in {None, "histories"}:
        first = asked.first or (asked.seed - 1) * asked.histories + 1
        wrong += _histories(range(first, first + asked.histories))
    print("\n".join(("", "Wrong:", *wrong)) if wrong else "\nNothing wrong.")
    return 1 if wrong else 0


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="another seed, other inputs (default: 1)")
    parser.add_argument("--inputs", type=int, default=100_000, help="for the decoders (default: 100,000)")
    parser.add_argument("--sessions", type=int, default=5000, help="over the wire (default: 5,000)")
    parser.add_argument("--associations", type=int, default=10_000, help="opened and dropped (10,000)")
    parser.add_argument("--histories", type=int, default=300, help="of a study, with its syncs (300)")
    parser.add_argument("--first", type=int, help="the number of the first history; --histories 1: only that")
    parser.add_argument("--queries", type=int, default=2000, help="of each acceptor (default: 2,000)")
    parser.add_argument("--only", choices=("input", "queries", "histories"), help="one of them")
    return parser.parse_args()


def _decoders(folder: Path, seed: int, inputs: int) -> list[str]:
    outcomes = []
    print(f"{'decoder':26}{'inputs':>9}{'understood':>12}{'a second':>10}{'slowest':>10}{'wrong':>7}")
    with decoders.targets(folder) as targets:
        for target in targets:
            outcome = decoders.run(target, seed, inputs * target.share // 100)
            outcomes.append(outcome)
            _print(outcome)
    total, seconds = sum(each.inputs for each in outcomes), sum(each.seconds for each in outcomes)
    print(f"{total:,} inputs in {seconds:.1f} s: {total / seconds:,.0f} a second\n")
    return [finding for outcome in outcomes for finding in outcome.findings]


def _odd_associations(seed: int, count: int) -> list[str]:
    outcome = associations.run(seed, count)
    print(f"{outcome.understood:,} of {outcome.inputs:,} odd and legal association requests were accepted\n")
    return outcome.findings


def _queries(seed: int, count: int) -> list[str]:
    known, findings = queries.items(seed, 90), []
    for acceptor in ("asyncio", "pynetdicom"):
        with (
            TemporaryDirectory() as folder,
            exams_on(Path(folder), acceptor=acceptor, exams=tuple(known)) as relay,
            closing(queries.Scanner(relay.address)) as scanner,
        ):
            outcome = queries.run(acceptor, seed, count, known, scanner.ask)
        print(
            f"{outcome.inputs:,} queries on {acceptor} in {outcome.seconds:.1f} s, {outcome.understood:,} "
            f"found something: {len(outcome.findings)} differences from the oracle"
        )
        findings += outcome.findings
    return findings


def _print(outcome: decoders.Outcome) -> None:
    rate = outcome.inputs / outcome.seconds if outcome.seconds else 0
    understood = outcome.understood / max(1, outcome.inputs)
    print(
        f"{outcome.name:26}{outcome.inputs:9,}{understood:12.0%}{rate:10,.0f}"
        f"{outcome.slowest * 1000:7.1f} ms{len(outcome.findings):7}"
    )


def _sessions(relay: Mistreated, seed: int, count: int) -> list[str]:
    sessions.run(relay, seed + 1, _WARM_SESSIONS)
    relay.serves()
    before = relay.at_rest(relay.use())
    outcome, ends = sessions.run(relay, seed, count)
    after = relay.at_rest(before)
    relay.serves()
    told = ", ".join(f"{count:,} {end}" for end, count in ends.most_common())
    print(f"{outcome.inputs:,} sessions over the wire in {outcome.seconds:.1f} s: {told}")
    return outcome.findings + _compared("sessions", before, after)


def _churn(relay: Mistreated, seed: int, count: int) -> list[str]:
    *_, warm = churn.run(relay, seed, _WARM_ASSOCIATIONS)
    before = after = warm.use
    print(f"\n{'associations':>12}{'MB':>8}{'threads':>9}{'descriptors':>13}")
    for sample in churn.run(relay, seed + 1, count):
        after = sample.use
        memory = after.resident_bytes / MEGABYTE
        print(f"{sample.associations:12,}{memory:8.1f}{after.threads:9}{after.descriptors:13}")
    relay.serves()
    return _compared("associations", before, after)


def _histories(numbers: range) -> list[str]:
    """Play histories of a study; return those that end wrong, cut down to what matters."""
    began = perf_counter()
    with running_stack() as stack:
        bad = []
        for number in numbers:
            if history.play(stack, number, history.story(number)):
                bad.append(number)
                print(f"history {number} ends wrong", flush=True)
            if number % _TOLD_EVERY == 0:
                print(f"{number - numbers.start + 1} histories in {perf_counter() - began:.0f} s", flush=True)
        wrong = [history.told(number, *history.shortest(stack, number)) for number in bad]
    told = f"histories {numbers.start} to {numbers[-1]}: {len(numbers):,}"
    print(f"\n{told} in {perf_counter() - began:.1f} s, {len(wrong)} of them wrong")
    return wrong


def _compared(what: str, before: Use, after: Use) -> list[str]:
    """Return what the relay takes more than before; print all of it."""
    grown = after.resident_bytes - before.resident_bytes
    print(
        f"after them: {after.resident_bytes / MEGABYTE:.1f} MB ({grown / MEGABYTE:+.1f}), "
        f"{after.threads} threads ({after.threads - before.threads:+}), "
        f"{after.descriptors} descriptors ({after.descriptors - before.descriptors:+}); the next is served"
    )
    return [
        f"{what}: more {name} than before, {then:,} and now {now:,}"
        for name, then, now, allowed in (
            ("memory", before.resident_bytes, after.resident_bytes, _MOST_GROWTH),
            ("threads", before.threads, after.threads, 0),
            ("descriptors", before.descriptors, after.descriptors, _MOST_FILES),
        )
        if now > then + allowed
    ]


if __name__ == "__main__":
    sys.exit(main())
