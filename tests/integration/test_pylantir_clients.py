"""Programs written for pylantir's API keep working: the examples of its own page, as they stand there.

Each is what `pylantir 0.2.3` documents ("API Usage Examples", "Python Client Example"), with our address in
the place of ``http://localhost:8000``; docs/from-pylantir.md lists what a program may notice.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from lambdas.access.role import Role
from lambdas.api.accounts import add_user
from tests.rigs.api import PASSWORD, api
from tests.rigs.patience import PATIENCE
from tests.rigs.served import served

pytestmark = pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")

CREATED = """{
    "patient_name": "Doe^John",
    "patient_id": "PATIENT001",
    "patient_birth_date": "19900101",
    "patient_sex": "M",
    "modality": "MR",
    "performed_procedure_step_status": "SCHEDULED"
  }"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with api(DEFAULT_SITE="792", DEFAULT_MODALITY="MR") as rig:
        add_user(rig.services, "admin", PASSWORD, Role.ADMIN)
        with served(rig.services) as address:
            yield address


@pytest.fixture(scope="module")
def token(server: str) -> str:
    """Return what example 1, "Login and Get Token", gives."""
    answer = curl(
        server,
        f"""curl -X POST "http://localhost:8000/auth/login" -H "Content-Type: application/json" -d '{{
        "username": "admin", "password": "{PASSWORD}", "access_token_expire_minutes": 60}}'""",
    )
    assert answer["token_type"] == "bearer"
    return str(answer["access_token"])


def curl(server: str, example: str, token: str = "") -> Any:
    """Run an example of the page; return the JSON of the answer."""
    here = example.replace("http://localhost:8000", server).replace("YOUR_TOKEN", token)
    done = subprocess.run(
        ["curl", "--silent", "--show-error", *shlex.split(here)[1:]],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def made(server: str, token: str) -> Any:
    """Return what example 3, "Create Worklist Item", gives."""
    example = f"""curl -X POST "http://localhost:8000/worklist" -H "Authorization: Bearer YOUR_TOKEN" \
      -H "Content-Type: application/json" -d '{CREATED}'"""
    return curl(server, example, token)


def listed(server: str, token: str, query: str) -> list[Any]:
    """Return what example 2, "Get Worklist Items", gives."""
    example = (
        f"""curl -X GET "http://localhost:8000/worklist{query}" -H "Authorization: Bearer YOUR_TOKEN" """
    )
    found: list[Any] = curl(server, example, token)
    return found


def test_an_item_is_made_as_the_page_says(made: Any) -> None:
    assert {name: made[name] for name in json.loads(CREATED)} == json.loads(CREATED)
    assert made["id"]


@pytest.mark.parametrize("query", ["", "?status=SCHEDULED&status=COMPLETED", "?patient_id=PATIENT001"])
def test_items_are_listed_as_the_page_says(server: str, token: str, made: Any, query: str) -> None:
    assert [item["id"] for item in listed(server, token, query) if item["patient_id"] == "PATIENT001"] == [
        made["id"]
    ]


def test_a_status_is_changed_as_the_page_says(server: str, token: str, made: Any) -> None:
    example = f"""curl -X PUT "http://localhost:8000/worklist/{made["id"]}" \
      -H "Authorization: Bearer YOUR_TOKEN" -H "Content-Type: application/json" \
      -d '{{"performed_procedure_step_status": "IN_PROGRESS"}}'"""
    changed = curl(server, example, token)
    assert changed["performed_procedure_step_status"] == "IN_PROGRESS"
    assert changed["patient_name"] == "Doe^John"


def test_the_python_client_of_the_page_works(server: str) -> None:
    response = requests.post(
        f"{server}/auth/login",
        json={"username": "admin", "password": PASSWORD, "access_token_expire_minutes": 120},
        timeout=PATIENCE,
    )
    token = response.json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    response = requests.get(f"{server}/worklist", headers=headers, timeout=PATIENCE)
    before = response.json()
    new_item = {
        "patient_name": "Smith^Jane",
        "patient_id": "PATIENT002",
        "modality": "CT",
        "performed_procedure_step_status": "SCHEDULED",
    }
    response = requests.post(f"{server}/worklist", json=new_item, headers=headers, timeout=PATIENCE)
    assert response.ok
    after = requests.get(f"{server}/worklist", headers=headers, timeout=PATIENCE).json()
    assert len(after) == len(before) + 1


def test_every_endpoint_of_the_page_is_there(server: str, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    said = {"username": "newuser", "password": "copper lantern estuary", "role": "write"}
    made = requests.post(
        f"{server}/users", json=said | {"email": "user@example.com"}, headers=headers, timeout=10
    )
    assert (made.ok, made.json()["role"], made.json()["email"]) == (True, "write", "user@example.com")
    users = requests.get(f"{server}/users", headers=headers, timeout=PATIENCE).json()
    assert {user["username"] for user in users} == {"admin", "newuser"}
    address = f"{server}/users/newuser"
    changed = requests.put(
        address, json={"role": "read", "is_active": False}, headers=headers, timeout=PATIENCE
    )
    assert (changed.json()["role"], changed.json()["is_active"]) == ("read", False)
    gone = requests.delete(address, headers=headers, timeout=PATIENCE)
    assert gone.json() == {"message": "User newuser deleted successfully"}
    assert requests.get(f"{server}/health", timeout=PATIENCE).json()["status"] == "ok"
    for page in ("/docs", "/redoc"):
        assert requests.get(server + page, timeout=PATIENCE).status_code == 200


def test_an_item_is_deleted_as_the_page_says(server: str, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    said = {"patient_name": "Roe^Jim", "patient_id": "PATIENT003"}
    made = requests.post(f"{server}/worklist", json=said, headers=headers, timeout=PATIENCE).json()
    gone = requests.delete(f"{server}/worklist/{made['id']}", headers=headers, timeout=PATIENCE)
    assert (gone.status_code, list(gone.json())) == (200, ["message"])


def test_a_reader_may_not_write_and_nobody_reads_without_a_token(server: str, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    said = {"username": "reader", "password": "copper lantern estuary", "role": "read"}
    assert requests.post(f"{server}/users", json=said, headers=headers, timeout=PATIENCE).ok
    login = requests.post(f"{server}/auth/login", json=said | {"role": None}, timeout=PATIENCE)
    assert login.status_code == 422  # a field that is not one of ours is named, not passed over
    del said["role"]
    own = requests.post(f"{server}/auth/login", json=said, timeout=PATIENCE).json()["access_token"]
    reader = {"Authorization": f"Bearer {own}"}
    assert requests.get(f"{server}/worklist", headers=reader, timeout=PATIENCE).status_code == 200
    assert requests.post(f"{server}/worklist", json={}, headers=reader, timeout=PATIENCE).status_code in {
        403,
        422,
    }
    assert requests.get(f"{server}/users", headers=reader, timeout=PATIENCE).status_code == 403
    assert requests.get(f"{server}/worklist", timeout=PATIENCE).status_code == 401
