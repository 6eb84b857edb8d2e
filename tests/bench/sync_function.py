"""`python -m tests.bench.sync_function URL SECONDS`: Lambda's process, for the benchmark of the sync.

Imports nothing but what the function does, for its memory is measured. Calls the handler until the first load
is done, and once more; prints a line of JSON for each call.
"""

from __future__ import annotations

import json
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import requests
from botocore.httpsession import URLLib3Session

from lambdas import sync_redcap
from lambdas.settings import load
from lambdas.sources.definition import SourceDefinition
from lambdas.sources.file import definition_from
from lambdas.store.sources import SourceStore
from lambdas.sync.connect import connector
from lambdas.sync.project_check import check_project
from tests.structure.imports import ROOT

_SOURCE: Final = ROOT / "infra" / "sources" / "classic.toml"
_PATIENCE_WITH_MOTO: Final = 300.0  # it goes through all rows for one query, which DynamoDB does not


@dataclass(frozen=True)
class Invocation:
    """What one call of the handler took.

    :param seconds: in all; ``aws`` and ``redcap``: of it, waited for either.
    :param cpu: seconds of processor time of the whole process since its start.
    :param megabytes: the most that was resident so far.
    :param requests: to REDCap; ``calls``: to DynamoDB.
    """

    seconds: float
    aws: float
    redcap: float
    cpu: float
    megabytes: float
    requests: int
    calls: int
    written: int
    unfinished: bool

    @property
    def own(self) -> float:
        """Seconds that neither moto nor the simulator took."""
        return self.seconds - self.aws - self.redcap


def be_the_function(url: str, seconds: float) -> None:
    """Call the handler until the first load is done, and once more."""
    tables = load(sync_redcap.SyncSettings).tables()
    for model in vars(tables).values():
        model.Meta.read_timeout_seconds = _PATIENCE_WITH_MOTO
    sources = SourceStore(tables)
    data = tomllib.loads(_SOURCE.read_text(encoding="utf-8"))
    _apply(definition_from({**data, "url": url, "token_secret": "classic", "deletions_seconds": 0}), sources)
    body = json.dumps({"source_id": "classic"})
    event = {"Records": [{"messageId": "m", "body": body, "eventSource": "aws:sqs"}]}
    loaded = False
    while True:
        with _waits() as waits:
            began = time.monotonic()
            failed = sync_redcap.handler(event, _Context(began + seconds))["batchItemFailures"]
            took = time.monotonic() - began
        report = sources.state("classic").report
        if failed or report is None:
            raise SystemExit(report.error if report else "the sync failed")
        resident = _peak_bytes() / 1e6
        call = Invocation(
            seconds=took,
            aws=waits.aws,
            redcap=waits.redcap,
            cpu=time.process_time(),
            megabytes=resident,
            requests=waits.requests,
            calls=waits.calls,
            written=report.written,
            unfinished=report.unfinished,
        )
        print(json.dumps(asdict(call)), flush=True)
        if loaded:
            return
        loaded = not report.unfinished


def _apply(definition: SourceDefinition, sources: SourceStore) -> None:
    """Store a definition as `mwl-cloud sources apply` does, which asks for the project and its dictionary."""
    settings = load(sync_redcap.SyncSettings)
    connect = connector(settings, now=time.time, sleep=time.sleep, read_seconds=60.0)
    with closing(connect(definition)) as redcap:
        checked = check_project(definition, redcap, time.time())
    sources.put(definition, checked=checked.check)


def _peak_bytes() -> int:
    # Not getrusage's ru_maxrss: that begins with what the process was forked from.
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024


class _Context:
    """What the handler reads of Lambda's context."""

    function_name, memory_limit_in_mb = "sync", 256
    aws_request_id = invoked_function_arn = "arn:aws:lambda:eu-central-1:000000000000:function:sync"

    def __init__(self, ends: float) -> None:
        self._ends = ends

    def get_remaining_time_in_millis(self) -> int:
        return int((self._ends - time.monotonic()) * 1000)


@dataclass
class _Waits:
    aws: float = 0.0
    redcap: float = 0.0
    calls: int = 0
    requests: int = 0


@contextmanager
def _waits() -> Iterator[_Waits]:
    """Count and time what goes out meanwhile."""
    waits = _Waits()
    to_aws: Callable[..., Any] = URLLib3Session.send
    to_redcap: Callable[..., Any] = requests.Session.send

    def aws(*args: Any, **kwargs: Any) -> Any:
        began = time.monotonic()
        try:
            return to_aws(*args, **kwargs)
        finally:
            waits.aws += time.monotonic() - began
            waits.calls += 1

    def redcap(*args: Any, **kwargs: Any) -> Any:
        began = time.monotonic()
        try:
            return to_redcap(*args, **kwargs)
        finally:
            waits.redcap += time.monotonic() - began
            waits.requests += 1

    URLLib3Session.send, requests.Session.send = aws, redcap  # type: ignore[method-assign]
    try:
        yield waits
    finally:
        URLLib3Session.send, requests.Session.send = to_aws, to_redcap  # type: ignore[method-assign]


if __name__ == "__main__":
    be_the_function(sys.argv[1], float(sys.argv[2]))
