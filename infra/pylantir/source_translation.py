"""One REDCap project of the predecessor's configuration as a source definition. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import time
from typing import Any, Final

from infra.pylantir.field_translation import INSTRUMENT, REQUIRED, fixed_fields, joined, translate_mapping
from infra.pylantir.findings import Finding, Outcome
from infra.pylantir.old_config import OldSource, Window
from infra.pylantir.project import ProjectDictionary

STATION: Final = "UNASSIGNED"
"""Scheduled station of every exam: pylantir books none, and every scanner of the relay stands for it."""

PLACEHOLDER_URL: Final = "https://redcap.example.org/api/"

_LONGEST_INTERVAL: Final = 86_400


@dataclass(frozen=True)
class Answers:
    """What the configuration does not say.

    :param url: REDCap's API; empty: not known, a placeholder is written.
    :param time_zone: the scanners'; empty: not known, UTC is written.
    :param project: the REDCap project's dictionary; None: nobody could be asked.
    :param decimal_sessions: patient ids out there have ``ses_1.0``.
    """

    url: str = ""
    time_zone: str = ""
    project: ProjectDictionary | None = None
    decimal_sessions: bool = False


@dataclass(frozen=True)
class TranslatedSource:
    """A source definition as data, and what became of each key."""

    data: dict[str, Any]
    findings: list[Finding] = field(default_factory=list)


def translate_source(old: OldSource, answers: Answers) -> TranslatedSource:
    """Return the definition of one source, not yet validated."""
    source_id = _slug(old.name)
    record_id_field = (answers.project.record_id_field if answers.project else "") or "record_id"
    made = fixed_fields(
        old.form, old.site or "None", STATION, decimal_sessions=answers.decimal_sessions and old.form == "0.2"
    )
    protocol = old.protocol or "DEFAULT_PROTOCOL"
    made.fields["protocol_name"] = {"constant": protocol}
    made.fields["procedure_description"] = {"constant": protocol}
    if old.designator:
        made.fields["hisris_coding_designator"] = {"constant": old.designator}
    translate_mapping(made, old.form, old.mapping, old.mapping_path, answers.project)
    data: dict[str, Any] = {
        "id": source_id,
        "site": _site(old.site) or "main",
        "url": answers.url or PLACEHOLDER_URL,
        "token_secret": source_id,
        "record_id_field": record_id_field,
        "time_zone": answers.time_zone or "UTC",
        "interval_seconds": min(old.interval or 60, _LONGEST_INTERVAL),
        "overlap_seconds": 300,
        "enabled": old.enabled,
        "rows": {"instrument": INSTRUMENT, "required": list(REQUIRED)},
    }
    elsewhere = joined(made.redcap_fields(), record_id_field, answers.project)
    if elsewhere:
        data["joins"] = [{"fields": elsewhere}]
    if old.window:
        data["operating_window"] = _operating_window(old.window)
    data |= {"parts": made.parts, "fields": made.fields}
    return TranslatedSource(data, [*_said(old, answers, data), *made.findings])


def _said(old: OldSource, answers: Answers, data: dict[str, Any]) -> list[Finding]:
    is_old = old.form == "0.2"
    site_key = f"{old.path}{'' if is_old else 'config.'}site"
    found = [_site_finding(site_key, old.site, data["site"])]
    interval_key = f"{old.path}{'db_update_interval' if is_old else 'sync_interval'}"
    if old.interval is not None:
        cut = old.interval > _LONGEST_INTERVAL
        said = "interval_seconds; overlap_seconds = 300 is pylantir's too"
        found.append(
            Finding(
                interval_key,
                Outcome.CHANGED if cut else Outcome.TAKEN,
                f"{said}; cut to a day" if cut else said,
            )
        )
    if not old.mapping:
        said = "no fields are mapped: pylantir then syncs nothing; here is what it does whatever is mapped"
        found.append(Finding(f"({old.mapping_path.rstrip('.')})", Outcome.DECIDE, said))
    if not old.protocol:
        said = "no protocol is given for the site: DEFAULT_PROTOCOL is sent, as pylantir does"
        found.append(Finding(f"({old.path}protocol)", Outcome.DECIDE, said))
    found += _unsaid(old, answers)
    return found


def _site_finding(key: str, written: str, ours: str) -> Finding:
    if not written:
        said = 'no site: ids say "site_None", as pylantir\'s do, and the relay serves the site "main"'
        return Finding(f"({key})", Outcome.DECIDE, said)
    if written != ours:
        return Finding(
            key, Outcome.CHANGED, f"site {ours}: ours has letters, digits and _.- only; ids as before"
        )
    return Finding(key, Outcome.TAKEN, "site, and part of the participant's id")


def _unsaid(old: OldSource, answers: Answers) -> list[Finding]:
    """Return what the file does not say and somebody must."""
    name = old.path or "source."
    found = []
    if answers.url:
        found.append(Finding(f"({name}url)", Outcome.TAKEN, "url, as given"))
    else:
        found.append(Finding(f"({name}url)", Outcome.DECIDE, "url: set it (pylantir: REDCAP_API_URL)"))
    said = f"store the API token, which is in no file: mwl-cloud sources token {_slug(old.name)}"
    found.append(Finding(f"({name}token)", Outcome.DECIDE, said))
    if answers.time_zone:
        found.append(Finding(f"({name}time_zone)", Outcome.TAKEN, "time_zone, as given"))
    else:
        said = "time_zone: UTC was written; pylantir uses its machine's. server_time_zone if REDCap's differs"
        found.append(Finding(f"({name}time_zone)", Outcome.DECIDE, said))
    if answers.project is None:
        said = (
            "the project could not be asked: study_id, family_id and demo_sex are taken to be on the base "
            "row, all else on the form mri, and record_id to be its first field"
        )
        found.append(Finding(f"({name}project)", Outcome.DECIDE, said))
    if old.form == "0.4" and (answers.project is None or "neuro_pcp" in answers.project.forms()):
        said = 'pylantir 0.4 puts "ng_" before the study id where neuro_pcp is 1; ours does not'
        found.append(Finding(f"({name}neuro_pcp)", Outcome.DECIDE, said))
    if answers.decimal_sessions and old.form == "0.2":
        said = 'ids say "ses_1.0" for the session 1, as those already in use do'
        found.append(Finding(f"({name}session)", Outcome.TAKEN, said))
    return found


def _operating_window(window: Window) -> dict[str, Any]:
    opens, last = window
    minutes = (last.hour * 60 + last.minute + 1) % (24 * 60)
    return {"opens": opens, "closes": time(minutes // 60, minutes % 60)}


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-_")[:64] or "redcap"


def _site(written: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", written).strip("-")[:64]
