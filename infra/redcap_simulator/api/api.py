"""REDCap's API: `content` to handler, one table.

A handler gets the project, the token's user, the parameters and the server, and answers or raises `ApiError`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from infra.redcap_simulator.api import roles
from infra.redcap_simulator.api.design import change_design, changes_design, has_events, user_rows
from infra.redcap_simulator.api.errors import (
    ApiError,
    bad_token,
    classic_project,
    invalid_parameter,
    invalid_values,
    lacks_right,
    not_simulated,
)
from infra.redcap_simulator.api.export import export_records
from infra.redcap_simulator.api.wire import (
    Answer,
    Params,
    error_answer,
    json_answer,
    table_answer,
    text_answer,
)
from infra.redcap_simulator.api.writing import delete_records, import_records, next_record_name, rename_record
from infra.redcap_simulator.project.log import Entry
from infra.redcap_simulator.project.project import Project, Shape, User
from infra.redcap_simulator.project.quirks import Quirks


@dataclass(frozen=True)
class Call:
    """One request by a known token."""

    project: Project
    user: User
    params: Params
    quirks: Quirks
    now: datetime

    @property
    def shape(self) -> Shape:
        """The project's shape."""
        return self.project.shape

    def table(self, rows: Sequence[Mapping[str, Any]]) -> Answer:
        """Rows in the format asked for."""
        return table_answer(self.params.format(), rows)


def answer(projects: Sequence[Project], params: Params, quirks: Quirks, now: datetime) -> Answer:
    """Answer one request; every refusal is an answer too."""
    try:
        project, user = _by_token(projects, params.text("token"))
        content = params.text("content")
        handler = HANDLERS.get(content)
        if handler is None:
            raise (
                not_simulated(f"content={content}")
                if content in NOT_SIMULATED
                else invalid_parameter("content")
            )
        if content in DESIGN and changes_design(params):
            return change_design(project, user, params, now)
        if content != "record" and changes_design(params):
            raise not_simulated(f"changes of {content}")
        return handler(Call(project, user, params, quirks, now))
    except ApiError as error:
        return error_answer(error, params)


def _by_token(projects: Sequence[Project], token: str) -> tuple[Project, User]:
    for project in projects:
        for user in project.users:
            if token and user.token == token:
                return project, user
    raise bad_token()


def _version(call: Call) -> Answer:
    return text_answer(call.quirks.version)


def _project(call: Call) -> Answer:
    shape = call.shape
    codes = " | ".join(f"{code}, {label}" for code, label in shape.missing_codes.items())
    info = {
        "project_id": shape.project_id,
        "project_title": shape.title,
        "creation_time": "2023-11-01 09:00:00",
        "production_time": "2024-01-01 09:00:00",
        "in_production": 1,
        "project_language": "English",
        "purpose": 2,
        "purpose_other": "",
        "project_notes": "",
        "custom_record_label": "",
        "secondary_unique_field": "",
        "is_longitudinal": int(shape.longitudinal),
        "has_repeating_instruments_or_events": int(shape.repeats),
        "surveys_enabled": 0,
        "scheduling_enabled": 0,
        "record_autonumbering_enabled": int(shape.autonumber),
        "randomization_enabled": 0,
        "ddp_enabled": 0,
        "project_irb_number": "",
        "project_grant_number": "",
        "project_pi_firstname": "",
        "project_pi_lastname": "",
        "display_today_now_button": 1,
        "missing_data_codes": codes,
        "external_modules": "",
        "bypass_branching_erase_field_prompt": 0,
    }
    return json_answer(info) if call.params.format() == "json" else call.table([info])


def _metadata(call: Call) -> Answer:
    names, forms = call.params.array("fields"), call.params.array("forms")
    strangers = [name for name in names if name not in call.shape.fields_by_name]
    if strangers:
        raise invalid_values("fields", strangers)
    strangers = [form for form in forms if form not in call.shape.forms]
    if strangers:
        raise invalid_values("forms", strangers)
    everything = not names and not forms
    chosen = [item for item in call.shape.fields if everything or item.name in names or item.form in forms]
    return call.table([item.metadata() for item in chosen])


def _events(call: Call) -> Answer:
    if not call.shape.longitudinal:
        raise classic_project("events")
    arms, ids = call.params.array("arms"), call.shape.event_ids
    rows = [
        {
            "event_name": event.name,
            "arm_num": event.arm,
            "unique_event_name": event.unique,
            "custom_event_label": None,
            "event_id": ids[event.unique],
        }
        for event in call.shape.events
        if not arms or str(event.arm) in arms
    ]
    return call.table(rows)


def _arms(call: Call) -> Answer:
    if not call.shape.longitudinal:
        raise classic_project("arms")
    wanted = call.params.array("arms")
    arms = has_events(call.shape).items()
    return call.table(
        [{"arm_num": num, "name": name} for num, name in arms if not wanted or str(num) in wanted]
    )


def _mapping(call: Call) -> Answer:
    if not call.shape.longitudinal:
        raise classic_project("form/event mappings")
    arms = call.params.array("arms")
    rows = [
        {"arm_num": event.arm, "unique_event_name": event.unique, "form": form}
        for event in call.shape.events
        if not arms or str(event.arm) in arms
        for form in event.forms
    ]
    return call.table(rows)


def _instruments(call: Call) -> Answer:
    forms = call.shape.forms.items()
    return call.table([{"instrument_name": name, "instrument_label": label} for name, label in forms])


def _repeating(call: Call) -> Answer:
    if not call.shape.repeats:
        raise ApiError(400, "You cannot export repeating instruments and events: the project has none")
    rows = [
        {"event_name": event.unique, "form_name": form, "custom_form_label": ""}
        for event in call.shape.events
        for form in ([""] if event.repeating else []) + list(event.repeating_forms)
    ]
    if not call.shape.longitudinal:
        rows = [{name: value for name, value in row.items() if name != "event_name"} for row in rows]
    return call.table(rows)


def _groups(call: Call) -> Answer:
    rows = [
        {
            "data_access_group_name": group.name,
            "unique_group_name": group.unique,
            "data_access_group_id": group.number,
        }
        for group in call.shape.groups
    ]
    return call.table(rows)


def _field_names(call: Call) -> Answer:
    wanted = call.params.text("field")
    if wanted and wanted not in call.shape.fields_by_name:
        raise invalid_values("field", [wanted])
    rows = []
    for column in call.shape.columns:
        item = call.shape.field_of_column.get(column)
        original = item.name if item else column
        codes = item.choices if item is not None and item.kind == "checkbox" else {}
        code = next((code for code in codes if item and item.column_of(code) == column), "")
        if not wanted or original == wanted:
            rows.append({"original_field_name": original, "choice_value": code, "export_field_name": column})
    return call.table(rows)


#: `logtype` of the API to the kinds of entries it shows.
_LOG_TYPES = {
    "": ("export", "manage", "record_add", "record_edit", "record_delete"),
    "record": ("record_add", "record_edit", "record_delete"),
    **{kind: (kind,) for kind in ("export", "manage", "record_add", "record_edit", "record_delete")},
    **dict.fromkeys(("user", "lock_record", "page_view"), ()),
}


def _log(call: Call) -> Answer:
    if not call.user.can_log:
        raise lacks_right("read the log")
    params, zone = call.params, call.quirks.zone
    kinds = _LOG_TYPES[params.choice("logtype", _LOG_TYPES, "")]
    begin, end = _minute(params, "beginTime", call.quirks), _minute(params, "endTime", call.quirks)
    follows = call.quirks.log_follows_renames
    rows = [
        entry.row(zone, renamed=follows)
        for entry in call.project.log.newest_first()
        if entry.kind in kinds
        and params.text("user") in {"", entry.username}
        and params.text("record") in {"", entry.current_record if follows else entry.record}
        and (begin is None or entry.at >= begin)
        and (end is None or entry.at <= end)
    ]
    return call.table(rows)


def _minute(params: Params, name: str, quirks: Quirks) -> datetime | None:
    text = params.text(name)
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=quirks.zone).astimezone(UTC)
    except ValueError:
        raise invalid_parameter(name) from None


def _record(call: Call) -> Answer:
    action = call.params.text("action")
    if action == "delete":
        return delete_records(call.project, call.user, call.params, call.now)
    if action == "rename":
        return rename_record(call.project, call.user, call.params, call.now)
    if action == "import" or call.params.has("data"):
        return import_records(call.project, call.user, call.params, call.now)
    if action not in {"", "export"}:
        raise not_simulated(f'the action "{action}"')
    answer = export_records(call.project, call.user, call.params, call.quirks)
    call.project.log.add(Entry(call.now, call.user.name, "export", "Data export (API)", ""))
    return answer


def _next_name(call: Call) -> Answer:
    return text_answer(next_record_name(call.project))


DESIGN = frozenset(
    {"arm", "event", "formEventMapping", "dag", "user", "userRole", "userRoleMapping", "userDagMapping"}
)
"""What can be imported besides records."""

NOT_SIMULATED = frozenset(
    {"file", "fileRepository", "pdf", "report", "surveyLink",
     "surveyQueueLink", "surveyReturnCode", "surveyAccessCode", "participantList", "project_xml"}
)  # fmt: skip
"""What REDCap's API has besides, and this simulator leaves out on purpose."""

HANDLERS: dict[str, Callable[[Call], Answer]] = {
    "version": _version,
    "project": _project,
    "metadata": _metadata,
    "event": _events,
    "arm": _arms,
    "formEventMapping": _mapping,
    "instrument": _instruments,
    "repeatingFormsEvents": _repeating,
    "dag": _groups,
    "user": lambda call: call.table(user_rows(call.project)),
    "userRole": lambda call: call.table(roles.role_rows(call.project)),
    "userRoleMapping": lambda call: call.table(roles.assignments(call.project)),
    "userDagMapping": lambda call: call.table(roles.groups_of_users(call.project)),
    "log": _log,
    "exportFieldNames": _field_names,
    "record": _record,
    "generateNextRecordName": _next_name,
}
