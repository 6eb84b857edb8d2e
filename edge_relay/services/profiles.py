"""The active scanner profiles: those of relay.toml, with the cloud's overrides.

The network is the hospital's, so the cloud may change what a scanner is shown, not from where it may call;
``[relay] cloud_scanners`` says how far it may go. What the cloud said last is kept in ``scanners.json`` in
the state folder, so that a restart without internet changes nothing.

An override that cannot be used changes nothing for its scanner: the active profile stays, the reason is
logged and told to the cloud with the next heartbeat, and the others are taken.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from edge_relay.config import Settings
from edge_relay.storage.state_files import write_private
from shared.dicom.dicom_text import parse_ae_title
from shared.errors import Rejected, Unavailable
from shared.scanners.scanner_profile import ScannerOverride, ScannerProfile, overridden, reasons

log = logging.getLogger(__name__)

SCANNERS_FILE: Final = "scanners.json"

Check = Callable[[ScannerProfile], None]
"""Raises `Rejected` if answers as a profile wants them would not be legal."""


class _Snapshot(NamedTuple):
    """The active profiles. Never changed, only replaced.

    :param overrides: those taken, by AE title.
    :param problems: those not taken, and why.
    :param any_case: profiles that are known in any case, by AE title in capitals.
    """

    profiles: Mapping[str, ScannerProfile]
    overrides: Mapping[str, ScannerOverride]
    version: str
    problems: tuple[str, ...]
    any_case: Mapping[str, ScannerProfile]


def _snapshot(
    profiles: Mapping[str, ScannerProfile],
    overrides: Mapping[str, ScannerOverride],
    version: str,
    problems: tuple[str, ...],
) -> _Snapshot:
    any_case = {each.ae_title.upper(): each for each in profiles.values() if each.ignore_ae_title_case}
    return _Snapshot(profiles, overrides, version, problems, any_case)


class _Kept(BaseModel):
    """scanners.json."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: str
    scanners: tuple[Any, ...]
    problems: tuple[str, ...] = ()


class Profiles:
    """The active profiles; safe to use from many threads, and reading never waits.

    :param check: held against every profile that the cloud had a say in; `edge_relay.config.load` has
        held it against relay.toml's.
    """

    def __init__(self, settings: Settings, state_dir: Path, check: Check) -> None:
        self._listed = {scanner.ae_title: scanner for scanner in settings.scanners}
        self._cloud_may = settings.relay.cloud_scanners
        self._anyone = settings.relay.allow_any_scanner
        self._path: Final = state_dir / SCANNERS_FILE
        self._check: Final = check
        self._taking: Final = threading.Lock()
        self._held = _snapshot(self._listed, {}, "", ())
        self._written = b""
        self._take_up_kept()

    def get(self, ae_title: str) -> ScannerProfile | None:
        """Return a scanner's profile, None if the scanner is not known.

        With ``allow_any_scanner`` whoever can be called something is known, by the defaults.
        """
        held = self._held
        known = held.profiles.get(ae_title) or held.any_case.get(ae_title.upper())
        if known is not None or not self._anyone:
            return known
        try:
            return ScannerProfile(ae_title=ae_title)
        except ValidationError:
            return None

    def all(self) -> tuple[ScannerProfile, ...]:
        """Return every known scanner's profile, those of relay.toml first and in its order."""
        return tuple(self._held.profiles.values())

    @property
    def version(self) -> str:
        """What the cloud calls the overrides last taken; empty if there never were any."""
        return self._held.version

    @property
    def may_be_added(self) -> bool:
        """Whether the cloud may add scanners: relay.cloud_scanners."""
        return self._cloud_may == "add"

    @property
    def problems(self) -> tuple[str, ...]:
        """The overrides that could not be taken, ``PRISMA1: suppressed_attributes: ...``."""
        return self._held.problems

    def take(self, overrides: Sequence[object], version: str) -> None:
        """Activate the cloud's overrides and save them; raise `Unavailable` if they cannot be saved.

        :param overrides: decoded JSON, one object a scanner. A scanner that none names is as in relay.toml.
        :param version: what the cloud calls them.
        """
        with self._taking:
            before = self._held
            self._held = after = self._judged(overrides, version)
            for problem in after.problems:
                if problem not in before.problems:
                    log.warning("the cloud's profile of scanner %s: not taken", problem)
            if after.profiles != before.profiles:
                log.info("scanners' profiles changed by the cloud (version %s)", version)
            self._keep(after)

    def take_up(self, settings: Settings) -> None:
        """Activate what relay.toml says by now, with the overrides held; those already checked stay good."""
        with self._taking:
            before = self._held
            self._cloud_may = settings.relay.cloud_scanners
            self._anyone = settings.relay.allow_any_scanner
            # The same object where nothing changed: what others derive from a profile stays good.
            self._listed = {
                each.ae_title: was if (was := self._listed.get(each.ae_title)) == each and was else each
                for each in settings.scanners
            }
            said = [override.model_dump(mode="json") for override in before.overrides.values()]
            self._held = self._judged(said, before.version)

    def _judged(self, overrides: Sequence[object], version: str) -> _Snapshot:
        taken: dict[str, ScannerOverride] = {}
        profiles = dict(self._listed)
        problems = []
        for number, raw in enumerate(overrides, 1):
            title = _title(raw) or f"number {number}"
            try:
                override = self._readable(raw, taken)
                profile = self._profile(override)
            except Rejected as error:
                problems.append(f"{title}: {error}")
                stays = self._held.overrides.get(title)
                if stays is None or title in taken or title not in {*self._listed, *self._added()}:
                    continue
                override, profile = stays, self._held.profiles[title]
            taken[override.ae_title] = override
            profiles[override.ae_title] = profile
        return _snapshot(profiles, taken, version, tuple(problems))

    def _added(self) -> Mapping[str, ScannerOverride]:
        """Return the overrides of scanners that the cloud may add."""
        return self._held.overrides if self._cloud_may == "add" else {}

    def _readable(self, raw: object, taken: Mapping[str, ScannerOverride]) -> ScannerOverride:
        if self._cloud_may == "ignore":
            raise Rejected("this relay accepts no profiles from the cloud", hint="see relay.cloud_scanners")
        try:
            override = ScannerOverride.model_validate(raw)
        except ValidationError as error:
            raise Rejected(reasons(error, ScannerOverride)) from None
        if override.ae_title in taken:
            raise Rejected("is there twice")
        return override

    def _profile(self, override: ScannerOverride) -> ScannerProfile:
        listed = self._listed.get(override.ae_title)
        if listed is None and self._cloud_may != "add":
            raise Rejected("is not in this relay's configuration", hint="see relay.cloud_scanners")
        profile = overridden(listed or ScannerProfile(ae_title=override.ae_title), override)
        self._check(profile)
        # The same object as long as nothing changed: what others derive from a profile stays good.
        held = self._held.profiles.get(override.ae_title)
        return held if held == profile else profile

    def _take_up_kept(self) -> None:
        """Activate the saved overrides, as far as relay.toml, which may have changed, allows."""
        try:
            written = self._path.read_bytes()
            kept = _Kept.model_validate_json(written)
        except FileNotFoundError:
            return
        except (OSError, ValidationError):
            log.warning("%s cannot be read; relay.toml alone counts until the cloud answers", self._path)
            return
        judged = self._judged(kept.scanners, kept.version)
        for problem in judged.problems:
            log.warning("the cloud's profile of scanner %s: no longer taken", problem)
        new = (problem for problem in judged.problems if problem not in kept.problems)
        self._held = judged._replace(problems=(*kept.problems, *new))
        self._written = written

    def _keep(self, snapshot: _Snapshot) -> None:
        scanners = [override.model_dump(mode="json") for override in snapshot.overrides.values()]
        kept = _Kept(version=snapshot.version, scanners=tuple(scanners), problems=snapshot.problems)
        content = kept.model_dump_json(indent=2).encode()
        if content == self._written:
            return
        try:
            write_private(self._path, content)
        except OSError as error:
            raise Unavailable(
                f"the cloud's profiles are active but cannot be saved: {error.strerror}",
                where=str(self._path),
            ) from None
        self._written = content


def _title(raw: object) -> str:
    """Return what may be an override's AE title, fit for a log line; empty if it has none."""
    title = raw.get("ae_title") if isinstance(raw, dict) else None
    try:
        return parse_ae_title(title)
    except Rejected:
        return ""
