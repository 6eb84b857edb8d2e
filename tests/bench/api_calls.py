"""`python -m tests.bench.api_calls`: what the calls that come most often take of the API function.

DynamoDB is the tests' table model in a process of its own, asked over HTTP, so that the function's processor
time is the function's. Prints a Markdown table. Exit code 1 if a limit is passed.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections.abc import Callable
from typing import Final

from lambdas.access.role import Role
from lambdas.api.services import services_from
from lambdas.api.settings import ApiSettings
from lambdas.settings import load
from tests.bench.figures import Cell, Goal, Series, Table
from tests.bench.function_process import answer_of
from tests.rigs.api import RelayClient, over, quick_passwords
from tests.rigs.builders import an_item

EXAMS = 300
POLL: Final = "a relay's poll without news"
LIST: Final = "a list of 100 exams of a site"
DAY: Final = "a list of 100 exams of a site's day"
LIMITS: Final = {POLL: 4.0, LIST: 40.0, DAY: 40.0}
BEFORE: Final = {POLL: 13.6}
"""Milliseconds, as an earlier build took on the machine of docs/benchmarks.md."""
_CALLS: Final = 40
_CHILD: Final = "--be-the-function"


def tables() -> tuple[Table, ...]:
    """Return what each call takes."""
    return tuple(
        Table(
            f"{what}: processor time of the API function",
            "ms",
            (Cell("api", (series := Series(tuple(taken)))),),
            (Goal(f"{what}: processor time", "at most", LIMITS[what], "ms", series.median),),
        )
        for what, taken in measured().items()
    )


def measured() -> dict[str, list[float]]:
    """Run the function in a process of its own; return milliseconds by call."""
    found: dict[str, list[float]] = answer_of("tests.bench.api_calls", _CHILD, '{"a ')
    return found


def be_the_function() -> None:
    """Fill a site, and ask for it as a relay and as a program does."""
    services = services_from(load(ApiSettings), passwords=quick_passwords())
    services.worklist.put_if_changed([an_item(f"R{number:03}") for number in range(EXAMS)])
    asyncio.set_event_loop(asyncio.new_event_loop())
    rig = over(services)
    code, _ = services.relays.invite("north")
    relay = RelayClient.enrolled(rig.anybody, code, time.time)
    page = relay.http.get("/relay/worklist")
    while services.worklist.quiet_seconds("north", page.json()["cursor"]) is None:
        time.sleep(1)  # until what was written has settled
        page = relay.http.get(f"/relay/worklist?cursor={page.json()['cursor']}")
    path, tag, client = f"/relay/worklist?cursor={page.json()['cursor']}", page.headers["etag"], relay.http
    reader = rig.user(Role.READ)
    calls: dict[str, tuple[Callable[[], int], int]] = {
        POLL: (lambda: client.get(path, headers={"If-None-Match": tag}).status, 304),
        LIST: (lambda: reader.get("/worklist?limit=100&site=north").status, 200),
        DAY: (
            lambda: reader.get("/worklist?limit=100&site=north&date_from=20261122&date_to=20261122").status,
            200,
        ),
    }
    print(json.dumps({what: _taken(call, status) for what, (call, status) in calls.items()}), flush=True)


def _taken(call: Callable[[], int], status: int) -> list[float]:
    call()
    gc.collect()
    milliseconds = []
    for _ in range(_CALLS):
        began = time.process_time()
        answered = call()
        milliseconds.append((time.process_time() - began) * 1000)
        if answered != status:
            raise SystemExit(f"answered {answered}, not {status}")
    return milliseconds


def main() -> int:
    """Measure and print."""
    if _CHILD in sys.argv:
        be_the_function()
        return 0
    found = tables()
    print("| | now | before | times as long |\n|---|---|---|---|")
    for what, table in zip(LIMITS, found, strict=True):
        series, before = table.cells[0].series, BEFORE.get(what)
        median = series.median if series else 0.0
        told = f"{before:.1f} ms | {before / median:.1f}" if before else "| "
        print(f"| {what} | {median:.1f} ms | {told} |")
    return 1 if any(goal.kept is False for table in found for goal in table.goals) else 0


if __name__ == "__main__":
    raise SystemExit(main())
