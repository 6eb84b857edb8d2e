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
from jsonschema import Draft202012Validator
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
from lambdas.api.openapi.completion import operations
from lambdas.api.openapi.meanings import TAGS
from tests.rigs.api import ApiRig, api
from tests.rigs.builders import an_event, an_item

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


def test_every_property_of_every_model_is_described(document: Any) -> None:
    left = {
        f"{model}.{name}"
        for model, schema in document["components"]["schemas"].items()
        for name, each in schema.get("properties", {}).items()
        if not each.get("description")
    }
    assert left == set()


def test_every_model_says_what_it_is(document: Any) -> None:
    schemas = document["components"]["schemas"].items()
    assert [name for name, schema in schemas if not schema.get("description")] == []


def contents(document: Any) -> Iterator[tuple[str, Any]]:
    """Yield every JSON body and answer of the document, with a name for it."""
    for operation in operations(document):
        told = {"body": operation.get("requestBody", {})} | operation["responses"]
        for part, found in told.items():
            for kind, content in found.get("content", {}).items():
                if kind != "text/csv":
                    yield f"{operation['operationId']} {part}", content


def test_every_body_and_answer_has_an_example_that_fits(document: Any) -> None:
    flaws = []
    for name, content in contents(document):
        schema = {**content["schema"], "components": document["components"]}
        found = Draft202012Validator(schema).iter_errors(content["example"])
        flaws += [f"{name}: {list(each.absolute_path)} {each.message}" for each in found]
    assert flaws == []


def untyped(node: Any, path: str = "") -> Iterator[str]:
    """Yield where a part of a document says nothing of what it holds."""
    if isinstance(node, list):
        for number, part in enumerate(node):
            yield from untyped(part, f"{path}/{number}")
    if not isinstance(node, dict):
        return
    says = node.get("properties") or node.get("additionalProperties") not in (None, True)
    if node.get("type") == "object" and not says:
        yield path
    if node.get("type") == "array" and not node.get("items"):
        yield path
    for name, part in node.items():
        if name not in {"example", "default"}:
            yield from untyped(part, f"{path}/{name}")


def test_no_object_and_no_list_is_untyped(document: Any) -> None:
    assert list(untyped(document)) == []


@pytest.mark.parametrize("schema", [{"type": "object"}, {"type": "array"}, {"anyOf": [{"type": "object"}]}])
def test_what_is_untyped_is_found(schema: Any) -> None:
    assert list(untyped(schema))


def test_no_default_is_one_that_may_not_be_sent(document: Any) -> None:
    flaws = [
        f"{model}.{name}"
        for model, schema in document["components"]["schemas"].items()
        for name, each in schema.get("properties", {}).items()
        if "default" in each and list(_flaws(document, each, each["default"]))
    ]
    assert flaws == []


def _flaws(document: Any, schema: Any, value: Any) -> Any:
    return Draft202012Validator({**schema, "components": document["components"]}).iter_errors(value)


def test_the_document_is_one_that_tools_can_read(document: Any) -> None:
    assert document["info"]["contact"]
    assert document["servers"]
    for path, operation in ((path, each) for path, by in document["paths"].items() for each in by.values()):
        named = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "path"}
        assert named == set(re.findall(r"{(\w+)}", path))


def test_answers_name_the_headers_that_clients_need(document: Any) -> None:
    made = document["paths"]["/worklist"]["post"]["responses"]["201"]["headers"]
    assert {"ETag", "Location", "X-Request-Id"} <= made.keys()
    assert "Link" in document["paths"]["/worklist"]["get"]["responses"]["200"]["headers"]


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


LEFT_OUT = ("/openapi.json",)

MODES: dict[Role | None, list[GenerationMode]] = {
    Role.ADMIN: list(GenerationMode),  # who gets in everywhere also asks wrongly everywhere
    Role.WRITE: [GenerationMode.POSITIVE],
    Role.READ: [GenerationMode.POSITIVE],
    None: list(GenerationMode),  # a relay
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
@pytest.mark.parametrize("role", MODES, ids=lambda role: role.value if role else "relay")
def test_every_answer_is_one_that_the_document_allows(rig: ApiRig, role: Role | None) -> None:
    """Send what the document allows, and what it does not, to every operation.

    People and relays ask for what is the other's, too: they are to be refused in the document's own words.
    """
    schema = schemathesis.openapi.from_asgi("/openapi.json", create_app(rig.services))
    relay = rig.relay()
    flaws: list[str] = []
    for found in schema.get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr]
        if not operation.path.startswith(LEFT_OUT):
            client = rig.user(role) if role else relay.http  # a session may be ended by then
            flaws += flaws_of(operation, client.headers, MODES[role])
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
