"""The data entry trigger: one POST for each saved form, tried once, answered by nobody.

It goes out on form and survey saves only, never on API imports; a receiver that is down misses it for good.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock, Thread

import httpx

from infra.redcap_simulator.project.project import Project, User
from infra.redcap_simulator.project.records import Record, RowKey

Send = Callable[[str, Mapping[str, str]], None]


def post(url: str, form: Mapping[str, str]) -> None:
    """Send one trigger, form-encoded; what the receiver answers is of no interest to REDCap."""
    httpx.post(url, data=dict(form), timeout=10.0)


@dataclass(frozen=True)
class Fired:
    """A trigger that went out, and whether anybody took it."""

    url: str
    form: Mapping[str, str]
    delivered: bool


class Trigger:
    """Sends triggers from threads of their own, so that saving a form never waits for the receiver."""

    def __init__(self, send: Send = post) -> None:
        self._send = send
        self._threads: list[Thread] = []
        self._lock = Lock()
        self.fired: list[Fired] = []

    def fire(self, url: str, form: Mapping[str, str]) -> None:
        """Send in the background."""
        thread = Thread(target=self._deliver, args=(url, form), daemon=True, name="redcap-trigger")
        self._threads.append(thread)
        thread.start()

    def wait(self, timeout: float = 10.0) -> None:
        """Until everything fired so far has been delivered or lost; for tests."""
        for thread in self._threads:
            thread.join(timeout)
        self._threads = [thread for thread in self._threads if thread.is_alive()]

    def _deliver(self, url: str, form: Mapping[str, str]) -> None:
        try:
            self._send(url, form)
        except (httpx.HTTPError, httpx.InvalidURL, OSError):
            delivered = False
        else:
            delivered = True
        with self._lock:
            self.fired.append(Fired(url, form, delivered))


def form_of(
    project: Project, user: User, record_id: str, record: Record, form: str, key: RowKey
) -> dict[str, str]:
    """The trigger's parameters for a saved form; those that do not apply are absent, not empty."""
    shape = project.shape
    fields = {
        "project_id": str(shape.project_id),
        "username": user.name,
        "instrument": form,
        "record": record_id,
        f"{form}_complete": record.rows[key].get(f"{form}_complete", "0"),
        "redcap_event_name": key.event,
        "redcap_data_access_group": record.dag,
        "redcap_repeat_instance": str(key.instance or ""),
        "redcap_repeat_instrument": key.instrument,
    }
    return {name: value for name, value in fields.items() if value}
