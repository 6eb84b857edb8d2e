"""A study's team reads its own exams, no others, and without names; who read what is in the audit trail."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from lambdas.access.role import Role
from lambdas.api.accounts import add_user
from lambdas.sources.file import definition_from
from tests.rigs.api import PASSWORD, ApiRig, api
from tests.rigs.builders import an_item
from tests.rigs.lambda_events import LambdaClient
from tests.rigs.site_state import DEFINITION

WHERE = "/studies/study/exams"
OWN = [an_item(name, patient_name=f"Secret^{name}") for name in ("001", "002", "003")]
OTHER = an_item("004", source="other")


@pytest.fixture
def rig() -> Iterator[ApiRig]:
    with api() as running:
        rig = running.otherwise(pseudonym_key=lambda: "a key of the tests, 32 bytes long")
        rig.services.sources.put(definition_from(DEFINITION))
        rig.services.worklist.put_if_changed([*OWN, OTHER])
        yield rig


def account(rig: ApiRig, role: Role, *studies: str, name: str = "ann") -> LambdaClient:
    user = add_user(rig.services, name, PASSWORD, role, about={"studies": studies})
    return rig.anybody.bearing(rig.services.tokens.issue(user.username, user.token_version, minutes=30))


def test_a_team_sees_its_exams_without_names(rig: ApiRig) -> None:
    team = account(rig, Role.STUDY, "study")
    answer = team.get(WHERE)
    assert answer.status == 200
    assert len(answer.json()) == len(OWN)
    assert all(each["named"] is None for each in answer.json())
    assert not any(word in answer.text for word in ("Secret", OWN[0].patient_id, OWN[0].id))


def test_a_team_sees_nothing_else(rig: ApiRig) -> None:
    team = account(rig, Role.STUDY, "study")
    assert team.get("/studies/other/exams").status == 404
    assert team.get("/worklist").status == 403
    assert team.get(f"{WHERE}?named=true").status == 403
    assert rig.user(Role.READ).get(WHERE).status == 404


def test_who_may_read_the_worklist_may_have_the_names(rig: ApiRig) -> None:
    reader = account(rig, Role.READ, "study")
    exams = reader.get(f"{WHERE}?named=true").json()
    assert {each["named"]["patient_id"] for each in exams} == {each.patient_id for each in OWN}
    assert len(rig.user(Role.ADMIN).get(WHERE).json()) == len(OWN)


def test_the_audit_trail_tells_a_reading_with_names_from_one_without(rig: ApiRig) -> None:
    reader = account(rig, Role.READ, "study")
    reader.get(WHERE)
    reader.get(f"{WHERE}?named=true")
    day = f"{datetime.fromtimestamp(rig.clock(), UTC):%Y%m%d}"
    read = [
        each.entry.subjects[0] for each in rig.services.audit.of_day(day) if each.entry.actor.name == "ann"
    ]
    assert {(each.kind, each.id, len(each.ids)) for each in read} == {
        ("study", "study", 0),
        ("study with names", "study", len(OWN)),
    }


def test_pages_follow_each_other_and_csv_has_the_same_exams(rig: ApiRig) -> None:
    team = account(rig, Role.STUDY, "study")
    first = team.get(f"{WHERE}?limit=2")
    link = first.headers["link"]
    second = team.get(link[1 : link.index(">")])
    assert "link" not in second.headers
    keys = [each["exam"] for each in (*first.json(), *second.json())]
    answer = team.get(WHERE, headers={"accept": "text/csv"})
    assert [row["exam"] for row in csv.DictReader(io.StringIO(answer.text))] == keys
    assert "Secret" not in answer.text


def test_days_are_asked_for_only_where_they_are_not_moved(rig: ApiRig) -> None:
    team = account(rig, Role.STUDY, "study")
    day = OWN[0].scheduled_start_date
    assert len(team.get(f"{WHERE}?date_from={day}&date_to={day}").json()) == len(OWN)
    assert team.get(f"{WHERE}?date_to=20000101").json() == []
    moved = definition_from({**DEFINITION, "history": {"shift_dates": True}})
    rig.services.sources.put(moved)
    assert team.get(f"{WHERE}?date_from={day}").status == 422
    assert len(team.get(WHERE).json()) == len(OWN)


def test_without_a_key_nothing_is_shown_and_the_reason_is(rig: ApiRig) -> None:
    team = account(rig, Role.STUDY, "study")
    without = rig.otherwise(pseudonym_key=lambda: "")
    token = team.headers["authorization"].removeprefix("Bearer ")
    answer = without.anybody.bearing(token).get(WHERE)
    assert answer.status == 503
    assert "History=true" in answer.text


def test_an_account_of_the_role_study_names_its_studies(rig: ApiRig) -> None:
    body = {"username": "bo", "password": PASSWORD, "role": "study"}
    admin = rig.user(Role.ADMIN)
    assert admin.post("/users", json=body).json()["where"] == "studies"
    made = admin.post("/users", json={**body, "studies": ["study"]})
    assert (made.status, made.json()["studies"]) == (201, ["study"])
