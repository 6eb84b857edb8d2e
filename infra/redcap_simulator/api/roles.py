"""Roles and groups of users, as far as they decide what a token may do. Each import is all or nothing.

| content | export | import | delete |
|---|---|---|---|
| userRole | label and rights | adds, or changes the one of ``unique_role_name`` | `roles[]` |
| userRoleMapping | who has which role | gives a role, and with it its rights; "" takes it away | |
| userDagMapping | who is in which group | puts a user into a group; "" takes them out | |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from infra.redcap_simulator.api.errors import ApiError
from infra.redcap_simulator.project.project import Project, Role, User

Rows = Sequence[Mapping[str, str]]

RIGHTS: Final = {
    "design": "can_design",
    "record_delete": "can_delete",
    "record_rename": "can_rename",
    "logging": "can_log",
    "api_import": "can_import",
}
"""REDCap's names of the rights that a token of the simulator has."""


def given_rights(row: Mapping[str, str]) -> dict[str, Any]:
    """The rights that a row of an import names."""
    return {right: row[key] not in {"0", ""} for key, right in RIGHTS.items() if key in row}


def shown_rights(rights: Mapping[str, bool]) -> dict[str, int]:
    """Rights as an export shows them."""
    return {key: int(rights.get(right, False)) for key, right in RIGHTS.items()}


def role_rows(project: Project) -> list[dict[str, Any]]:
    """The roles, as ``content=userRole`` shows them."""
    return [
        {"unique_role_name": role.unique, "role_label": role.label, **shown_rights(role.rights)}
        for role in project.roles.values()
    ]


def import_roles(project: Project, rows: Rows) -> int:
    """Add roles, or change them."""
    roles = dict(project.roles)
    for row in rows:
        unique = row.get("unique_role_name", "")
        if unique and unique not in roles:
            raise ApiError(
                400, f"The unique role name {unique} does not exist; leave it empty for a new role"
            )
        unique = unique or f"U-{len(roles) + 1:010}"
        known = roles.get(unique) or Role(unique, "")
        label = row.get("role_label") or known.label
        if not label:
            raise ApiError(400, "Each row needs a value for role_label")
        roles[unique] = Role(unique, label, {**known.rights, **given_rights(row)})
    project.roles = roles
    return len(rows)


def delete_roles(project: Project, gone: set[str]) -> int:
    """Delete roles; who had one keeps its rights, and has no role."""
    project.roles = {name: role for name, role in project.roles.items() if name not in gone}
    project.users = tuple(replace(u, role="") if u.role in gone else u for u in project.users)
    return len(gone)


def assignments(project: Project) -> list[dict[str, Any]]:
    """Who has which role."""
    return [
        {"username": user.name, "unique_role_name": user.role, "data_access_group": user.dag}
        for user in project.users
    ]


def import_assignments(project: Project, rows: Rows) -> int:
    """Give users roles, with their rights."""
    users = _users(project, rows)
    for row in rows:
        name, role = row["username"], row.get("unique_role_name", "")
        if role and role not in project.roles:
            raise ApiError(400, f"The unique role name {role} does not exist")
        rights: dict[str, Any] = dict(project.roles[role].rights) if role else {}
        users[name] = replace(users[name], role=role, **rights)
    project.users = tuple(users.values())
    return len(rows)


def groups_of_users(project: Project) -> list[dict[str, Any]]:
    """Who is in which group."""
    return [{"username": user.name, "redcap_data_access_group": user.dag} for user in project.users]


def import_groups_of_users(project: Project, rows: Rows) -> int:
    """Put users into groups."""
    users = _users(project, rows)
    for row in rows:
        name, dag = row["username"], row.get("redcap_data_access_group", "")
        if dag and dag not in project.shape.group_names:
            raise ApiError(400, f"The data access group {dag} does not exist")
        users[name] = replace(users[name], dag=dag)
    project.users = tuple(users.values())
    return len(rows)


def _users(project: Project, rows: Rows) -> dict[str, User]:
    users = {user.name: user for user in project.users}
    unknown = [row.get("username", "") for row in rows if row.get("username") not in users]
    if unknown:
        raise ApiError(400, f"The following users are not in the project: {', '.join(unknown)}")
    return users
