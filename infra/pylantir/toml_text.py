"""Writing TOML: tables one level deep, tables below that inline. Pure.

Only what definitions and settings consist of: text, numbers, booleans, times, lists and tables.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import time

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def toml_text(data: Mapping[str, object], heading: str = "") -> str:
    """Return data as TOML.

    :param heading: comment lines at the top, without ``#``.
    """
    lines = [f"# {line}".rstrip() for line in heading.splitlines()]
    lines += [*([""] if lines else []), *_lines(data)]
    return "\n".join(lines).rstrip() + "\n"


def _lines(data: Mapping[str, object]) -> Iterator[str]:
    for key, value in data.items():
        if not isinstance(value, Mapping) and not _is_tables(value):
            yield f"{_key(key)} = {_value(value)}"
    for key, value in data.items():
        tables = [(f"[{_key(key)}]", value)] if isinstance(value, Mapping) else []
        if _is_tables(value) and isinstance(value, list):
            tables = [(f"[[{_key(key)}]]", each) for each in value]
        for title, table in tables:
            yield from ("", title)
            yield from (f"{_key(name)} = {_value(each)}" for name, each in table.items())


def _is_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, Mapping) for each in value)


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _quoted(key)


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_key(key)} = {_value(each)}' for key, each in value.items())} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, time):
        return value.isoformat()
    if isinstance(value, str):
        return _quoted(value)
    raise TypeError(f"{type(value).__name__} cannot be written as TOML here")


def _quoted(text: str) -> str:
    # JSON's escapes are TOML's, but that TOML wants DEL escaped too.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
