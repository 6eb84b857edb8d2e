"""DynamoDB's expressions, as far as PynamoDB writes them: conditions, filters, keys and updates."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Value = Mapping[str, Any]
_TOKEN = re.compile(r"[#:]?\w+|<=|>=|<>|[=<>(),+\-]")
_COMPARE = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


class Expression:
    """One expression with its names and values, read from left to right."""

    def __init__(self, text: str, request: Mapping[str, Any]) -> None:
        self._tokens = _TOKEN.findall(text)
        self._names = request.get("ExpressionAttributeNames", {})
        self._values = request.get("ExpressionAttributeValues", {})
        self._at = 0

    def holds(self, item: Mapping[str, Value]) -> bool:
        """Tell whether an item meets the condition."""
        self._at, self._item = 0, item
        return self._either()

    def applied(self, item: Mapping[str, Value]) -> dict[str, Value]:
        """Return the item after the update."""
        self._at, self._item = 0, item
        after = dict(item)
        while self._at < len(self._tokens):
            section = self._next()
            while True:
                name = self._name(self._next())
                if section == "SET":
                    self._expect("=")
                    after[name] = self._sum()
                elif section == "REMOVE":
                    after.pop(name, None)
                else:
                    raise NotImplementedError(section)
                if not self._skip(","):
                    break
        return after

    def _sum(self) -> Value:
        value = self._value()
        while self._peek() in ("+", "-"):
            sign = 1 if self._next() == "+" else -1
            value = {"N": str(_plain(value) + sign * _plain(self._value()))}
        return value

    def _value(self) -> Value:
        token = self._next()
        if token == "if_not_exists":
            self._expect("(")
            name = self._name(self._next())
            self._expect(",")
            default = self._value()
            self._expect(")")
            return self._item.get(name, default)
        if token.startswith(":"):
            found: Value = self._values[token]
            return found
        return self._item[self._name(token)]

    def _either(self) -> bool:
        found = self._both()
        while self._skip("OR"):
            found = self._both() or found
        return found

    def _both(self) -> bool:
        found = self._one()
        while self._skip("AND"):
            found = self._one() and found
        return found

    def _one(self) -> bool:
        if self._skip("NOT"):
            return not self._one()
        if self._skip("("):
            found = self._either()
            self._expect(")")
            return found
        if self._peek() in ("attribute_exists", "attribute_not_exists", "begins_with", "contains"):
            return self._function()
        return self._comparison()

    def _function(self) -> bool:
        function = self._next()
        self._expect("(")
        value = self._item.get(self._name(self._next()))
        if function.startswith("attribute"):
            self._expect(")")
            return (value is not None) == (function == "attribute_exists")
        self._expect(",")
        wanted = _plain(self._value())
        self._expect(")")
        if value is None:
            return False
        there = _plain(value)
        return bool(there.startswith(wanted) if function == "begins_with" else wanted in there)

    def _comparison(self) -> bool:
        left = self._operand()
        operator = self._next()
        if operator == "BETWEEN":
            low = self._operand()
            self._expect("AND")
            high = self._operand()
            return left is not None and bool(_plain(low) <= _plain(left) <= _plain(high))
        if operator == "IN":
            self._expect("(")
            listed = [_plain(self._operand())]
            while self._skip(","):
                listed.append(_plain(self._operand()))
            self._expect(")")
            return left is not None and _plain(left) in listed
        right = self._operand()
        if left is None or right is None:
            return operator == "<>" and left is not right
        return bool(_COMPARE[operator](_plain(left), _plain(right)))

    def _operand(self) -> Any:
        token = self._next()
        return self._values[token] if token.startswith(":") else self._item.get(self._name(token))

    def _name(self, token: str) -> str:
        return str(self._names.get(token, token))

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        self._at += 1
        return str(self._tokens[self._at - 1])

    def _skip(self, token: str) -> bool:
        if self._peek() == token:
            self._at += 1
            return True
        return False

    def _expect(self, token: str) -> None:
        found = self._next()
        assert found == token, (found, token)


def _plain(value: Any) -> Any:
    kind, content = next(iter(value.items()))
    if kind != "N":
        return content
    return int(content) if content.lstrip("-").isdigit() else float(content)
