"""What our parser makes of DynamoDB's answers is what botocore's makes of them."""

from __future__ import annotations

import base64
import json
from typing import Any

import botocore.session
import pytest
from botocore.parsers import JSONParser
from hypothesis import given
from hypothesis import strategies as st

from lambdas.aws.attribute_values import AttributeValueParser, ParserFactory, parsed

_TEXT = st.text(max_size=8)
_BINARY = st.binary(max_size=8).map(lambda data: base64.b64encode(data).decode())
_NUMBER = st.integers().map(str)
VALUES = st.recursive(
    st.one_of(
        st.builds(lambda text: {"S": text}, _TEXT),
        st.builds(lambda number: {"N": number}, _NUMBER),
        st.builds(lambda data: {"B": data}, _BINARY),
        st.builds(lambda flag: {"BOOL": flag}, st.booleans()),
        st.just({"NULL": True}),
        st.builds(lambda texts: {"SS": texts}, st.lists(_TEXT, max_size=3)),
        st.builds(lambda numbers: {"NS": numbers}, st.lists(_NUMBER, max_size=3)),
        st.builds(lambda data: {"BS": data}, st.lists(_BINARY, max_size=3)),
    ),
    lambda inner: (
        st.builds(lambda values: {"L": values}, st.lists(inner, max_size=3))
        | st.builds(lambda values: {"M": values}, st.dictionaries(_TEXT, inner, max_size=3))
    ),
    max_leaves=12,
)
ITEMS = st.dictionaries(_TEXT, VALUES, max_size=5)
_MODEL = botocore.session.get_session().get_service_model("dynamodb")


def answers(operation: str, body: dict[str, Any], status: int = 200) -> tuple[Any, Any]:
    """Return an answer as our parser and as botocore's take it apart."""
    shape = _MODEL.operation_model(operation).output_shape
    assert shape is not None
    response = {"body": json.dumps(body).encode(), "headers": {}, "status_code": status, "context": {}}
    ours = AttributeValueParser().parse(dict(response), shape)
    return ours, JSONParser().parse(dict(response), shape)


@given(ITEMS)
def test_an_item_is_what_botocore_makes_of_it(item: dict[str, Any]) -> None:
    ours, theirs = answers("GetItem", {"Item": item})
    assert ours == theirs


@given(st.lists(ITEMS, max_size=3), ITEMS)
def test_a_page_of_a_query_is_what_botocore_makes_of_it(
    items: list[dict[str, Any]], key: dict[str, Any]
) -> None:
    ours, theirs = answers("Query", {"Items": items, "Count": len(items), "LastEvaluatedKey": key})
    assert ours == theirs


@given(st.lists(ITEMS, max_size=3), ITEMS)
def test_what_was_read_of_several_tables_is_what_botocore_makes_of_it(
    items: list[dict[str, Any]], key: dict[str, Any]
) -> None:
    body = {"Responses": {"one": items}, "UnprocessedKeys": {"two": {"Keys": [key]}}}
    ours, theirs = answers("BatchGetItem", body)
    assert ours == theirs


@given(ITEMS)
def test_why_a_transaction_was_cancelled_is_what_botocore_makes_of_it(item: dict[str, Any]) -> None:
    reasons = [{"Code": "ConditionalCheckFailed", "Item": item}, {"Code": "None"}]
    body = {"__type": "x#TransactionCanceledException", "CancellationReasons": reasons, "Message": "why"}
    ours, theirs = answers("TransactWriteItems", body, 400)
    assert ours == theirs


def test_binary_is_decoded_however_deep_it_lies() -> None:
    assert parsed({"M": {"a": {"L": [{"B": "aGk="}, {"BS": ["aGk="]}]}}}) == {
        "M": {"a": {"L": [{"B": b"hi"}, {"BS": [b"hi"]}]}}
    }


@pytest.mark.parametrize("protocol", ["query", "rest-json", "rest-xml", "ec2"])
def test_other_protocols_have_botocores_own_parser(protocol: str) -> None:
    assert not isinstance(ParserFactory().create_parser(protocol), AttributeValueParser)


def test_dynamodbs_protocol_has_ours() -> None:
    assert isinstance(ParserFactory().create_parser(_MODEL.protocol), AttributeValueParser)
