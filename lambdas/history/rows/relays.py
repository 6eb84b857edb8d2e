"""The rows of relays, scanners and syncs. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, MutableMapping
from datetime import datetime
from typing import Any

from lambdas.history.facts.fact import HeartbeatFact, SyncFact
from lambdas.history.rows.state import Heard, utc


def each_once(heartbeats: Iterable[HeartbeatFact]) -> list[HeartbeatFact]:
    """Return heartbeats in the order of time, each once however often it came."""
    found = {(each.at, each.relay): each for each in heartbeats}
    return [found[key] for key in sorted(found)]


def minute_rows(
    heartbeats: Iterable[HeartbeatFact], heard: MutableMapping[str, Heard]
) -> list[dict[str, Any]]:
    """Return the rows of `relay_minutes`: of each minute its last heartbeat.

    :param heard: when each relay was heard last before them; brought up to date.
    """
    last = {(each.relay, _minute(each.at)): each for each in each_once(heartbeats)}
    rows = []
    for (relay, minute), each in sorted(last.items()):
        before = heard.get(relay)
        if before is None or before.minute < minute:
            silent = before and round((minute - before.minute).total_seconds())
            heard[relay] = Heard(minute=minute, silent_seconds=silent)
        rows.append(_minute_row(each, minute, heard[relay].silent_seconds))
    return rows


def _minute_row(beat: HeartbeatFact, minute: datetime, silent_seconds: int | None) -> dict[str, Any]:
    return {
        "relay": beat.relay,
        "minute_at": utc(minute),
        "heard_at": utc(beat.at),
        "day": _day(beat.at),
        "site": beat.site,
        "software": beat.software,
        "items": beat.items,
        "outbox": beat.outbox,
        "outbox_seconds": beat.outbox_seconds,
        "parked": beat.parked,
        "problems": beat.problems,
        "pull_works": beat.pull_works,
        "pull_seconds": _age(beat.at, beat.pulled_at),
        "push_works": beat.push_works,
        "push_seconds": _age(beat.at, beat.pushed_at),
        "silent_seconds": silent_seconds,
    }


def query_rows(heartbeats: Iterable[HeartbeatFact]) -> list[dict[str, Any]]:
    """Return the rows of `queries`: growth summed up by hour."""
    requests, answers = Counter[tuple[Any, ...]](), Counter[tuple[Any, ...]]()
    for beat in each_once(heartbeats):
        hour = _minute(beat.at).replace(minute=0)
        for each in beat.scanners:
            of_hour = (beat.site, beat.relay, each.scanner, hour)
            requests[*of_hour, "request"] += each.requests
            answers[*of_hour, "request"] += each.answers
            requests.update((*of_hour, kind) for kind in each.moved)
    return [
        {
            "relay": relay,
            "scanner": scanner,
            "hour_at": utc(hour),
            "kind": kind,
            "day": _day(hour),
            "site": site,
            "requests": count,
            "answers": answers[site, relay, scanner, hour, kind],
        }
        for (site, relay, scanner, hour, kind), count in sorted(requests.items())
        if count
    ]


def sync_rows(syncs: Iterable[SyncFact]) -> Iterator[dict[str, Any]]:
    """Yield the rows of `syncs`, each report once."""
    found = {(each.at, each.study): each for each in syncs if each.first}
    for at, study in sorted(found):
        each = found[at, study]
        known = {
            "study": study,
            "ended_at": utc(at),
            "day": _day(at),
            "site": each.site,
            "outcome": each.outcome,
        }
        yield {**known, **each.figures}


def _age(now: datetime, then: datetime | None) -> int | None:
    return None if then is None else max(0, round((now - then).total_seconds()))


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _day(moment: datetime) -> Any:
    found = utc(moment)
    return found.date() if found else None
