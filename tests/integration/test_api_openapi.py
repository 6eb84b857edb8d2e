"""The OpenAPI document, its pages, and every answer held against it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from pydantic import BaseModel
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from lambdas.access.role import Role
from lambdas.api.main import create_app
from lambdas.api.openapi import TAGS, operations
from tests.rigs.api import ApiRig, api
from tests.rigs.builders import an_event, an_item

PEOPLES = (
    "AccessToken",
    "AuditCheck",
    "AuditRecord",
    "CandidateView",
    "Deleted",
    "Exchange",
    "Flaw",
    "ItemChoice",
    "Login",
    "NewUser",
    "PasswordChange",
    "Problem",
    "Session",
    "StepDetail",
    "StepView",
    "UserChanges",
    "UserView",
)
"""Models of what people's clients send and get, in which every property must be described."""


CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def rig() -> Iterator[ApiRig]:
    with api(DEFAULT_SITE="north", DEFAULT_MODALITY="MR") as running:
        running.services.worklist.put_if_changed([an_item()])
        running.services.steps.record_event(an_event(None), site="north", relay_id="r")
        yield running


@pytest.fixture(scope="module")
def document(rig: ApiRig) -> Any:
    return rig.anybody.get("/openapi.json").json()


def test_operations_are_named_as_people_would_name_functions(document: Any) -> None:
    names = [operation["operationId"] for operation in operations(document)]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in names)


def test_every_operation_has_a_known_tag_and_a_description(document: Any) -> None:
    for operation in operations(document):
        assert set(operation["tags"]) <= TAGS.keys(), operation["operationId"]
        assert operation.get("description"), operation["operationId"]


def test_every_parameter_is_described(document: Any) -> None:
    left = {
        (operation["operationId"], parameter["name"])
        for operation in operations(document)
        for parameter in operation.get("parameters", ())
        if not parameter.get("description")
    }
    assert left == set()


@pytest.mark.parametrize("model", PEOPLES)
def test_every_property_that_people_meet_is_described(document: Any, model: str) -> None:
    properties = document["components"]["schemas"][model]["properties"]
    assert [name for name, each in properties.items() if not each.get("description")] == []


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_the_pages_need_nothing_from_elsewhere(rig: ApiRig, path: str) -> None:
    page = rig.anybody.get(path)
    assert page.status == 200
    loaded = re.findall(r"""(?:src|href)=["']([^"']+)""", page.text)
    assert loaded
    assert not [url for url in loaded if not url.startswith("/docs/assets/")]
    for url in loaded:
        if not url.endswith(".png"):  # Lambda sends that in base64
            assert rig.anybody.get(url).status == 200
    assert "unsafe-inline" in page.headers["content-security-policy"]
    assert rig.anybody.get("/docs/assets/../main.py").status == 404


class Answer(BaseModel):
    x: str


LEFT_OUT = ("/relay/", "/openapi.json")
"""What people do not call; relays' own tests hold what they are answered."""

MODES = {
    Role.ADMIN: list(GenerationMode),  # who gets in everywhere also asks wrongly everywhere
    Role.WRITE: [GenerationMode.POSITIVE],
    Role.READ: [GenerationMode.POSITIVE],
}

BOUNDED = settings(
    max_examples=2,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.slow
@pytest.mark.parametrize("role", list(Role))
def test_every_answer_is_one_that_the_document_allows(rig: ApiRig, role: Role) -> None:
    """Send what the document allows, and what it does not, to every operation that people call."""
    schema = schemathesis.openapi.from_asgi("/openapi.json", create_app(rig.services))
    user = rig.user(role)
    flaws: list[str] = []
    for found in schema.get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr]
        if not operation.path.startswith(LEFT_OUT):
            flaws += flaws_of(operation, user.headers, MODES[role])
    assert flaws == []


def flaws_of(operation: Any, headers: Mapping[str, str], modes: Iterable[GenerationMode]) -> list[str]:
    """Return what is wrong with an operation's answers."""
    found: list[str] = []

    def tried(case: Any) -> None:
        try:
            case.call_and_validate(headers=dict(headers), checks=CHECKS)
        except (Failure, FailureGroup) as failure:
            found.append(f"{operation.label}: {failure}")

    for mode in modes:
        # What takes no input cannot be asked wrongly.
        with suppress(Unsatisfiable):
            BOUNDED(given(case=operation.as_strategy(mode))(tried))()
    return found


@pytest.mark.parametrize(("status", "body"), [(500, {"x": "a"}), (200, {"x": 1}), (418, {"x": "a"})])
def test_an_answer_that_the_document_does_not_allow_is_found(status: int, body: dict[str, object]) -> None:
    app = FastAPI()

    @app.get("/x", response_model=Answer)
    def answer(number: int) -> JSONResponse:
        return JSONResponse(body, status)

    (found,) = schemathesis.openapi.from_asgi("/openapi.json", app).get_all_operations()
    operation: Any = found.ok()  # type: ignore[union-attr]
    assert flaws_of(operation, {}, [GenerationMode.POSITIVE])
