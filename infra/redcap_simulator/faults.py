"""What can go wrong on purpose.

| kind | what the caller gets |
|---|---|
| latency | the right answer, `seconds` late |
| empty_500, empty_200 | status 500 or 200 and no body (out of memory, crash) |
| out_of_memory | status 200 and a plain sentence |
| html_200, html_503 | the institution's maintenance page |
| unknown_error | status 200 and REDCap's own HTML "unknown error" |
| banned | the text of the rate ban, which is no JSON |
| too_many | status 429, and to come back in `seconds` (a load balancer's, not REDCap's own) |
| truncated | status 200, the first `keep` of the rows only |
| left_out | status 200, without the rows of `record` if records are asked for by name (JSON) |
| cut_json | status 200, the body ends in the middle |
| dropped | the connection is closed without an answer |
| revoked | 403, as for a token that was taken away |

A fault holds for its next `times` requests (None: until cleared), after letting `skip` pass, and only for
requests whose `content` is its own (None: any). With `carry_out` the request takes effect before its answer
is lost: that is how a write is done twice by a client that retries. `latency`, `truncated`, `left_out`
and `cut_json` always carry out.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Literal, get_args

from infra.redcap_simulator.api.errors import bad_token
from infra.redcap_simulator.api.wire import MEDIA, Answer, Params, error_answer

FaultKind = Literal[
    "latency",
    "empty_500",
    "empty_200",
    "out_of_memory",
    "html_200",
    "html_503",
    "unknown_error",
    "banned",
    "too_many",
    "truncated",
    "left_out",
    "cut_json",
    "dropped",
    "revoked",
]
KINDS: tuple[FaultKind, ...] = get_args(FaultKind)
ALTERING = frozenset({"latency", "truncated", "left_out", "cut_json"})

BAN_TEXT = (
    "Your IP address (127.0.0.1) has been banned due to suspected abuse. "
    "Please contact your REDCap administrator if this is a mistake."
)
_MAINTENANCE = (
    b"<!DOCTYPE html><html><head><title>Scheduled maintenance</title></head>"
    b"<body><h1>We'll be back soon</h1><p>This service is down for scheduled maintenance.</p></body></html>"
)
_UNKNOWN = b"<html><body><b>ERROR:</b> An unknown error occurred. Please try again.</body></html>"


@dataclass
class Fault:
    """One scripted fault; see the table above."""

    kind: FaultKind
    times: int | None = 1
    content: str | None = None
    skip: int = 0
    seconds: float = 0.0
    keep: float = 0.5
    record: str = ""
    carry_out: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault {self.kind!r}; known: {', '.join(KINDS)}")

    @property
    def carries_out(self) -> bool:
        """Whether the request takes effect all the same."""
        return self.carry_out or self.kind in ALTERING


class FaultPlan:
    """The faults in force, oldest first; a request meets at most one."""

    def __init__(self, faults: tuple[Fault, ...] = ()) -> None:
        self._faults = list(faults)
        self._lock = Lock()

    def add(self, fault: Fault) -> Fault:
        """Put a fault in force."""
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """End every fault."""
        with self._lock:
            self._faults.clear()

    def active(self) -> list[Fault]:
        """The faults that still await a request."""
        with self._lock:
            return list(self._faults)

    def take(self, content: str) -> Fault | None:
        """The fault this request meets; uses up one of its times."""
        with self._lock:
            for fault in self._faults:
                if fault.content not in {None, content}:
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                self._use(fault)
                return fault
        return None

    def _use(self, fault: Fault) -> None:
        if fault.times is None:
            return
        fault.times -= 1
        if fault.times <= 0:
            self._faults.remove(fault)


def spoilt(fault: Fault, answer: Answer, params: Params) -> Answer:
    """What becomes of an answer under a fault; `latency` and `dropped` are the server's to do."""
    spoil = _SPOILERS.get(fault.kind)
    return spoil(fault, answer, params) if spoil else answer


def ban_answer() -> Answer:
    """REDCap's answer to an address that asked too often."""
    return Answer(200, BAN_TEXT.encode())


def _truncated(fault: Fault, answer: Answer, _params: Params) -> Answer:
    if answer.media_type == MEDIA["csv"]:
        header, *lines = answer.body.splitlines(keepends=True)
        return Answer(
            answer.status, b"".join([header, *lines[: int(len(lines) * fault.keep)]]), answer.media_type
        )
    try:
        rows = json.loads(answer.body)
    except ValueError:
        return answer
    if not isinstance(rows, list):
        return answer
    body = json.dumps(rows[: int(len(rows) * fault.keep)], separators=(",", ":"))
    return Answer(answer.status, body.encode(), answer.media_type)


def _left_out(fault: Fault, answer: Answer, params: Params) -> Answer:
    if not params.array("records") or answer.media_type != MEDIA["json"]:
        return answer
    rows = json.loads(answer.body)
    kept = [row for row in rows if next(iter(row.values()), None) != fault.record]
    return Answer(answer.status, json.dumps(kept, separators=(",", ":")).encode(), answer.media_type)


def _cut(fault: Fault, answer: Answer, _params: Params) -> Answer:
    return Answer(answer.status, answer.body[: max(1, int(len(answer.body) * fault.keep))], answer.media_type)


def _too_many(fault: Fault, _answer: Answer, _params: Params) -> Answer:
    return Answer(429, b"Too Many Requests", headers={"Retry-After": f"{fault.seconds:.0f}"})


def _fixed(status: int, body: bytes) -> Callable[[Fault, Answer, Params], Answer]:
    return lambda _fault, _answer, _params: Answer(status, body)


_SPOILERS: dict[FaultKind, Callable[[Fault, Answer, Params], Answer]] = {
    "empty_500": _fixed(500, b""),
    "empty_200": _fixed(200, b""),
    "out_of_memory": _fixed(200, b"REDCap ran out of server memory. The request cannot be processed."),
    "html_200": _fixed(200, _MAINTENANCE),
    "html_503": _fixed(503, _MAINTENANCE),
    "unknown_error": _fixed(200, _UNKNOWN),
    "banned": lambda _fault, _answer, _params: ban_answer(),
    "too_many": _too_many,
    "truncated": _truncated,
    "left_out": _left_out,
    "cut_json": _cut,
    "revoked": lambda _fault, _answer, params: error_answer(bad_token(), params),
}
