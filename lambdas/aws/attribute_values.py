"""DynamoDB's answers, taken apart quickly.

A value of DynamoDB is an object with one member, which names its type: ``{"S": "text"}``. botocore looks for
each of the ten possible members of each value; a list of 100 items has over ten thousand values. Whatever is
not a value is taken apart by botocore.

The format: API reference of Amazon DynamoDB, "AttributeValue".
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, Final

from botocore.parsers import JSONParser, ResponseParserFactory

_VALUE: Final = "AttributeValue"


class AttributeValueParser(JSONParser):
    """As botocore's parser of the protocol ``json``, with the same results."""

    def _handle_structure(self, shape: Any, value: Any) -> Any:
        if shape.name == _VALUE and value is not None:
            return parsed(value)
        return super()._handle_structure(shape, value)  # type: ignore[misc]  # the stubs leave it out

    def _handle_map(self, shape: Any, value: Any) -> Any:
        if shape.value.name == _VALUE:
            return _parsed_map(value)
        return super()._handle_map(shape, value)  # type: ignore[misc]  # the stubs leave it out


class ParserFactory(ResponseParserFactory):
    """As botocore's, with the parser of this module for the protocol that DynamoDB speaks."""

    def create_parser(self, protocol_name: str) -> Any:
        """Return the parser of a protocol."""
        if protocol_name == "json":
            return AttributeValueParser()
        return super().create_parser(protocol_name)


def parsed(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a value as botocore would: binary decoded, the rest as it came."""
    return {tag: _DEEPER[tag](inner) if tag in _DEEPER else inner for tag, inner in value.items()}


def _parsed_map(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: parsed(value) for name, value in values.items()}


_DEEPER: Final[Mapping[str, Callable[[Any], Any]]] = {
    "M": _parsed_map,
    "L": lambda values: [parsed(value) for value in values],
    "B": base64.b64decode,
    "BS": lambda values: [base64.b64decode(value) for value in values],
}
"""What has something to decode inside."""
