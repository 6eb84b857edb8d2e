"""The predecessor's configuration as it reads it: 0.2's one project, or 0.4's list of sources. Pure.

0.4 turns a file without ``data_sources`` into a list of one; we read that as 0.2 does, because 0.2's ids and
names are what such a study has in its archive.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from typing import Literal, cast

from infra.pylantir.cors import read_cors
from infra.pylantir.findings import Finding, Outcome, Section
from shared.errors import Rejected

REDCAP_TYPES = frozenset({"redcap", "redcap_concussion"})
_LEGACY_KEYS = ("site", "redcap2wl", "db_update_interval", "operation_interval")

Window = tuple[time, time]


@dataclass(frozen=True)
class OldSource:
    """One REDCap project, as in pylantir's configuration.

    :param form: whose rules it follows.
    :param kind: ``redcap``, or ``redcap_concussion``, whose address and token are other ones.
    :param path: path of its keys, for findings; ``mapping_path`` that of its field mapping's.
    :param site: as written, empty if it is not.
    :param protocol: name of the protocol; empty: pylantir's ``DEFAULT_PROTOCOL``.
    :param designator: coding scheme of the protocol's code, empty if none is given.
    :param mapping: REDCap field -> worklist column, as written.
    :param interval: seconds between syncs, None if it is not written.
    :param window: first and last minute of the day in which it syncs; None: always.
    :param days_ahead: how many days ahead scanners are shown, 0.4 only; None: not written.
    """

    form: Literal["0.2", "0.4"]
    kind: str
    name: str
    path: str
    mapping_path: str
    site: str
    protocol: str
    designator: str
    mapping: Mapping[str, object]
    interval: int | None
    window: Window | None
    enabled: bool = True
    days_ahead: int | None = None


@dataclass(frozen=True)
class OldConfig:
    """A whole configuration file."""

    sources: tuple[OldSource, ...]
    allowed_aet: tuple[str, ...]
    cors_origins: tuple[str, ...]
    findings: tuple[Finding, ...] = field(default=())


def read_config(text: str) -> OldConfig:
    """Return what pylantir's JSON says; raise `Rejected` naming the key that cannot be read."""
    try:
        data: object = json.loads(text)
        json.dumps(data, ensure_ascii=False).encode()
    except (json.JSONDecodeError, RecursionError):
        raise Rejected("not valid JSON", where="configuration") from None
    except UnicodeEncodeError:
        raise Rejected("contains half a character, which no file can hold", where="configuration") from None
    if not isinstance(data, dict):
        raise Rejected("must be a JSON object", where="configuration")
    top = Section(data)
    findings: list[Finding] = []
    sources = _sources(top, findings)
    allowed = top.texts("allowed_aet")
    origins, of_cors = read_cors(top)
    findings += of_cors
    findings += _not_needed(top)
    findings += top.unread()
    return OldConfig(sources, allowed, origins, tuple(findings))


def _sources(top: Section, findings: list[Finding]) -> tuple[OldSource, ...]:
    listed = top.value("data_sources")
    if listed is not None and not isinstance(listed, list):
        raise Rejected("must be a list", where="data_sources")
    if not listed:
        if "data_sources" in top:
            said = "an empty list: the one project of the file's older keys is read instead"
            findings.append(Finding("data_sources", Outcome.CHANGED, said))
        return (_legacy_source(top, findings),)
    for key in (key for key in _LEGACY_KEYS if key in top):
        top.value(key)
        findings.append(
            Finding(key, Outcome.UNNEEDED, "pylantir 0.4 passes over it where it has data_sources")
        )
    designator = _designator(top, findings)
    found = []
    for number, each in enumerate(listed):
        if not isinstance(each, Mapping):
            raise Rejected("must be an object", where=f"data_sources[{number}]")
        source = _listed_source(Section(each, f"data_sources[{number}]."), number, designator, findings)
        found += [source] if source else []
    return tuple(found)


def _legacy_source(top: Section, findings: list[Finding]) -> OldSource:
    site = top.text("site")
    protocol = top.section("protocol")
    mapping = top.section("redcap2wl")
    name = protocol.text(site) if protocol and site else ""
    designator = protocol.text("mapping") if protocol else ""
    if protocol:
        findings += _protocol_findings(protocol, site)
    return OldSource(
        form="0.2",
        kind="redcap",
        name="redcap",
        path="",
        mapping_path="redcap2wl.",
        site=site,
        protocol=name,
        designator=designator or "scannermapper",
        mapping={key: mapping.value(key) for key in mapping} if mapping else {},
        interval=top.seconds("db_update_interval"),
        window=_window(top, findings),
    )


def _protocol_findings(protocol: Section, site: str) -> list[Finding]:
    found = []
    for key in protocol:
        text = protocol.text(key)
        if key == "mapping":
            said = "hisris_coding_designator: the coding scheme of the protocol's code"
            found.append(Finding(protocol.path(key), Outcome.TAKEN if text else Outcome.DECIDE, said))
        elif text and key == site:
            found.append(
                Finding(protocol.path(key), Outcome.TAKEN, "protocol_name and procedure_description")
            )
        else:
            said = "the protocol of another site: pylantir uses that of its own only"
            found.append(Finding(protocol.path(key), Outcome.UNNEEDED, said))
    return found


def _designator(top: Section, findings: list[Finding]) -> str:
    protocol = top.section("protocol")
    if protocol is None:
        return ""
    designator = protocol.text("mapping")
    if designator:
        said = "hisris_coding_designator of every source; pylantir 0.4 sends none"
        findings.append(Finding(protocol.path("mapping"), Outcome.CHANGED, said))
    for key in (key for key in protocol if key != "mapping"):
        protocol.text(key)
        said = "pylantir 0.4 reads config.protocol of each source instead"
        findings.append(Finding(protocol.path(key), Outcome.UNNEEDED, said))
    return designator


def _listed_source(entry: Section, number: int, designator: str, findings: list[Finding]) -> OldSource | None:
    name = entry.text("name") or f"source-{number + 1}"
    kind = entry.text("type")
    if kind not in REDCAP_TYPES:
        said = f"no REDCap project ({kind or 'without a type'}): the whole source was left out"
        findings.append(Finding(entry.path("type"), Outcome.DECIDE, said))
        left = "part of a source that was left out"
        findings += [Finding(entry.path(key), Outcome.UNNEEDED, left) for key in entry if key != "type"]
        return None
    concussion = " Its address and token are in REDCAP_API_URL_CONCUSSION and REDCAP_API_TOKEN_CONCUSSION."
    findings.append(
        Finding(entry.path("type"), Outcome.TAKEN, "a source definition." + concussion * (kind != "redcap"))
    )
    findings.append(Finding(entry.path("name"), Outcome.TAKEN, "the source's id, which can never change"))
    enabled = bool(entry.value("enabled")) or "enabled" not in entry
    if "enabled" in entry:
        findings.append(Finding(entry.path("enabled"), Outcome.TAKEN, "enabled"))
    config = entry.section("config") or Section({}, entry.path("config."))
    mapping = entry.section("field_mapping")
    source = OldSource(
        form="0.4",
        kind=kind,
        name=name,
        path=entry.path(""),
        mapping_path=entry.path("field_mapping."),
        site=config.text("site") or config.text("site_id"),
        protocol=_listed_protocol(config, findings),
        designator=designator,
        mapping={key: mapping.value(key) for key in mapping} if mapping else {},
        interval=entry.seconds("sync_interval"),
        window=_window(entry, findings),
        enabled=enabled,
        days_ahead=_days_ahead(config),
    )
    findings += [Finding(config.path("site_id"), Outcome.TAKEN, "the older name of site")] * (
        "site_id" in config
    )
    findings += [*config.unread(), *entry.unread()]
    return source


def _listed_protocol(config: Section, findings: list[Finding]) -> str:
    site = config.text("site") or config.text("site_id")
    key = "protocol"
    if key not in config:
        return ""
    said = "protocol_name and procedure_description"
    if not isinstance(config.value(key), Mapping):
        findings.append(Finding(config.path(key), Outcome.TAKEN, said))
        return config.text(key)
    by_site = config.section(key) or Section({})
    name = by_site.text(site)
    for each in by_site:
        by_site.text(each)
        own = each == site
        findings.append(
            Finding(
                by_site.path(each),
                Outcome.TAKEN if own else Outcome.UNNEEDED,
                said if own else "the protocol of another site",
            )
        )
    return name


def _days_ahead(config: Section) -> int | None:
    value = config.value("mwl_days_ahead")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise Rejected("must be a whole number, zero or greater", where=config.path("mwl_days_ahead"))
    return value


def _window(section: Section, findings: list[Finding]) -> Window | None:
    interval = section.section("operation_interval")
    if interval is None:
        return None
    start = _minute(interval, "start_time", time(0, 0))
    end = _minute(interval, "end_time", time(23, 59))
    key = section.path("operation_interval")
    findings += interval.unread()
    if (start, end) == (time(0, 0), time(23, 59)):
        findings.append(Finding(key, Outcome.TAKEN, "the whole day: no operating_window"))
        return None
    if start > end:
        said = "begins after it ends: pylantir never syncs then. Ours was made to span midnight"
        findings.append(Finding(key, Outcome.DECIDE, said))
    else:
        findings.append(Finding(key, Outcome.TAKEN, "operating_window, which ends with the minute named"))
    return start, end


def _minute(interval: Section, key: str, default: time) -> time:
    value = interval.value(key)
    if value is None:
        return default
    try:
        hour, minute = cast("list[int]", value)
        return time(hour, minute)
    except (ValueError, TypeError):
        raise Rejected("must be [hours, minutes]", where=interval.path(key)) from None


def _not_needed(top: Section) -> list[Finding]:
    reasons = {
        "db_path": "the worklist is in DynamoDB; bring its exams with --worklist-db",
        "users_db_path": "accounts are in DynamoDB; bring them with --users-db",
        "db_echo": "logging of SQL; there is none",
        "mri_visit_session_mapping": "no version of pylantir reads it; the session is mri_instance",
    }
    found = []
    for key in (key for key in reasons if key in top):
        top.value(key)
        found.append(Finding(key, Outcome.UNNEEDED, reasons[key]))
    return found
