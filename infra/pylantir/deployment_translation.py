"""The predecessor's server as ours: relay.toml for the scanners, template parameters for web pages. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from infra.pylantir.findings import Finding, Outcome
from infra.pylantir.old_config import OldConfig
from infra.pylantir.source_translation import STATION
from shared.scanners.scanner_profile import MOST_DAYS
from shared.worklist_item import OPEN_STATUSES, Status

PLACEHOLDER_URL: Final = "https://worklist.example.org"
_SHOWN: Final = sorted({*OPEN_STATUSES, Status.DISCONTINUED})


@dataclass(frozen=True)
class Address:
    """What scanners call, which pylantir has on its command line.

    :param cloud_url: where our API is; empty: not known yet.
    """

    ae_title: str = "MWL_SERVER"
    port: int = 4242
    cloud_url: str = ""


def relay_settings(old: OldConfig, address: Address, time_zone: str) -> tuple[dict[str, Any], list[Finding]]:
    """Return relay.toml as data, not yet validated, and what became of ``allowed_aet``."""
    relay: dict[str, Any] = {
        "ae_title": address.ae_title,
        "port": address.port,
        "cloud_url": address.cloud_url or PLACEHOLDER_URL,
    }
    if time_zone:
        relay["time_zone"] = time_zone
    data: dict[str, Any] = {"relay": relay}
    if old.allowed_aet:
        data["scanners"] = [_scanner(title, old) for title in old.allowed_aet]
    return data, list(_said(old, address))


def _scanner(title: str, old: OldConfig) -> dict[str, Any]:
    profile: dict[str, Any] = {
        "ae_title": title,
        # Exams are booked for no scanner, so each asks for what is booked for this one and finds everything.
        "station_ae_titles": [STATION],
        "restrict_to_station": False,
        "statuses": list(map(str, _SHOWN)),
    }
    if _is_new(old):
        profile |= {"days_back": 0, "days_ahead": max(source.days_ahead or 0 for source in old.sources)}
    else:
        profile |= {"days_back": MOST_DAYS, "days_ahead": MOST_DAYS}
    return profile


def _is_new(old: OldConfig) -> bool:
    return bool(old.sources) and all(source.form == "0.4" for source in old.sources)


def _said(old: OldConfig, address: Address) -> list[Finding]:
    if old.allowed_aet:
        said = (
            "relay.toml, one [[scanners]] table each, shown what pylantir shows: all, discontinued ones "
            "too; narrow each to its own"
        )
        found = [Finding("allowed_aet", Outcome.TAKEN, said)]
    else:
        said = "empty: pylantir lets anybody in, ours nobody. Write a [[scanners]] table for each scanner"
        found = [Finding("allowed_aet", Outcome.DECIDE, said)]
    for source in old.sources if _is_new(old) else ():
        said = "days_ahead of the scanners, with days_back = 0: pylantir 0.4 shows today and so many days"
        key = f"{source.path}config.mwl_days_ahead"
        found.append(Finding(f"({key})" if source.days_ahead is None else key, Outcome.TAKEN, said))
    if not address.cloud_url:
        found.append(Finding("(relay.cloud_url)", Outcome.DECIDE, "set it to the address of our API"))
    said = (
        f"{address.ae_title}, port {address.port}: what pylantir has on its command line (--AEtitle, --port)"
    )
    return [*found, Finding("(relay.ae_title, relay.port)", Outcome.TAKEN, said)]


def parameter_lines(origins: tuple[str, ...]) -> list[str]:
    """Return template parameters for ``sam deploy --parameter-overrides``, one a line."""
    return [f'CorsAllowedOrigins="{",".join(origins)}"'] if origins else []
