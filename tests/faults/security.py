"""Whoever has no right gets nothing: forged tokens, other sites, used codes, guessed passwords. No leaks.

The last part lets a relay with participants of known names work through faults, and looks for these names,
and for secrets, in every log line, heartbeat and file that is not theirs.
"""

from __future__ import annotations

import base64
import hmac
import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_relay.client import scu
from lambdas.access.role import Role
from lambdas.api.accounts import add_user
from lambdas.api.route_groups import route_modules
from shared.errors import MwlError
from shared.feed import FeedItem
from tests.faults.outcome import Outcome
from tests.rigs.api import PASSWORD, ApiRig, RelayClient, api, log_lines, public_pem
from tests.rigs.builders import an_event, an_item
from tests.rigs.cloud import SIGNING_SECRET
from tests.rigs.relay import (
    FakeCloud,
    began,
    completed,
    eventually,
    item,
    query,
    running_relay,
    scanner,
    shown,
)
from tests.rigs.routes import served

_NAME, _ID, _BORN = "Leakmarker^Quirin", "PID-LEAK-4711", "19770707"
_MARKS: Final = (_NAME, "Leakmarker", _ID, _BORN, "BEGIN PRIVATE KEY", PASSWORD, SIGNING_SECRET)
_SYMMETRIC: Final = b'{"alg":"HS256","typ":"JWT"}'
_STATE_WITH_PATIENTS: Final = ("cache.db", "journal.db", "key.pem")


def run(folder: Path) -> Outcome:
    """Try all; return what came of it."""
    outcome = Outcome("security")
    with api() as rig, log_lines() as lines:
        _tokens(rig, outcome)
        _other_sites(rig, outcome)
        _every_route(rig, outcome)
        _enrolment(rig, outcome)
        _guessing(rig, outcome)
        _look_through("a log line of the API", json.dumps(lines, default=str), outcome)
    _leaks(folder, outcome)
    return outcome


def _refused(outcome: Outcome, what: str, status: int, *expected: int) -> None:
    outcome.faults += 1
    outcome.operations += 1
    if status not in (expected or (401,)):
        outcome.wrong_answers.append(f"{what}: {status}")


def forged(relay: RelayClient, now: int) -> Iterator[tuple[str, str]]:
    """Yield tokens that this relay did not sign, or not so, and what is wrong with each."""
    usual = {"iss": relay.relay_id, "aud": "mwl-relay", "iat": now, "exp": now + 60, "jti": "x"}
    yield "another key", relay.token(key=Ed25519PrivateKey.generate())
    yield "no signature", jwt.encode(usual, None, algorithm="none")  # type: ignore[arg-type]
    unsigned = f"{_base64(_SYMMETRIC)}.{_base64(json.dumps(usual).encode())}"
    signature = hmac.digest(public_pem(relay.key).encode(), unsigned.encode(), "sha256")
    yield "our public key as a secret", f"{unsigned}.{_base64(signature)}"
    yield "for ten years", relay.token(exp=now + 10 * 365 * 86400)
    yield "expired", relay.token(iat=now - 200, exp=now - 140)
    yield "of tomorrow", relay.token(iat=now + 86400, exp=now + 86460)
    yield "for somebody else", relay.token(aud="another")
    yield "without an end", relay.token(exp=None)
    yield "of nobody", relay.token(iss="nobody")
    yield "without an issuer", relay.token(iss=None)
    good = relay.token()
    yield "cut off", good[:-8]
    yield "a letter changed", good[:-10] + ("A" if good[-10] != "A" else "B") + good[-9:]
    yield "no token", "a.b.c"


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _tokens(rig: ApiRig, outcome: Outcome) -> None:
    relay, now = rig.relay(), int(rig.clock())
    for what, token in forged(relay, now):
        for method, path in (
            ("GET", "/relay/worklist"),
            ("POST", "/relay/mpps"),
            ("POST", "/relay/heartbeat"),
        ):
            _refused(outcome, f"relay token, {what}", _status(rig, token, method, path))
    person = rig.services.tokens.issue("admin", 1, minutes=30)
    for what, token in (
        ("a person nobody made", person),
        ("a relay's", relay.token()),
        ("another secret", jwt.encode(jwt.decode(person, options={"verify_signature": False}), "x" * 40)),
        ("a device's", rig.services.tokens.issue_device("admin", "d1")),
    ):
        _refused(outcome, f"person's token, {what}", _status(rig, token, "GET", "/users"))
    rig.services.relays.revoke(relay.relay_id)
    _refused(outcome, "a revoked relay", _status(rig, relay.token(), "GET", "/relay/worklist"), 403)


def _status(rig: ApiRig, token: str, method: str, path: str) -> int:
    body: dict[str, list[str]] | None = None if method == "GET" else {"events": []}
    return rig.anybody.bearing(token).request(method, path, json=body).status


def _other_sites(rig: ApiRig, outcome: Outcome) -> None:
    mine = an_item("mine", site="north")
    rig.services.worklist.put_if_changed([mine])
    north, south = rig.relay("north"), rig.relay("south")
    began_event, ended = an_event(mine, "2.25.61"), an_event(None, "2.25.61")
    sent = north.http.post("/relay/mpps", json={"events": [began_event.model_dump(mode="json")]}).json()
    outcome.operations += 4
    outcome.faults += 4
    if sent["results"][0]["outcome"] != "recorded":
        outcome.others.append("a relay's own report was not recorded")
    if south.http.get("/relay/worklist").json()["items"]:
        outcome.wrong_answers.append("a relay is shown another site's exams")
    stolen = south.http.post("/relay/mpps", json={"events": [ended.model_dump(mode="json")]}).json()
    if stolen["results"][0]["outcome"] != "refused":
        outcome.wrong_answers.append("a relay reports on another site's step")
    if south.http.get("/relay/mpps/2.25.61").status != 404:
        outcome.wrong_answers.append("a relay reads another site's step")


def _every_route(rig: ApiRig, outcome: Outcome) -> None:
    """Call every route as people, and a relay, of another site, with what really is at this one."""
    theirs = an_item("theirs", site="north", patient_name=_NAME, patient_id=_ID)
    rig.services.worklist.put_if_changed([theirs])
    north, uid = rig.relay("north"), "2.25.62"
    body = {"events": [an_event(theirs, uid).model_dump(mode="json")]}
    recorded = north.http.post("/relay/mpps", json=body).json()["results"][0]["outcome"]
    before = _theirs(rig, theirs.id)
    own = {"item_id": theirs.id, "sop_instance_uid": uid, "relay_id": north.relay_id}
    callers = {"a relay": rig.relay("south").http}
    for role in (Role.READ, Role.WRITE):
        add_user(rig.services, f"south-{role}", PASSWORD, role, about={"sites": ["south"]})
        callers[str(role)] = rig.user(role, f"south-{role}")
    for who, client in callers.items():
        for method, path in sorted(served(route_modules())):
            if path.startswith("/auth/"):
                continue  # it could log itself out
            url = re.sub(r"\{(\w+)\}", lambda name: own.get(name[1], "none"), path)
            answer = client.request(method, url, json=None if method in {"GET", "DELETE"} else {})
            outcome.faults += 1
            outcome.operations += 1
            if answer.status >= 500 or any(mark in answer.text for mark in (_ID, "Leakmarker", _BORN)):
                outcome.wrong_answers.append(f"{who} of another site: {method} {path}: {answer.status}")
    if recorded != "recorded" or _theirs(rig, theirs.id) != before:
        outcome.wrong_answers.append("somebody of another site changed an exam, or its step was not recorded")


def _theirs(rig: ApiRig, item_id: str) -> object:
    rows = rig.services.worklist.rows_after("north", 0, 500)[0]
    return [row for row in rows if isinstance(row, FeedItem) and row.item.id == item_id]


def _enrolment(rig: ApiRig, outcome: Outcome) -> None:
    code, _ = rig.services.relays.invite("north")
    RelayClient.enrolled(rig.anybody, code, rig.clock)
    body = {"public_key": public_pem(Ed25519PrivateKey.generate()), "name": "intruder"}
    late, _ = rig.services.relays.invite("north")

    def enrol(given: str) -> int:
        return rig.anybody.post("/relay/enroll", json=body | {"code": given}).status

    _refused(outcome, "a code used twice", enrol(code), 403)
    rig.clock.advance(901)
    _refused(outcome, "a code too late", enrol(late), 403)
    _refused(outcome, "a guessed code", enrol("0000-0000-0000-0000-0000"), 403)


def _guessing(rig: ApiRig, outcome: Outcome) -> None:
    add_user(rig.services, "boss", PASSWORD, Role.ADMIN)
    own = rig.anybody.post("/auth/login", json={"username": "boss", "password": PASSWORD})
    tried = 0
    for number in range(60):
        answer = rig.anybody.post(
            "/auth/login", json={"username": f"name{number}", "password": "Spring2026!"}
        )
        outcome.faults += 1
        tried += answer.status == 401
    outcome.told["names tried before an address must wait"] = str(tried)
    if tried > 30:
        outcome.wrong_answers.append(f"{tried} names could be sprayed from one address")
    cookie = own.headers["set-cookie"].partition(";")[0]
    again = rig.anybody.post(
        "/auth/login", json={"username": "boss", "password": PASSWORD}, headers={"cookie": cookie}
    )
    outcome.operations += 61
    if again.status != 200:
        outcome.wrong_answers.append(f"the admin was locked out: {again.status}")


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.text.append(self.format(record))


@contextmanager
def _everything_logged() -> Iterator[list[str]]:
    handler, root = _Lines(), logging.getLogger()
    handler.setFormatter(logging.Formatter("%(name)s %(message)s %(exc_text)s"))
    level, disabled = root.level, logging.root.manager.disable
    logging.disable(logging.NOTSET)
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield handler.text
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        logging.disable(disabled)


def _leaks(folder: Path, outcome: Outcome) -> None:
    patient = item("marked", patient_name=_NAME, patient_id=_ID, patient_birth_date=_BORN)
    with _everything_logged() as lines, FakeCloud() as cloud:
        cloud.put(patient)
        state = folder / "state"
        with running_relay(state, cloud, status={"port": 0}, heartbeat_interval_seconds=1) as relay:
            peer = scanner(relay)
            eventually(lambda: shown(peer))
            for fault in ("500", "html", "truncated", "403", "shape", "drop"):
                cloud.faults.append(fault)
                outcome.faults += 1
                _work(lambda: scu.find(peer, query()), outcome)
            eventually(lambda: not cloud.faults)
            uid = "2.25.4242"
            cloud.poison = {"no such event"}
            for step in (
                lambda: scu.create_step(peer, began(patient), uid),
                lambda: scu.create_step(peer, began(patient), uid),  # a duplicate
                lambda: scu.set_step(peer, completed(), "2.25.9999"),  # of no step
                lambda: scu.set_step(peer, completed(), uid),
                lambda: scu.find(scanner(relay, calling="STRANGER"), query()),
            ):
                _work(step, outcome)
            cloud.wait_for(lambda seen: len(seen.recorded) == 2)
            cloud.wait_for(lambda seen: seen.heartbeats)
            _look_through("a heartbeat", json.dumps(cloud.heartbeats), outcome)
            _look_through("the status", relay.report().model_dump_json(), outcome)
        for path in sorted(state.iterdir()):
            if path.is_file() and not path.name.startswith(_STATE_WITH_PATIENTS):
                _look_through(path.name, path.read_text("utf-8", errors="replace"), outcome)
    own = [line for line in lines if not line.startswith(("httpcore", "httpx", "pynetdicom"))]
    _look_through("a log line", "\n".join(own), outcome)
    outcome.told["log lines looked through"] = str(len(own))


def _work(do: Callable[[], Any], outcome: Outcome) -> None:
    outcome.operations += 1
    with suppress(MwlError):
        do()


def _look_through(where: str, text: str, outcome: Outcome) -> None:
    outcome.operations += 1
    outcome.others += [f"{where} contains {mark[:6]}..." for mark in _MARKS if mark in text]
