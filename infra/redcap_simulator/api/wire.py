"""The wire: form parameters in, JSON, CSV or an error's text out.

Arrays arrive as `fields[0]=`, `fields[]=` or one comma string; booleans as `true`, `True` (PyCap) or `1`.
An error is written in `returnFormat`, else in `format`, else as XML, REDCap's oldest default.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, Literal

from infra.redcap_simulator.api.errors import ApiError, invalid_parameter, not_simulated

Format = Literal["json", "csv"]
MEDIA = {"json": "application/json", "csv": "text/csv; charset=utf-8", "xml": "text/xml; charset=utf-8"}


@dataclass(frozen=True)
class Answer:
    """A status and a body, before any fault has had its way with them."""

    status: int
    body: bytes
    media_type: str = "text/html; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Params:
    """The form parameters of one request."""

    pairs: Sequence[tuple[str, str]]

    def text(self, name: str, default: str = "") -> str:
        """The last value of that name."""
        for key, value in reversed(self.pairs):
            if key == name:
                return value
        return default

    def has(self, name: str) -> bool:
        """Whether the parameter was sent at all."""
        return any(key == name for key, _ in self.pairs)

    def flag(self, name: str) -> bool:
        """Whether a boolean parameter is on."""
        return self.text(name).lower() in {"1", "true"}

    def array(self, name: str) -> list[str]:
        """An array's values; none at all means the caller set no limit."""
        indexed = re.compile(re.escape(name) + r"\[\d*\]")
        values = [value for key, value in self.pairs if indexed.fullmatch(key)]
        if not values:
            values = [part.strip() for part in self.text(name).split(",")]
        return list(dict.fromkeys(value for value in values if value))

    def choice(self, name: str, allowed: Iterable[str], default: str) -> str:
        """A value among the documented ones, or a 400."""
        value = self.text(name) or default
        if value not in allowed:
            raise invalid_parameter(name)
        return value

    def format(self, name: str = "format") -> Format:
        """The format of the data; XML is real but not simulated."""
        value = self.choice(name, ("json", "csv", "xml"), self.text("format") or "xml")
        if value == "json":
            return "json"
        if value == "csv":
            return "csv"
        raise not_simulated(f'XML data: set "{name}" to json or csv')


def rows_answer(
    fmt: Format,
    columns: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    headers: Sequence[str] | None = None,
) -> Answer:
    """Rows as a JSON array or as CSV with a header: the columns' names, or other headers."""
    if fmt == "json":
        return json_answer(rows)
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    csv.writer(out, lineterminator="\n").writerow(headers or columns)
    writer.writerows(rows)
    return Answer(200, out.getvalue().encode(), MEDIA["csv"])


def table_answer(fmt: Format, rows: Sequence[Mapping[str, Any]]) -> Answer:
    """Rows that carry their own columns; REDCap's CSV of no rows is an empty body."""
    if fmt == "csv" and not rows:
        return Answer(200, b"", MEDIA["csv"])
    return rows_answer(fmt, list(rows[0]) if rows else [], rows)


def json_answer(value: object) -> Answer:
    """Any value as compact JSON."""
    return Answer(200, json.dumps(value, separators=(",", ":")).encode(), MEDIA["json"])


def text_answer(text: str) -> Answer:
    """A bare value, as the version and counts are answered."""
    return Answer(200, text.encode())


def error_answer(error: ApiError, params: Params) -> Answer:
    """An error in the format the caller asked for."""
    fmt = params.text("returnFormat") or params.text("format")
    if fmt == "json":
        body = json.dumps({"error": error.message})
    elif fmt == "csv":
        body = f"ERROR: {error.message}"
    else:
        fmt = "xml"
        text = escape(error.message, quote=False)
        body = f'<?xml version="1.0" encoding="UTF-8" ?><hash><error>{text}</error></hash>'
    return Answer(error.status, body.encode(), MEDIA[fmt])
