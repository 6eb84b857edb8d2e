"""Changes of a project's design: arms, events, mappings, groups, users. An import is all or nothing.

| content | import | delete |
|---|---|---|
| arm | adds or renames; `override=1` first removes all arms, with their events | `arms[]` |
| event | adds events of known arms; `override=1` first removes all events | `events[]` |
| formEventMapping | replaces all mappings | |
| dag | adds (an empty unique name), or renames | `dags[]`; its records are then in no group |
| user | adds users without a token, or changes rights | `users[]` |
| userRole, userRoleMapping, userDagMapping | see `roles` | |

What an event held is gone with it. Each answers how many it imported or deleted. Classic projects have no
arms, events and mappings; tokens without the right are answered with 403.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from infra.redcap_simulator.api import roles
from infra.redcap_simulator.api.errors import ApiError, classic_project, lacks_right, not_simulated
from infra.redcap_simulator.api.imports import table_of
from infra.redcap_simulator.api.wire import Answer, Params, text_answer
from infra.redcap_simulator.project.project import Event, Group, Project, Shape, User

Rows = Sequence[Mapping[str, str]]
Change = Callable[[Project, Params, Rows], int]

_LONGITUDINAL: Final = {"arm": "arms", "event": "events", "formEventMapping": "form/event mappings"}


def changes_design(params: Params) -> bool:
    """Tell whether a request is to change a design, and not to export it."""
    return params.text("action") in {"import", "delete"} or params.has("data")


def change_design(project: Project, user: User, params: Params, now: datetime) -> Answer:
    """Answer an import or a delete of a project's design."""
    content = params.text("content")
    action = params.text("action") or "import"
    if not user.can_design:
        raise lacks_right(f"{action} {content}")
    if content in _LONGITUDINAL and not project.shape.longitudinal:
        raise classic_project(_LONGITUDINAL[content], action)
    change = _CHANGES.get((content, action))
    if change is None:
        raise not_simulated(f'the action "{action}" of {content}')
    rows = table_of(params) if action == "import" else ()
    count = change(project, params, rows)
    project.note_design(now, user, f"{action} {content}")
    return text_answer(str(count))


def _import_arms(project: Project, params: Params, rows: Rows) -> int:
    new = {_number(row, "arm_num"): _needed(row, "name") for row in rows}
    if params.flag("override"):
        _keep_events(project, lambda _event: False)
        project.shape = replace(project.shape, arms=new)
    else:
        project.shape = replace(project.shape, arms=dict(sorted({**project.shape.arms, **new}.items())))
    return len(rows)


def _delete_arms(project: Project, params: Params, _rows: Rows) -> int:
    gone = _named(params, "arms", [str(number) for number in project.shape.arms])
    _keep_events(project, lambda event: str(event.arm) not in gone)
    left = {number: name for number, name in project.shape.arms.items() if str(number) not in gone}
    project.shape = replace(project.shape, arms=left)
    return len(gone)


def _import_events(project: Project, params: Params, rows: Rows) -> int:
    new: dict[str, Event] = {}
    for row in rows:
        arm = _number(row, "arm_num")
        if arm not in project.shape.arms:
            raise ApiError(400, f"The arm {arm} does not exist; import it first")
        name = _needed(row, "event_name")
        unique = row.get("unique_event_name") or f"{_slug(name)}_arm_{arm}"
        known = project.shape.events_by_name.get(unique) or Event(name, unique, arm, ())
        new[unique] = replace(known, name=name)
    if params.flag("override"):
        _keep_events(project, lambda event: event.unique in new)
    events = {event.unique: event for event in project.shape.events} | new
    ordered = sorted(events.values(), key=lambda event: event.arm)  # within an arm, in the order they came
    project.shape = replace(project.shape, events=tuple(ordered))
    return len(rows)


def _delete_events(project: Project, params: Params, _rows: Rows) -> int:
    gone = _named(params, "events", list(project.shape.events_by_name))
    _keep_events(project, lambda event: event.unique not in gone)
    return len(gone)


def _import_mappings(project: Project, _params: Params, rows: Rows) -> int:
    forms: dict[str, list[str]] = {}
    for row in rows:
        event, form = _needed(row, "unique_event_name"), _needed(row, "form")
        if event not in project.shape.events_by_name:
            raise ApiError(400, f"The event {event} does not exist")
        if form not in project.shape.forms:
            raise ApiError(400, f"The instrument {form} does not exist")
        forms.setdefault(event, []).append(form)
    project.shape = replace(
        project.shape, events=tuple(_with_forms(event, forms) for event in project.shape.events)
    )
    return len(rows)


def _with_forms(event: Event, forms: Mapping[str, Sequence[str]]) -> Event:
    own = tuple(dict.fromkeys(forms.get(event.unique, ())))
    repeating = tuple(form for form in event.repeating_forms if form in own)
    return replace(event, forms=own, repeating_forms=repeating)


def _import_groups(project: Project, _params: Params, rows: Rows) -> int:
    groups = {group.unique: group for group in project.shape.groups}
    for row in rows:
        name, unique = _needed(row, "data_access_group_name"), row.get("unique_group_name", "")
        if unique and unique not in groups:
            raise ApiError(
                400, f"The unique group name {unique} does not exist; leave it empty for a new group"
            )
        unique = unique or _slug(name)
        number = groups[unique].number if unique in groups else _next_number(groups)
        groups[unique] = Group(name, unique, number)
    project.shape = replace(project.shape, groups=tuple(groups.values()))
    return len(rows)


def _delete_groups(project: Project, params: Params, _rows: Rows) -> int:
    gone = _named(params, "dags", list(project.shape.group_names))
    left = tuple(group for group in project.shape.groups if group.unique not in gone)
    project.shape = replace(project.shape, groups=left)
    for _, record in project.records.items(project.records.ids()):
        record.dag = "" if record.dag in gone else record.dag
    return len(gone)


def _import_users(project: Project, _params: Params, rows: Rows) -> int:
    users = {user.name: user for user in project.users}
    for row in rows:
        name = _needed(row, "username")
        known = users.get(name) or User(name, token="")
        users[name] = replace(known, **roles.given_rights(row))
    project.users = tuple(users.values())
    return len(rows)


def _delete_users(project: Project, params: Params, _rows: Rows) -> int:
    gone = _named(params, "users", [user.name for user in project.users])
    project.users = tuple(user for user in project.users if user.name not in gone)
    return len(gone)


def user_rows(project: Project) -> list[dict[str, object]]:
    """Return the users with their rights, as ``content=user`` shows them."""
    return [
        {
            "username": user.name,
            "email": "",
            "data_access_group": user.dag,
            "api_export": int(user.export != "none"),
            **roles.shown_rights(vars(user)),
        }
        for user in project.users
    ]


_CHANGES: Final[dict[tuple[str, str], Change]] = {
    ("arm", "import"): _import_arms,
    ("arm", "delete"): _delete_arms,
    ("event", "import"): _import_events,
    ("event", "delete"): _delete_events,
    ("formEventMapping", "import"): _import_mappings,
    ("dag", "import"): _import_groups,
    ("dag", "delete"): _delete_groups,
    ("user", "import"): _import_users,
    ("user", "delete"): _delete_users,
    ("userRole", "import"): lambda project, _, rows: roles.import_roles(project, rows),
    ("userRole", "delete"): lambda project, params, _: roles.delete_roles(
        project, _named(params, "roles", list(project.roles))
    ),
    ("userRoleMapping", "import"): lambda project, _, rows: roles.import_assignments(project, rows),
    ("userDagMapping", "import"): lambda project, _, rows: roles.import_groups_of_users(project, rows),
}


def _keep_events(project: Project, stays: Callable[[Event], bool]) -> None:
    """Remove events, and what records hold in them."""
    project.shape = replace(
        project.shape, events=tuple(event for event in project.shape.events if stays(event))
    )
    known = project.shape.events_by_name
    for name, record in list(project.records.items(project.records.ids())):
        record.rows = {key: row for key, row in record.rows.items() if key.event in known}
        if not record.rows:
            project.records.drop(name)


def _named(params: Params, name: str, known: Sequence[str]) -> set[str]:
    given = params.array(name)
    unknown = [each for each in given if each not in known]
    if unknown or not given:
        raise ApiError(
            400, f'The parameter "{name}" names what does not exist: {", ".join(unknown) or "nothing"}'
        )
    return set(given)


def _needed(row: Mapping[str, str], name: str) -> str:
    if not row.get(name):
        raise ApiError(400, f"Each row needs a value for {name}")
    return row[name]


def _number(row: Mapping[str, str], name: str) -> int:
    text = _needed(row, name)
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ApiError(400, f"The value of {name} must be a positive integer")
    return int(text)


def _next_number(groups: Mapping[str, Group]) -> int:
    return max((group.number for group in groups.values()), default=100) + 1


def _slug(name: str) -> str:
    """Return a unique name as REDCap makes them: lower case, no accents, digits and underscores."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"_+", "_", re.sub(r"[^a-z0-9_]", "", plain.replace(" ", "_"))).strip("_")[:18] or "unnamed"


def has_events(shape: Shape) -> dict[int, str]:
    """Return the arms that are shown: REDCap passes over an arm without an event."""
    used = {event.arm for event in shape.events}
    return {number: name for number, name in shape.arms.items() if number in used}
