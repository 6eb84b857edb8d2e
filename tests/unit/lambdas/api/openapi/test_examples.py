"""Examples are put together from one value for each property."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from lambdas.api.openapi.examples import VALUES, Examples

SCHEMAS: dict[str, Any] = {
    "Thing": {
        "properties": {
            "site": {"type": "string"},
            "number": {"type": "integer", "minimum": 7},
            "kind": {"enum": ["x", "y"], "type": "string"},
            "left_out": {"type": "string"},
        },
        "required": ["site", "number", "kind"],
    },
    "Colour": {"enum": ["red", "blue"], "type": "string"},
    "Endless": {"properties": {"more": {"$ref": "#/components/schemas/Endless"}}, "required": ["more"]},
}


def example(**schema: Any) -> Any:
    return Examples(SCHEMAS).of(schema)


def reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def test_a_model_shows_what_it_requires_by_name_and_by_type() -> None:
    assert example(**reference("Thing")) == {"site": VALUES["site"], "number": 7, "kind": "x"}


def test_a_list_shows_one_of_them() -> None:
    assert example(type="array", items=reference("Colour")) == ["red"]


@pytest.mark.parametrize(
    ("schema", "shown"),
    [
        ({"anyOf": [{"type": "null"}, {"type": "boolean"}]}, False),
        ({"const": "bearer"}, "bearer"),
        ({"type": "number", "default": 2.5}, 2.5),
        ({"type": "string", "format": "date-time"}, "2026-11-27T09:30:12Z"),
        ({"type": "string", "maxLength": 2}, "te"),
        ({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "boolean"}]}, [1, False]),
    ],
)
def test_what_has_no_value_of_its_own_is_shown_by_its_type(schema: dict[str, Any], shown: object) -> None:
    assert example(**schema) == shown


def test_a_model_that_holds_itself_ends() -> None:
    assert str(example(**reference("Endless"))).count("more") < 20


SCHEMA = st.recursive(
    st.sampled_from([{"type": "boolean"}, {"type": "integer"}, {"type": "string"}, reference("Colour")]),
    lambda inner: st.one_of(
        inner.map(lambda each: {"type": "array", "items": each}),
        inner.map(lambda each: {"anyOf": [each, {"type": "null"}]}),
        st.dictionaries(st.sampled_from(["site", "kind", "id", "x"]), inner, min_size=1).map(
            lambda each: {"type": "object", "properties": each, "required": list(each)}
        ),
    ),
    max_leaves=6,
)


@given(SCHEMA)
def test_an_example_fits_its_schema(schema: dict[str, Any]) -> None:
    whole = {**schema, "components": {"schemas": SCHEMAS}}
    assert list(Draft202012Validator(whole).iter_errors(Examples(SCHEMAS).of(schema))) == []
