"""What tests of the edge relay share: items, a cloud that can be made to lie, a relay on a free port.

    with FakeCloud() as cloud, running_relay(tmp_path, cloud) as relay:
        cloud.put(item(patient_name="Doe^Jane"))
        ...

Everything is real but the cloud: sockets, SQLite, DICOM, HTTP, tokens.
"""

from __future__ import annotations

import atexit
import json
import socket
import ssl
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import jwt
from pydicom.dataset import Dataset

from edge_relay import config
from edge_relay.client import scu
from edge_relay.exchange import enrolment, identity, transport
from edge_relay.relay import Relay
from edge_relay.storage import state_files
from shared.errors import Rejected
from shared.identifiers import (
    accession_number,
    requested_procedure_id,
    scheduled_procedure_step_id,
    study_instance_uid,
)
from shared.scanners.scanner_profile import MOST_DAYS
from shared.worklist_item import WorklistItem
from tests.rigs.leaks import WATCH
from tests.rigs.patience import PATIENCE, SOON

SCANNER = "SCANNER1"
RELAY_AET = "MWL_RELAY"
CODE = "one-time-code"
ANY_DAY = {"days_back": MOST_DAYS, "days_ahead": MOST_DAYS}
PROBLEM = "application/problem+json"
TYPE = "urn:mwl-relay:problem:told-to"


def item(item_id: str = "item-1", **changes: Any) -> WorklistItem:
    """Return a worklist item; its identifiers are derived from its id."""
    fields: dict[str, Any] = {
        "id": item_id,
        "site": "oslo",
        "study_instance_uid": study_instance_uid(item_id),
        "accession_number": accession_number(item_id),
        "requested_procedure_id": requested_procedure_id(item_id),
        "scheduled_procedure_step_id": scheduled_procedure_step_id(item_id),
        "patient_name": "Doe^Jane",
        "patient_id": "P-001",
        "patient_birth_date": "19800229",
        "patient_sex": "F",
        "patient_weight_kg": "61.235",
        "modality": "MR",
        "scheduled_station_aetitle": "MR1",
        "scheduled_start_date": "20261122",
        "scheduled_start_time": "093000",
        "procedure_description": "MR brain",
        "protocol_name": "BRAIN_T1",
    }
    return WorklistItem.model_validate({**fields, **changes})


def query(**step_keys: str) -> Dataset:
    """Return a worklist query asking for everything, with these keys of the scheduled step filled."""
    asked = scu.worklist_query()
    for keyword, value in step_keys.items():
        setattr(asked.ScheduledProcedureStepSequence[0], keyword, value)
    return asked


def eventually(true: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """Return the first truthy value; fail if there is none in time. For what has no event to wait for."""
    deadline = monotonic() + patience
    while not (value := true()):
        assert monotonic() < deadline, "did not come true in time"
        sleep(0.005)
    return value


class HasUrl(Protocol):
    """A cloud, real or not."""

    @property
    def url(self) -> str:
        """Where its API is."""


class FakeCloud:
    """A handwritten cloud over real HTTP, with faults on demand.

    ``faults`` are used up one a call: ``500``, ``html``, ``bad-request-html``, ``truncated``, ``drop``,
    ``401``, ``403``, ``400``, ``shape``, ``forget`` (answers 200 without any result). ``always`` is a fault
    that stays. ``refuse`` maps event ids to reasons; ``poison`` makes any batch with that event id a 400.
    Heartbeats have faults of their own, so that they use up nobody else's; ``overrides`` and ``version`` are
    what they are answered with, ``heartbeats`` what was told, ``shown`` what scanners were shown.
    ``poll_interval`` is the header of that name.

    :param name: what relays call its host.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        *,
        name: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._host, self._name, self._tls = host, name or host, tls
        self.items: dict[str, tuple[int, dict[str, Any] | None]] = {}
        self.seq = 0
        self.epoch = uuid4().hex
        self.faults: deque[str] = deque()
        self.always = ""
        self.refuse: dict[str, str] = {}
        self.refuse_all = ""
        self.poison: set[str] = set()
        self.mpps_faults: deque[str] = deque()
        self.heartbeat_faults: deque[str] = deque()
        self.heartbeats: list[dict[str, Any]] = []
        self.overrides: list[Any] = []
        self.version = "0"
        self.identity_shared = False
        self.discards: list[dict[str, Any]] = []
        self.shown: list[dict[str, Any]] = []
        self.images: list[dict[str, Any]] = []
        self.recorded: list[dict[str, Any]] = []
        self.batches: list[list[str]] = []
        self.pulls = 0
        self.poll_interval = ""
        self.paths: list[str] = []
        self.page_limit = 1000
        self.between_pages: Callable[[], None] = lambda: None
        self.clock_skew_seconds = 0.0
        self.public_keys: dict[str, str] = {}
        self.changed = threading.Condition(threading.RLock())
        self.port = 0
        self._server: ThreadingHTTPServer | None = None

    def __enter__(self) -> FakeCloud:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{self._name}:{self.port}"

    def start(self) -> None:
        """Listen; on the same port again after `stop`."""
        self._server = _QuietServer((self._host, self.port), _handler(self))
        if self._tls is not None:
            wrapped = self._tls.wrap_socket(self._server.socket, server_side=True)
            self._server.socket = wrapped
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Refuse connections from now on."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def put(self, *items: WorklistItem) -> None:
        """Store items, each as the next change."""
        with self.changed:
            for each in items:
                self.put_raw(each.id, each.model_dump(mode="json"))

    def put_raw(self, item_id: str, raw: dict[str, Any] | None) -> None:
        """Store what is perhaps no item; None deletes."""
        with self.changed:
            self.seq += 1
            self.items[item_id] = (self.seq, raw)

    def restore(self, *items: WorklistItem) -> None:
        """Become another life of the table, holding these items only."""
        with self.changed:
            self.epoch, self.seq, self.items = uuid4().hex, 0, {}
            self.put(*items)

    def wait_for(self, true: Callable[[FakeCloud], Any]) -> None:
        """Wait until something holds; looked at after every call."""
        with self.changed:
            assert self.changed.wait_for(lambda: true(self), PATIENCE), "the cloud never saw it"

    def recorded_kinds(self) -> list[tuple[str, str]]:
        """Return (SOP instance, service) of every event recorded, in order."""
        return [(event["sop_instance_uid"], event["kind"]) for event in self.recorded]

    # what the handler calls, under the lock

    def worklist(self, cursor: str, etag: str, limit: int) -> tuple[int, dict[str, Any], str]:
        epoch, _, rest = cursor.partition(":")
        position, _, kind = rest.partition(":")
        snapshot = epoch != self.epoch or kind == "s"
        after = int(position) if epoch == self.epoch else 0
        now = f'"{self.epoch}-{self.seq}"'
        if etag == now and not snapshot:
            return 304, {}, now
        rows = sorted((seq, key, raw) for key, (seq, raw) in self.items.items() if seq > after)
        limit = min(limit, self.page_limit)
        page, more = rows[:limit], len(rows) > limit
        last = page[-1][0] if page else self.seq
        body = {
            "epoch": self.epoch,
            "snapshot": snapshot,
            "items": [{"feed_seq": seq, "item": raw} for seq, _, raw in page if raw is not None],
            "tombstones": [{"feed_seq": seq, "id": key} for seq, key, raw in page if raw is None],
            "cursor": f"{self.epoch}:{last}",
            "next": f"{self.epoch}:{last}:{'s' if snapshot else ''}",
            "more": more,
        }
        if more:
            self.between_pages()
        return 200, body, now

    def intake(self, events: list[dict[str, Any]]) -> tuple[int, dict[str, Any]]:
        self.batches.append([event["event_id"] for event in events])
        if self.poison & {event["event_id"] for event in events}:
            return 400, {"type": TYPE, "title": "Bad Request", "detail": "an event is malformed"}
        known = {event["event_id"] for event in self.recorded}
        results = []
        for event in events:
            outcome = "already_recorded" if event["event_id"] in known else "recorded"
            if event["event_id"] in self.refuse or self.refuse_all:
                outcome = "refused"
            elif outcome == "recorded":
                self.recorded.append(event)
            results.append(
                {
                    "event_id": event["event_id"],
                    "outcome": outcome,
                    "reason": self.refuse.get(event["event_id"], self.refuse_all),
                    "items": self._apply(event) if outcome == "recorded" else [],
                }
            )
        return 200, {"results": results}

    def _apply(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        item_id = event.get("item_id")
        _, raw = self.items.get(item_id or "", (0, None))
        asked = event["dataset"].get("00400252", {}).get("Value", [""])[0]
        if raw is None or not asked:
            return []
        reason = event["dataset"].get("00400281", {}).get("Value", [])
        status = "SCHEDULED" if reason else asked.replace(" ", "_")
        self.put_raw(str(item_id), {**raw, "performed_procedure_step_status": status})
        return [{"item_id": item_id, "feed_seq": self.seq}]


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that went away is part of the game


def _handler(cloud: FakeCloud) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

        def date_time_string(self, timestamp: float | None = None) -> str:
            moment = datetime.fromtimestamp(datetime.now(UTC).timestamp() + cloud.clock_skew_seconds, UTC)
            return format_datetime(moment, usegmt=True)

        def do_GET(self) -> None:
            self._serve({})

        def do_POST(self) -> None:
            self._serve(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _serve(self, body: dict[str, Any]) -> None:
            with cloud.changed:
                self._answer(body)
                cloud.changed.notify_all()

        def _answer(self, body: dict[str, Any]) -> None:
            url = urlsplit(self.path)
            cloud.paths.append(url.path)
            if url.path == "/relay/enroll":
                return self._enroll(body)
            if not self._authorized():
                return self._send(401, {"type": TYPE, "title": "Unauthorized"}, PROBLEM)
            if url.path == "/relay/mpps" and cloud.mpps_faults:
                return self._fault(cloud.mpps_faults.popleft())
            if url.path == "/relay/heartbeat":
                return self._heartbeat(body)
            if url.path == "/relay/images" and not cloud.always:
                return self._images(body)
            if url.path == "/relay/shown" and not cloud.always:
                cloud.shown += body["items"]
                return self._send(200, {"kept": len(body["items"])})
            if cloud.faults or cloud.always:
                return self._fault(cloud.faults.popleft() if cloud.faults else cloud.always)
            if url.path == "/relay/worklist":
                asked = {key: values[0] for key, values in parse_qs(url.query).items()}
                cloud.pulls += 1
                status, page, etag = cloud.worklist(
                    asked.get("cursor", ""), self.headers.get("If-None-Match", ""), int(asked["limit"])
                )
                return self._send(status, page, etag=etag)
            if url.path == "/relay/mpps/lacking":
                known = {event["event_id"] for event in cloud.recorded}
                lacking = [each["event_id"] for each in body["events"] if each["event_id"] not in known]
                return self._send(200, {"lacking": lacking})
            if url.path.startswith("/relay/mpps/"):
                uid = url.path.rpartition("/")[2]
                events = [event for event in cloud.recorded if event["sop_instance_uid"] == uid]
                problem = {"type": TYPE, "title": "Not Found"}
                return self._send(200, {"events": events}) if events else self._send(404, problem, PROBLEM)
            status, answer = cloud.intake(body["events"])
            return self._send(status, answer, PROBLEM if status == 400 else "application/json")

        def _images(self, body: dict[str, Any]) -> None:
            with cloud.changed:
                cloud.images += body["studies"]
                cloud.changed.notify_all()
            told = [{"item_id": each["item_id"], "outcome": "completed"} for each in body["studies"]]
            return self._send(200, {"results": told})

        def _heartbeat(self, body: dict[str, Any]) -> None:
            if cloud.heartbeat_faults or cloud.always:
                faults = cloud.heartbeat_faults
                return self._fault(faults.popleft() if faults else cloud.always)
            cloud.heartbeats.append(body)
            WATCH.look("a heartbeat", json.dumps(body, ensure_ascii=False))
            told = {"scanners": cloud.overrides, "version": cloud.version}
            return self._send(
                200, {**told, "identity_shared": cloud.identity_shared, "discards": cloud.discards}
            )

        def _enroll(self, body: dict[str, Any]) -> None:
            if body["code"] != CODE:
                return self._send(
                    403, {"type": TYPE, "title": "Forbidden", "detail": "the code is not valid"}, PROBLEM
                )
            relay_id = f"relay-{len(cloud.public_keys) + 1}"
            cloud.public_keys[relay_id] = body["public_key"]
            return self._send(201, {"relay_id": relay_id, "site": "oslo", "audience": "mwl-relay"})

        def _authorized(self) -> bool:
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            now = datetime.now(UTC).timestamp() + cloud.clock_skew_seconds
            try:
                claims = jwt.decode(token, options={"verify_signature": False})
                key = cloud.public_keys[claims["iss"]]
                options: Any = {"verify_exp": False, "verify_iat": False}
                claims = jwt.decode(token, key, ["EdDSA"], audience="mwl-relay", options=options)
            except (jwt.InvalidTokenError, KeyError):
                return False
            lifetime = claims["exp"] - claims["iat"]
            return lifetime <= 60 and claims["iat"] - 5 <= now <= claims["exp"] and bool(claims["jti"])

        def _fault(self, fault: str) -> None:
            if fault.isdigit():
                return self._send(int(fault), {"type": TYPE, "title": "told to"}, PROBLEM)
            if fault == "html":
                return self._raw(200, b"<html><body>Please log in</body></html>", "text/html")
            if fault == "bad-request-html":
                return self._raw(400, b"<html>nginx says no</html>", "text/html")
            if fault == "truncated":
                return self._raw(200, b'{"results": [{"event_id": "', "application/json")
            if fault == "shape":
                return self._send(200, {"results": "none", "items": "none"})
            if fault == "forget":
                return self._send(200, {"results": []})
            assert fault == "drop", fault
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            return None

        def _send(self, status: int, body: Any, kind: str = "application/json", etag: str = "") -> None:
            self._raw(status, b"" if status == 304 else json.dumps(body).encode(), kind, etag)

        def _raw(self, status: int, body: bytes, kind: str, etag: str = "") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            if etag:
                self.send_header("ETag", etag)
            if cloud.poll_interval:
                self.send_header("Poll-Interval", cloud.poll_interval)
            self.end_headers()
            self.wfile.write(body)

    return Handler


def settings_for(cloud: HasUrl, **changes: Any) -> config.Settings:
    """Return settings for tests: a free port, short pauses, one scanner, no status page.

    Scanners are shown exams of any day, unless they say otherwise: tests have days of their own.
    ``scanners``, ``tls``, ``status``, ``archives`` and ``images`` are tables of their own, any other name is
    a key of ``[relay]``.
    """
    tables = {
        "scanners": [ANY_DAY | each for each in changes.pop("scanners", [{"ae_title": SCANNER}])],
        "status": changes.pop("status", {"port": 0}),
        "tls": changes.pop("tls", None),
        "archives": changes.pop("archives", []),
        "images": changes.pop("images", {}),
    }
    relay = {
        "ae_title": RELAY_AET,
        "host": "127.0.0.1",
        "port": 0,
        "cloud_url": cloud.url,
        "pull_interval_seconds": 0.05,
        "retry_max_seconds": 0.05,
        "forbidden_retry_seconds": 0.1,
        "cloud_timeout_seconds": SOON,
        "stop_timeout_seconds": SOON,
        **changes,
    }
    return config.Settings(relay=relay, **tables)


def enrolled(state_dir: Path, cloud: HasUrl, code: str = CODE) -> identity.Identity:
    """Return an identity, enrolled over HTTP the first time."""
    state_files.make_state_dir(state_dir)
    if not (state_dir / "identity.json").exists():
        key = identity.load_or_make_key(state_dir)
        with transport.make_client(cloud.url, 5) as client:
            given = enrolment.enroll(client, code, identity.public_pem(key), "test relay")
        identity.save_enrolment(state_dir, given)
    return identity.load_identity(state_dir)


@contextmanager
def running_relay(state_dir: Path, cloud: FakeCloud, **changes: Any) -> Iterator[Relay]:
    """Run a relay in this process, on a free port."""
    with Relay(settings_for(cloud, **changes), enrolled(state_dir, cloud), state_dir) as relay:
        yield relay


def scanner(relay: Relay, calling: str = SCANNER, called: str = RELAY_AET) -> scu.Peer:
    """Return how a scanner calls a relay."""
    host, port = relay.address
    return scu.Peer(host, port, called, calling, timeout_seconds=PATIENCE)


def names(relay: Relay, asked: Dataset | None = None) -> list[str]:
    """Return the patient names a scanner is shown."""
    return [str(answer.PatientName) for answer in shown(scanner(relay), asked)]


def shown(peer: scu.Peer, asked: Dataset | None = None) -> list[Dataset]:
    """Return what a scanner is shown; nothing yet while the relay has not been given a worklist."""
    try:
        return scu.find(peer, asked or query())
    except Rejected as error:
        if "A700" not in error.what:
            raise
        return []


def statuses(relay: Relay) -> list[str]:
    """Return the step statuses a scanner is shown."""
    answers = scu.find(scanner(relay), query())
    return [str(answer.ScheduledProcedureStepSequence[0].ScheduledProcedureStepStatus) for answer in answers]


def began(each: WorklistItem) -> Dataset:
    """Return the attribute list of an N-CREATE for an item."""
    return scu.exam_began(each, each.scheduled_station_aetitle, datetime(2026, 11, 22, 9, 31, 7))


def completed() -> Dataset:
    """Return the modification list of an N-SET that completes a step."""
    return scu.step_completed(datetime(2026, 11, 22, 9, 58, 0), "2.25.4711")


def discontinued(*, wrong_entry: bool = False) -> Dataset:
    """Return the modification list of an N-SET that gives a step up."""
    return scu.step_discontinued(datetime(2026, 11, 22, 9, 40, 0), wrong_entry=wrong_entry)


class RelayProcess:
    """A real ``mwl-relay run``, as its own process.

    :param log: the file that gets what it logs; None: what it logs is shown.
    """

    def __init__(
        self, folder: Path, cloud: FakeCloud, *, port: int = 0, log: Path | None = None, **changes: Any
    ) -> None:
        self.state_dir = folder / "state"
        self.config_file = folder / "relay.toml"
        enrolled(self.state_dir, cloud)
        self.config_file.write_text(toml(cloud, port=port, **changes))
        self._port = port
        self._log = log
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> scu.Peer:
        """Start it, and return how to call it once it says it is ready."""
        command = [sys.executable, "-m", "edge_relay", "run"]
        options = ["--config", str(self.config_file), "--state-dir", str(self.state_dir)]
        with self._log.open("a") if self._log else nullcontext() as log:
            self._process = subprocess.Popen(command + options, stdout=subprocess.PIPE, stderr=log, text=True)
        atexit.register(self._process.kill)  # a test that fails must not leave it behind
        assert self._process.stdout is not None
        ready = self._process.stdout.readline().split()
        assert ready[:1] == ["ready"], ready
        host, _, port = ready[1].rpartition(":")
        return scu.Peer(host, int(port), RELAY_AET, SCANNER, timeout_seconds=PATIENCE)

    @property
    def pid(self) -> int:
        """The process's id."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def end(self, *, kill: bool = False) -> int:
        """Stop it with SIGTERM or SIGKILL; return its exit code."""
        assert self._process is not None
        self._process.kill() if kill else self._process.terminate()
        code = self._process.wait(PATIENCE)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return code


def toml(cloud: FakeCloud, **changes: Any) -> str:
    """Return a configuration file for tests; takes what `settings_for` takes."""
    given = settings_for(cloud, **changes).model_dump(mode="json", exclude_unset=True, exclude_none=True)
    lines = []
    for name, tables in given.items():
        several = isinstance(tables, list)
        for table in tables if several else [tables]:
            lines += [f"[[{name}]]" if several else f"[{name}]"]
            lines += [f"{key} = {_toml_value(value)}" for key, value in table.items()] + [""]
    return "\n".join(lines)


def _toml_value(value: Any) -> str:
    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{json.dumps(key)} = {_toml_value(held)}" for key, held in value.items()) + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml_value, value)) + "]"
    return json.dumps(value)
