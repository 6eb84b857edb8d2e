"""Who may call what: one table, and a proof that no route is missing from it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from lambdas.access.role import Role
from lambdas.api.route_groups import route_modules
from tests.rigs.api import ApiRig, api
from tests.rigs.routes import served

ANYBODY, STUDY, READ, WRITE, ADMIN, RELAY = "anybody", "study", "read", "write", "admin", "relay"
WHO = {
    ANYBODY: {ANYBODY, STUDY, READ, WRITE, ADMIN, RELAY},
    STUDY: {STUDY, READ, WRITE, ADMIN},
    READ: {READ, WRITE, ADMIN},
    WRITE: {WRITE, ADMIN},
    ADMIN: {ADMIN},
    RELAY: {RELAY},
}

ROUTES: dict[tuple[str, str], str] = {
    ("GET", "/health"): ANYBODY,
    ("GET", "/docs"): ANYBODY,
    ("GET", "/redoc"): ANYBODY,
    ("GET", "/docs/assets/{name}"): ANYBODY,
    ("POST", "/auth/login"): ANYBODY,
    ("POST", "/auth/exchange"): ANYBODY,
    ("POST", "/relay/enroll"): ANYBODY,
    ("POST", "/hooks/redcap/{source_id}/{secret}"): ANYBODY,
    ("GET", "/worklist"): READ,
    ("GET", "/worklist/{item_id}"): READ,
    ("POST", "/worklist"): WRITE,
    ("PUT", "/worklist/{item_id}"): WRITE,
    ("PATCH", "/worklist/{item_id}"): WRITE,
    ("DELETE", "/worklist/{item_id}"): WRITE,
    ("GET", "/worklist/{item_id}/history"): READ,
    ("POST", "/worklist/{item_id}/release"): WRITE,
    ("POST", "/worklist/{item_id}/complete"): WRITE,
    ("POST", "/worklist/{item_id}/reopen"): WRITE,
    ("POST", "/worklist/{item_id}/restore"): WRITE,
    ("GET", "/procedure-steps"): READ,
    ("GET", "/procedure-steps/{sop_instance_uid}"): READ,
    ("POST", "/procedure-steps/{sop_instance_uid}/link"): WRITE,
    ("POST", "/procedure-steps/{sop_instance_uid}/unlink"): WRITE,
    ("GET", "/missing"): READ,
    ("GET", "/reports/planned-and-done"): READ,
    ("GET", "/studies/{source_id}/exams"): STUDY,
    ("GET", "/notices"): ADMIN,
    ("POST", "/notices"): ADMIN,
    ("PUT", "/notices/{notice_id}"): ADMIN,
    ("DELETE", "/notices/{notice_id}"): ADMIN,
    ("POST", "/notices/{notice_id}/test"): ADMIN,
    ("GET", "/calendars"): ADMIN,
    ("POST", "/calendars"): ADMIN,
    ("DELETE", "/calendars/{calendar_id}"): ADMIN,
    ("GET", "/ical/{secret}.ics"): ANYBODY,
    ("GET", "/audit"): ADMIN,
    ("GET", "/audit/check"): ADMIN,
    ("GET", "/users"): ADMIN,
    ("POST", "/users"): ADMIN,
    ("GET", "/users/me"): STUDY,
    ("PUT", "/users/me/password"): STUDY,
    ("GET", "/auth/sessions"): STUDY,
    ("POST", "/auth/logout"): STUDY,
    ("DELETE", "/auth/sessions/{session_id}"): STUDY,
    ("GET", "/users/{username}"): ADMIN,
    ("GET", "/users/{username}/sessions"): ADMIN,
    ("DELETE", "/users/{username}/sessions/{session_id}"): ADMIN,
    ("PUT", "/users/{username}"): ADMIN,
    ("DELETE", "/users/{username}"): ADMIN,
    ("GET", "/relays"): ADMIN,
    ("POST", "/relays/enrollments"): ADMIN,
    ("GET", "/relays/{relay_id}"): ADMIN,
    ("GET", "/relays/{relay_id}/scanners"): ADMIN,
    ("PUT", "/relays/{relay_id}/scanners"): ADMIN,
    ("POST", "/relays/{relay_id}/parked-events/{event_id}/discard"): ADMIN,
    ("POST", "/relays/{relay_id}/parked-events/{event_id}/retry"): ADMIN,
    ("POST", "/relays/{relay_id}/test"): ADMIN,
    ("GET", "/relays/{relay_id}/test"): ADMIN,
    ("DELETE", "/relays/{relay_id}"): ADMIN,
    ("GET", "/sources"): ADMIN,
    ("GET", "/sources/{source_id}"): ADMIN,
    ("PUT", "/sources/{source_id}"): ADMIN,
    ("DELETE", "/sources/{source_id}"): ADMIN,
    ("POST", "/sources/{source_id}/preview"): ADMIN,
    ("POST", "/sources/{source_id}/sync"): ADMIN,
    ("GET", "/write-backs"): ADMIN,
    ("POST", "/write-backs/{sop_instance_uid}/retry"): ADMIN,
    ("GET", "/relay/worklist"): RELAY,
    ("POST", "/relay/mpps"): RELAY,
    ("POST", "/relay/mpps/lacking"): RELAY,
    ("GET", "/relay/mpps/{sop_instance_uid}"): RELAY,
    ("POST", "/relay/heartbeat"): RELAY,
    ("POST", "/relay/self-tests/{test_id}"): RELAY,
    ("POST", "/relay/shown"): RELAY,
    ("POST", "/relay/images"): RELAY,
}


@pytest.fixture(scope="module")
def rig() -> Iterator[ApiRig]:
    with api() as running:
        yield running


def test_the_table_names_every_route() -> None:
    assert served(route_modules()) == set(ROUTES)


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("who", WHO)
def test_a_route_is_open_to_whom_the_table_says(rig: ApiRig, method: str, path: str, who: str) -> None:
    if who == ANYBODY:
        client = rig.anybody
    elif who == RELAY:
        client = rig.relay().http
    else:
        client = rig.user(Role(who))
    url = re.sub(r"\{\w+\}", "none", path)
    # An empty list is wrong for every route, so that who gets in is turned back there and changes nothing.
    status = client.request(method, url, json=None if method in {"GET", "DELETE"} else []).status
    if who in WHO[ROUTES[method, path]]:
        assert status not in {401, 403}
        assert status < 500
    else:
        assert status == (
            403 if who in {STUDY, READ, WRITE, ADMIN} and ROUTES[method, path] != RELAY else 401
        )
