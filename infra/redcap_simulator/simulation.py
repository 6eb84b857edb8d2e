"""The simulation: projects, clock, faults and what was asked of it; no network.

One lock covers all state: a handler sees a project at rest, also while a test changes it from another thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from threading import Event, RLock
from typing import Any
from zoneinfo import ZoneInfo

from infra.redcap_simulator import faults
from infra.redcap_simulator.api import api
from infra.redcap_simulator.api.wire import Answer, Params
from infra.redcap_simulator.clock import Now, SimClock, system_now
from infra.redcap_simulator.faults import Fault, FaultKind, FaultPlan
from infra.redcap_simulator.people import form_page
from infra.redcap_simulator.people.form_filler import FormFiller
from infra.redcap_simulator.people.form_page import FormPage
from infra.redcap_simulator.people.trigger import Send, Trigger, post
from infra.redcap_simulator.project.project import Project
from infra.redcap_simulator.project.quirks import Quirks
from infra.redcap_simulator.traffic import RequestLog


class Simulation:
    """Some REDCap projects, and whoever asks or changes them.

    :param host: and ``port``: where the server that shows it is to be found.
    """

    def __init__(  # noqa: PLR0913 - each is an injected part with a default
        self,
        projects: Iterable[Project],
        *,
        clock: Now = system_now,
        faults: Sequence[Fault] = (),
        quirks: Quirks | None = None,
        server_timezone: str | None = None,
        det_url: str = "",
        send_trigger: Send = post,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.projects: list[Project] = list(projects)
        self.quirks = quirks or Quirks()
        if server_timezone is not None:
            self.quirks = replace(self.quirks, zone=ZoneInfo(server_timezone))
        self.clock = clock if isinstance(clock, SimClock) else SimClock(clock)
        self.faults = FaultPlan(tuple(faults))
        self.requests = RequestLog(self.quirks.rate_limit)
        self.trigger = Trigger(send_trigger)
        self.host = host
        self.lock = RLock()
        self.stopping = Event()
        self.port = port
        for project in self.projects:
            project.det_url = det_url or project.det_url

    @property
    def base_url(self) -> str:
        """The server's address, without a slash; the control surface is under `/_control`."""
        return f"http://{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The API's address, as PyCap wants it."""
        return f"{self.base_url}/api/"

    @property
    def form_filler(self) -> FormFiller:
        """A person at the screen."""
        return FormFiller(self.clock, self.trigger, self.quirks, self.base_url)

    def project(self, project_id: int) -> Project:
        """The project of that number; LookupError when there is none."""
        for project in self.projects:
            if project.project_id == project_id:
                return project
        raise LookupError(f"no such project: {project_id}")

    def save_form(
        self, project_id: int, record_id: str, instrument: str, values: Mapping[str, str], **where: Any
    ) -> int:
        """`FormFiller.save_form` under the lock."""
        with self.lock:
            return self.form_filler.save_form(
                self.project(project_id), record_id, instrument, values, **where
            )

    def add_fault(self, kind: FaultKind, **rest: Any) -> Fault:
        """Script a fault; see `faults.Fault`."""
        return self.faults.add(Fault(kind, **rest))

    def answer(self, params: Params) -> Answer:
        """Answer one request, faults aside."""
        with self.lock:
            return api.answer(self.projects, params, self.quirks, self.clock())

    def spoilt_answer(self, params: Params, fault: Fault | None) -> Answer:
        """Answer one request under a fault."""
        if fault is None:
            return self.answer(params)
        honest = self.answer(params) if fault.carries_out else Answer(200, b"")
        return faults.spoilt(fault, honest, params)

    def page(self, version: str, name: str, asked: Mapping[str, str]) -> FormPage:
        """What a person sees at ``redcap_v<version>/DataEntry/<name>``."""
        pages = {"index.php": form_page.form, "record_home.php": form_page.record_home}
        with self.lock:
            number = asked.get("pid", "")
            known = {str(project.project_id): project for project in self.projects}
            if version != self.quirks.version or name not in pages or number not in known:
                return FormPage(404, "<!DOCTYPE html><title>404</title><h1>Not Found</h1>")
            return pages[name](known[number], asked)

    def describe(self) -> list[dict[str, Any]]:
        """Ids, titles and tokens, for whoever has to connect."""
        return [
            {
                "project_id": project.project_id,
                "title": project.shape.title,
                "records": len(project.records),
                "tokens": {user.name: user.token for user in project.users},
            }
            for project in self.projects
        ]
