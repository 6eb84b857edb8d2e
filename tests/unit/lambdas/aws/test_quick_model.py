"""Rows made quickly are the rows that PynamoDB makes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pynamodb.attributes import (
    BinaryAttribute,
    BooleanAttribute,
    JSONAttribute,
    NumberAttribute,
    TTLAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.exceptions import AttributeDeserializationError
from pynamodb.models import Model

from lambdas.aws.quick_model import QuickJSONAttribute, QuickModel
from lambdas.store import models
from lambdas.store.models import ItemRow, Row, StepRow

VALUES = {
    UnicodeAttribute: "text",
    NumberAttribute: 4,
    BooleanAttribute: True,
    QuickJSONAttribute: {"a": [1, None, "é"]},
    BinaryAttribute: b"\0\1",
    TTLAttribute: datetime(2026, 11, 22, tzinfo=UTC),
    UnicodeSetAttribute: {"a", "b"},
}
ROWS = sorted(
    (each for each in vars(models).values() if isinstance(each, type) and issubclass(each, Row)),
    key=lambda row: row.__name__,
)


def full(row: type[Row]) -> dict[str, Any]:
    """Return a row with all attributes, as DynamoDB would say it."""
    return {
        name: {attribute.attr_type: attribute.serialize(VALUES[type(attribute)])}
        for name, attribute in row.get_attributes().items()
    }


def as_pynamodb_makes_it(row: type[Row], data: dict[str, Any]) -> dict[str, Any]:
    return Model.from_raw_data.__func__(row, data).attribute_values  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize("row", ROWS)
def test_a_full_row_is_the_row_that_pynamodb_makes(row: type[Row]) -> None:
    data = full(row)
    assert row.from_raw_data(data).attribute_values == as_pynamodb_makes_it(row, data)
    assert set(row.from_raw_data(data).attribute_values) == set(row.get_attributes())


@pytest.mark.parametrize("row", ROWS)
def test_what_a_row_lacks_is_what_pynamodb_says_it_is(row: type[Row]) -> None:
    data = {"pk": {"S": "a"}, "sk": {"S": "b"}}
    assert row.from_raw_data(data).attribute_values == as_pynamodb_makes_it(row, data)


@pytest.mark.parametrize("text", ['{"a": [1, 2.5, null]}', "[]", '"\t"', '" é"', "3", "true", "null"])
def test_json_is_what_pynamodb_makes_of_it(text: str) -> None:
    usual: Any = JSONAttribute()
    assert QuickJSONAttribute().deserialize(text) == usual.deserialize(text)


@pytest.mark.parametrize("text", ["", "{", "nothing", "{} {}"])
def test_what_is_no_json_is_refused_as_pynamodb_does(text: str) -> None:
    both: list[Any] = [QuickJSONAttribute(), JSONAttribute()]
    for attribute in both:
        with pytest.raises(ValueError, match=r"\w"):
            attribute.deserialize(text)


@pytest.mark.parametrize("said", [{"NULL": True}, {}])
def test_an_empty_value_is_none_or_its_default(said: dict[str, Any]) -> None:
    data = {"body": said, "write_back_note": said}
    assert StepRow.from_raw_data(data).attribute_values == as_pynamodb_makes_it(StepRow, data)
    assert StepRow.from_raw_data(data).body is None
    assert StepRow.from_raw_data(data).write_back_note == ""


def test_what_a_later_build_wrote_besides_is_passed_over() -> None:
    row = ItemRow.from_raw_data({"pk": {"S": "a"}, "of_tomorrow": {"S": "x"}})
    assert row.pk == "a"
    assert "of_tomorrow" not in row.attribute_values


def test_a_value_of_another_type_is_refused() -> None:
    row = ItemRow.from_raw_data({"feed_seq": {"S": "4"}})
    with pytest.raises(AttributeDeserializationError):
        _ = row.feed_seq


def test_what_is_set_of_one_row_is_not_set_of_the_next() -> None:
    first = ItemRow.from_raw_data({"pk": {"S": "a"}})
    first.gone = True
    assert ItemRow.from_raw_data({"pk": {"S": "b"}}).gone is False


def test_what_dynamodb_said_of_a_row_is_there_until_a_value_is_read_or_set() -> None:
    data = {"pk": {"S": "a"}, "body": {"S": "old"}}
    looked_at, changed = ItemRow.from_raw_data(data), ItemRow.from_raw_data(data)
    assert looked_at.raw == data
    assert looked_at.body == "old"
    changed.body = "new"
    assert [each.raw for each in (looked_at, changed)] == [None, None]
    assert (changed.pk, changed.body) == ("a", "new")
    assert ItemRow("a", "b").raw is None


def test_a_row_has_nothing_else() -> None:
    with pytest.raises(AttributeError, match="ItemRow has no weight"):
        _ = ItemRow.from_raw_data({"pk": {"S": "a"}}).weight


@pytest.mark.parametrize("row", ROWS)
def test_no_row_needs_what_is_left_out(row: type[Row]) -> None:
    assert issubclass(row, QuickModel)
    assert row._get_discriminator_attribute() is None
    for name, attribute in row.get_attributes().items():
        assert attribute.attr_name == name
        assert not callable(attribute.default)
