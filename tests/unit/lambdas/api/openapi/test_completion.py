"""What is added to FastAPI's OpenAPI document."""

from __future__ import annotations

from typing import Any

from lambdas.api.openapi.completion import completed
from lambdas.api.openapi.meanings import TAGS


def document(**schema: Any) -> dict[str, Any]:
    problem: Any = {"content": {"application/json": {}}}
    operation = {
        "responses": {"4XX": problem, "422": {}},
        "parameters": [
            {"name": "item_id", "schema": {"default": ""}},
            {"name": "limit", "description": "mine", "schema": {"default": 5}},
        ],
    }
    return completed({"paths": {"/x": {"get": operation}}, "components": {"schemas": {"X": schema}}})


def properties(**schema: Any) -> Any:
    return document(**schema)["components"]["schemas"]["X"]["properties"]


def test_a_property_means_what_it_says_else_what_its_model_says_else_what_the_table_says() -> None:
    found = properties(
        description="A thing.\n\n:param site: where\n    it is.\n:param other: else.",
        properties={"id": {"description": "mine"}, "site": {}, "other": {}, "patient_id": {}, "nothing": {}},
    )
    assert {name: each.get("description") for name, each in found.items()} == {
        "id": "mine",
        "site": "where it is.",
        "other": "else.",
        "patient_id": "Patient ID (0010,0020).",
        "nothing": None,
    }


def test_problems_have_their_own_media_type_and_no_other_form() -> None:
    responses = document()["paths"]["/x"]["get"]["responses"]
    assert list(responses) == ["4XX"]
    assert responses["4XX"]["content"] == {"application/problem+json": {}}


def test_what_is_not_given_is_not_sent_as_an_empty_text() -> None:
    schemas = [each["schema"] for each in document()["paths"]["/x"]["get"]["parameters"]]
    assert schemas == [{}, {"default": 5}]


def test_answers_name_their_headers() -> None:
    headers = document()["paths"]["/x"]["get"]["responses"]["4XX"]["headers"]
    assert {"Retry-After", "WWW-Authenticate", "X-Request-Id"} <= headers.keys()
    assert all(each["description"] for each in headers.values())


def test_parameters_tags_and_servers_are_described() -> None:
    found = document()
    said = [each["description"] for each in found["paths"]["/x"]["get"]["parameters"]]
    assert said == ["The item's `id`.", "mine"]
    assert [tag["name"] for tag in found["tags"]] == list(TAGS)
    assert found["servers"][0]["url"] == "/"
