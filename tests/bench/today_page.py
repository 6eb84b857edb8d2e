"""`python -m tests.bench.today_page`: what Today takes of the API function with 300 exams on 12 scanners.

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
from typing import Any, Final, NamedTuple, cast

from botocore.client import BaseClient

from lambdas.access.role import Role
from lambdas.api.main import as_lambda_calls, create_app
from lambdas.api.services import services_from
from lambdas.api.settings import ApiSettings
from lambdas.settings import load
from tests.bench.figures import Cell, Goal, Series, Table
from tests.bench.function_process import answer_of
from tests.rigs.api import ApiRig, quick_passwords
from tests.rigs.builders import an_item
from tests.rigs.pages import Page, visitor

EXAMS, SCANNERS = 300, 12
LIMIT_MILLISECONDS, LIMIT_BYTES, LIMIT_QUERIES = 60.0, 100_000.0, 1.0
_CALLS: Final = 15
_CHILD: Final = "--be-the-function"


class Taken(NamedTuple):
    """What a call took: milliseconds of processor time, bytes sent, queries of the site's day."""

    milliseconds: tuple[float, ...]
    sent: int
    queries: int


def tables() -> tuple[Table, ...]:
    """Return what Today takes."""
    taken = measured()
    size = f"{EXAMS} exams, {SCANNERS} scanners"
    cpu = Series(taken.milliseconds)
    return (
        Table(
            f"Today with {size}: processor time of the API function",
            "ms",
            (Cell("dashboard", cpu),),
            (Goal("Today: processor time", "at most", LIMIT_MILLISECONDS, "ms", cpu.median),),
        ),
        Table(
            "of it, over the wire",
            "bytes",
            (Cell("dashboard", Series((float(taken.sent),))),),
            (Goal("Today: over the wire", "at most", LIMIT_BYTES, "bytes", taken.sent),),
        ),
        Table(
            "of it, queries of the site's day",
            "queries",
            (Cell("dashboard", Series((float(taken.queries),))),),
            (Goal("Today: queries of the site's day", "at most", LIMIT_QUERIES, "queries", taken.queries),),
        ),
    )


def measured() -> Taken:
    """Run the function in a process of its own."""
    milliseconds, sent, queries = answer_of("tests.bench.today_page", _CHILD, "[[")
    return Taken(tuple(milliseconds), sent, queries)


def be_the_function() -> None:
    """Book a day, and ask for it as a browser does."""
    services = services_from(load(ApiSettings), passwords=quick_passwords())
    day = services.local_now().strftime("%Y%m%d")
    items = [
        an_item(
            f"{number:03}",
            scheduled_start_date=day,
            scheduled_start_time=f"{7 + number // 30:02}{number % 60:02}00",
            scheduled_station_aetitle=f"SCANNER{number % SCANNERS:02}",
        )
        for number in range(EXAMS)
    ]
    services.worklist.put_if_changed(items)
    asyncio.set_event_loop(asyncio.new_event_loop())
    handler = as_lambda_calls(create_app(services))
    browser = visitor(ApiRig(cast("Any", None), services, handler), Role.WRITE)

    def ask() -> Page:
        return browser.get("/app/today", headers={"accept-encoding": "gzip"})

    sent, queries = ask().wire_bytes, _queries_of(ask)
    gc.collect()
    milliseconds = []
    for _ in range(_CALLS):
        began = time.process_time()
        ask()
        milliseconds.append((time.process_time() - began) * 1000)
    print(json.dumps([milliseconds, sent, queries]), flush=True)


def _queries_of(ask: Callable[[], object]) -> int:
    found: list[str] = []
    real: Callable[..., Any] = BaseClient._make_api_call  # type: ignore[attr-defined]

    def counted(self: Any, operation: str, arguments: dict[str, Any]) -> Any:
        if operation == "Query" and "SITE#" in json.dumps(arguments, default=str):
            found.append(operation)
        return real(self, operation, arguments)

    BaseClient._make_api_call = counted  # type: ignore[attr-defined]
    try:
        ask()
    finally:
        BaseClient._make_api_call = real  # type: ignore[attr-defined]
    return len(found)


def main() -> int:
    """Measure and print."""
    if _CHILD in sys.argv:
        be_the_function()
        return 0
    found = tables()
    print("| | |\n|---|---|")
    for table in found:
        series = table.cells[0].series
        print(f"| {table.title} | {series.median:.1f} {table.unit} |" if series else f"| {table.title} | |")
    return 1 if any(goal.kept is False for table in found for goal in table.goals) else 0


if __name__ == "__main__":
    raise SystemExit(main())
