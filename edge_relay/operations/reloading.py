"""Taking up relay.toml while the relay runs: on SIGHUP (``systemctl reload``), and when the file has changed.

Scanners' profiles, the files of ``[tls]``, the log level and what else needs no restart (`TAKEN_UP`) count
from the next association or query on. A file that cannot be used changes nothing; what is wrong with it is
in the log and in the status until it is right again. Settings that need a restart keep their old value until
then, and the log and the status name them.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final, Protocol

from pydantic import BaseModel

from edge_relay import config
from edge_relay.health.report import SETTINGS, Health
from edge_relay.operations import logs
from shared.errors import Rejected
from shared.text.quantity import quantity

log = logging.getLogger(__name__)

LOOK_AGAIN_SECONDS: Final = 5.0

TAKEN_UP: Final = frozenset(
    {
        "scanners",
        "relay.allow_any_scanner",
        "relay.charset",
        "relay.cloud_scanners",
        "relay.log_level",
        "relay.max_associations",
        "relay.max_worklist_age_hours",
        "relay.old_worklist",
        "relay.time_zone",
        "tls.certificate",
        "tls.client_ca",
        "tls.client_certificates",
        "tls.private_key",
    }
)
"""Settings that need no restart."""

Stamp = tuple[int, int, int]


class Reloadable(Protocol):
    """The running relay."""

    health: Health

    def take_up(self, settings: config.Settings) -> None:
        """Go on with other settings; raise `Rejected`, changing nothing, if they cannot be used."""


class Reloading:
    """Watches one file, and knows the settings in use.

    :param settings: those the relay was started with.
    """

    def __init__(self, file: Path, settings: config.Settings, relay: Reloadable) -> None:
        self._file, self._relay = file, relay
        self._in_use = settings
        self._seen = _stamp(file)

    def reload_if_changed(self) -> None:
        """Take up the file if it is another one than last time."""
        if _stamp(self._file) != self._seen:
            self.reload()

    def reload(self) -> None:
        """Take up the file as it is now; say in the log and in the status what came of it."""
        self._seen = _stamp(self._file)
        try:
            wanted = config.load(self._file)
            waiting = needs_restart(self._in_use, wanted)
            settings = merged(self._in_use, wanted)
            self._relay.take_up(settings)
        except Rejected as error:
            self._say(f"{self._file.name} has changed and cannot be used; the old settings stay: {error}")
            return
        logs.set_level(settings.relay.log_level)
        self._in_use = settings
        log.info("%s taken up: %s", self._file.name, quantity(len(settings.scanners), "scanner"))
        self._say(f"restart the relay to take up {', '.join(waiting)}" if waiting else "")

    def _say(self, problem: str) -> None:
        if problem:
            log.warning("%s", problem)
        self._relay.health.note(SETTINGS, problem)


def needs_restart(in_use: config.Settings, wanted: config.Settings) -> tuple[str, ...]:
    """Return the settings that differ and cannot be taken up now, ``relay.port``, sorted."""
    before, after = _flat(in_use), _flat(wanted)
    differ = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    if (in_use.tls is None) != (wanted.tls is None):
        differ = {key for key in differ if not key.startswith("tls.")} | {"tls"}
    return tuple(sorted(differ - TAKEN_UP))


def merged(in_use: config.Settings, wanted: config.Settings) -> config.Settings:
    """Return the settings in use, with what can be taken up of those wanted."""
    relay = in_use.relay.model_copy(update=_taken("relay", wanted.relay))
    tls = in_use.tls
    if tls is not None and wanted.tls is not None:
        tls = tls.model_copy(update=_taken("tls", wanted.tls))
    return in_use.model_copy(update={"relay": relay, "tls": tls, "scanners": wanted.scanners})


def _taken(table: str, wanted: BaseModel) -> dict[str, object]:
    return {name: value for name, value in wanted if f"{table}.{name}" in TAKEN_UP}


def _flat(settings: config.Settings) -> dict[str, object]:
    found: dict[str, object] = {"scanners": settings.scanners, "archives": settings.archives}
    tables = {name: getattr(settings, name) for name in ("relay", "tls", "status", "images")}
    for table, values in tables.items():
        found |= {f"{table}.{name}": value for name, value in values or ()}
    return found


def _stamp(file: Path) -> Stamp:
    try:
        state = file.stat()
    except OSError:
        return (0, 0, 0)
    return (state.st_mtime_ns, state.st_size, state.st_ino)
