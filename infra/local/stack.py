"""The whole system on this machine: cloud, REDCap and one relay, each as its own real self.

    this process     moto (DynamoDB, SQS, Secrets Manager), the API under uvicorn, the Lambdas' event sources
    child            the REDCap simulator, unless you bring your own REDCap
    child            the relay, with a folder of its own

Everything it writes lies in one folder. When this process ends, in whatever way, the children end too.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import shutil
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

import httpx
import uvicorn
from pydicom.dataset import Dataset

from edge_relay.client import scu as dicom_client
from edge_relay.client.scu import Peer
from infra.local.aws import REDCAP_SECRET_PREFIX, Aws, LocalAws, require_free
from infra.local.functions import Functions, logs_to
from infra.local.options import StackOptions
from infra.local.processes import Child, Started, resident_bytes
from lambdas import schedule, sync_redcap, write_back
from lambdas.access.role import Role
from lambdas.api.accounts import add_user
from lambdas.api.main import create_app
from lambdas.api.services import Services, services_from
from lambdas.api.settings import ApiSettings
from lambdas.notices import function as notices
from lambdas.redcap.project import RedcapProject
from lambdas.settings import load
from lambdas.sources.definition import SourceDefinition
from lambdas.sources.file import definition_from, parse_definition
from lambdas.sources.state import SourceState
from lambdas.store.models import bind
from lambdas.store.sources import SourceStore
from lambdas.sync.project_check import check_project
from shared.errors import Rejected, Unavailable
from shared.scanners.scanner_profile import MOST_DAYS

HOST: Final = "127.0.0.1"
PROJECT_ID: Final = 11  # the simulator's project (a)
READY_SECONDS: Final = 30.0
NO_SHOW_SECONDS: Final = 60.0
NOTICE_SECONDS: Final = 60.0
PATIENT_SECONDS: Final = 5.0


class LocalStack(Started):
    """The running system; a context manager.

    :param report: is told what is being started, for people to see.
    :raises Rejected: a port is taken, or the source definition is wrong.
    :raises Unavailable: a part did not come up; the message quotes its last words.
    """

    AWS: ClassVar = "AWS: DynamoDB, SQS and Secrets Manager (moto)"

    def __init__(self, options: StackOptions, report: Callable[[str], None] = lambda _: None) -> None:
        self.options, self._report = options, report
        super().__init__()
        self.api_url = self.redcap_url = self.control_url = self.admin_password = ""
        self.redcap_token = options.redcap_token
        self.relay: Child | None = None
        self._functions = Functions()
        self.redcap: Child | None = None

    @property
    def simulated(self) -> bool:
        """Whether REDCap is the simulator: then the story may write to it."""
        return not self.options.redcap_url

    @property
    def environment(self) -> dict[str, str]:
        """What the functions read, and ``mwl-cloud`` in another terminal."""
        return dict(self.aws.environment)

    @property
    def peer(self) -> Peer:
        """The relay, as the scanner calls it."""
        return Peer(HOST, self.dicom_port, self.options.relay_ae_title, self.options.scanner)

    def memory_bytes(self) -> dict[str, int]:
        """Return the resident memory of each process."""
        children = {child.name: child.memory_bytes() for child in (self.redcap, self.relay) if child}
        return {"cloud": resident_bytes(os.getpid()), **children}

    def source_state(self) -> SourceState:
        """Return what is remembered of the source's syncs."""
        return SourceStore(self.services.settings.tables()).state(self.definition.id)

    def start_relay(self) -> None:
        """Start the relay on its folder; it must be enrolled."""
        child = self._child("relay", self._relay_command("run"))
        ready = child.wait_for("ready ", READY_SECONDS)
        self.dicom_port = int(ready.split()[1].rpartition(":")[2])
        self.relay = child

    def worklist(self, **keys: str) -> list[Dataset]:
        """Return what the scanner is shown; nothing yet while the relay has not been given a worklist."""
        try:
            return dicom_client.find(self.peer, dicom_client.worklist_query(**keys))
        except Rejected as error:
            if "A700" not in error.what:
                raise
            return []

    def _start(self) -> None:
        self.folder = _emptied(self.options.folder)
        self._check_ports()
        self._report(self.AWS)
        self._start_aws()
        self._report("REDCap" if not self.simulated else "REDCap (simulator)")
        self._start_redcap()
        self._report("The API and the Lambdas")
        self._start_cloud()
        self._report("The relay: enrolled, then started")
        self._enroll_relay()
        self.start_relay()

    def _check_ports(self) -> None:
        options = self.options
        for port, what, option in (
            (options.api_port, "the API", "--port"),
            (options.redcap_port, "the REDCap simulator", "--redcap-port"),
            (options.aws_port, "AWS (moto)", "--aws-port"),
            (options.dicom_port, "the relay's DICOM", "--dicom-port"),
        ):
            if port:
                require_free(HOST, port, what, option)

    def _start_aws(self) -> None:
        aws = LocalAws(self.options.aws_port)
        aws.start()
        self._closing.callback(aws.stop)
        self._use(aws)

    def _use(self, aws: Aws) -> None:
        self.aws = aws
        # The real handlers read the real names from the environment, as in Lambda.
        os.environ.update(self.aws.environment)
        # Models know where they were first used: none may outlive its stack, or meet this one.
        bind.cache_clear()
        self._closing.callback(bind.cache_clear)

    def _start_redcap(self) -> None:
        if self.simulated:
            port = str(self.options.redcap_port)
            command = [sys.executable, "-m", "infra.local.redcap", "--print-json", "--projects", "classic"]
            self.redcap = self._child(
                "redcap", [*command, "--port", port, "--records", str(self.options.records)]
            )
            addresses: dict[str, Any] = json.loads(self.redcap.wait_for("{", READY_SECONDS))
            self.redcap_url, self.control_url = addresses["url"], addresses["control_url"]
            self.redcap_token = addresses["projects"][0]["tokens"]["relay"]
        else:
            self.redcap_url = self.options.redcap_url
        self.definition = self._definition()
        project = RedcapProject(
            self.redcap_url, self.redcap_token, self.definition.record_id_field, sleep=time.sleep
        )
        check_project(self.definition, project, time.time())

    def _definition(self) -> SourceDefinition:
        try:
            text = self.options.source_file.read_text("utf-8")
        except OSError as error:
            raise Rejected(
                f"cannot be read: {error.strerror}", where=str(self.options.source_file), hint="see --source"
            ) from None
        written = parse_definition(text).model_dump(mode="json")
        local: dict[str, Any] = {"url": self.redcap_url, "token_secret": "local"}
        if self.simulated:
            # Longer than a saved form may take to the scanner: the Data Entry Trigger brings it.
            local |= {"interval_seconds": 4, "overlap_seconds": 60, "server_time_zone": "UTC"}
            local |= {"no_show_days": MOST_DAYS}  # its exams are all over a year, and stay to be looked at
        else:
            # Somebody's study: look often enough to be seen, well below REDCap's limit, and never write.
            local |= {"interval_seconds": 10, "write_back": None}
        return definition_from({**written, **local})

    def _start_cloud(self) -> None:
        self._set_up()
        self._serve()
        if self.simulated:
            self._set_trigger()
        self._start_functions()

    def _set_up(self) -> None:
        """Store what an operator would: REDCap's token, the source, the first admin."""
        log_file = (self.folder / "cloud.log").open("a", encoding="utf-8")
        self._closing.callback(log_file.close)
        logging.basicConfig(stream=log_file, level=logging.WARNING, force=True)
        self._closing.enter_context(logs_to(log_file))
        secret = json.dumps({"token": self.redcap_token})
        self.aws.put_secret(REDCAP_SECRET_PREFIX + self.definition.token_secret, secret)
        self.services: Services = services_from(load(ApiSettings))
        SourceStore(self.services.settings.tables()).put(self.definition)
        self.admin_password = secrets.token_urlsafe(12)
        add_user(self.services, "admin", self.admin_password, Role.ADMIN)

    def _serve(self) -> None:
        self.start_api()
        self._closing.callback(self.stop_api)

    def _start_functions(self) -> None:
        functions = self._functions
        self._closing.callback(functions.stop)
        functions.on_messages(os.environ["SYNC_QUEUE_URL"], sync_redcap.handler)
        functions.on_messages(os.environ["DUE_QUEUE_URL"], sync_redcap.handler)
        functions.on_messages(os.environ["WRITE_BACK_QUEUE_URL"], write_back.handler)
        functions.every(self.options.schedule_seconds, schedule.handler)
        functions.every(NO_SHOW_SECONDS, schedule.no_shows)
        functions.every(NOTICE_SECONDS, notices.handler)

    def _set_trigger(self) -> None:
        """Give the project its Data Entry Trigger, as somebody pastes it into REDCap's project setup."""
        secret = secrets.token_urlsafe(32)
        self.services.triggers.make(self.definition.id, secret, project_id=str(PROJECT_ID))
        url = f"{self.api_url}/hooks/redcap/{self.definition.id}/{secret}"
        control = f"{self.control_url}/projects/{PROJECT_ID}/det"
        httpx.post(control, json={"url": url}, timeout=PATIENT_SECONDS).raise_for_status()

    def start_api(self) -> None:
        """Serve the API; again on the same port after `stop_api`."""
        known = urlsplit(self.api_url).port if self.api_url else self.options.api_port
        listener = socket.create_server((HOST, known or 0))
        self.api_url = f"http://{HOST}:{listener.getsockname()[1]}"
        config = uvicorn.Config(
            create_app(self.services), log_config=None, access_log=False, lifespan="off", ws="none"
        )
        self._api = uvicorn.Server(config)
        self._api_thread = threading.Thread(target=self._api.run, args=([listener],), name="api", daemon=True)
        self._api_thread.start()
        deadline = time.monotonic() + READY_SECONDS
        while not self._api.started:
            if not self._api_thread.is_alive() or time.monotonic() > deadline:
                raise Unavailable("the API did not start", hint=f"see {self.folder / 'cloud.log'}")
            time.sleep(0.01)

    def stop_api(self) -> None:
        """Stop the API, as an outage would; everything else goes on."""
        self._api.should_exit = True
        self._api_thread.join(PATIENT_SECONDS)

    def stop_functions(self) -> None:
        """Stop the functions: nothing is synced or written back any more; the API goes on."""
        self._functions.stop()

    @property
    def status_url(self) -> str:
        """Where the relay's status page is."""
        return f"http://{HOST}:{self._status_port}/"

    def _enroll_relay(self) -> None:
        self._status_port = _free_port()
        code, _ = self.services.relays.invite(self.definition.site)
        lines = [
            "# Written by the local stack; mwl-relay check-config --explain lists every setting.",
            "[relay]",
            f'ae_title = "{self.options.relay_ae_title}"',
            f'host = "{HOST}"',
            f"port = {self.options.dicom_port}",
            f'cloud_url = "{self.api_url}"',
            f"pull_interval_seconds = {self.options.pull_seconds}",
            f"slowest_pull_seconds = {self.options.pull_seconds}",  # whoever tries it may do so at night
            'cloud_scanners = "add"',
            "[status]",
            f"port = {self._status_port}",
            "[[scanners]]",
            f'ae_title = "{self.options.scanner}"',
            f"days_back = {MOST_DAYS}",
            f"days_ahead = {MOST_DAYS}",
        ]
        (self.folder / "relay.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
        child = self._child("relay-enroll", self._relay_command("enroll", code, "--name", "local"))
        child.wait_for("enrolled", READY_SECONDS)
        child.stop()

    def _relay_command(self, *arguments: str) -> list[str]:
        config, state = str(self.folder / "relay.toml"), str(self.folder / "relay")
        return [sys.executable, "-m", "edge_relay", *arguments, "--config", config, "--state-dir", state]

    def _child(self, name: str, command: list[str]) -> Child:
        child = Child(name, command, self.folder / f"{name}.log")
        self._closing.callback(child.stop)
        return child


def _free_port() -> int:
    """Return a port that nobody uses; for the relay, whose file has to name one."""
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _emptied(folder: Path) -> Path:
    """Return the folder, made or emptied; refuse one that holds anything this program did not write."""
    marker = folder / ".mwl-relay-demo"
    if folder.exists() and any(folder.iterdir()) and not marker.exists():
        raise Rejected(
            "is not empty and was not made by this program", where=str(folder), hint="choose another --folder"
        )
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    marker.touch()
    return folder.resolve()
