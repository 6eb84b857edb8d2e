"""A source definition as an operator writes it: read, and held against the project. Pure.

Every error names the key, and the closest names that exist.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Collection, Iterable, Mapping

from pydantic import BaseModel, ValidationError

from lambdas.source import (
    PSEUDO_FIELDS,
    FieldMapping,
    Join,
    OperatingWindow,
    ScanRows,
    SourceDefinition,
    WriteBack,
    did_you_mean,
)
from shared.errors import Rejected


def parse_definition(text: str) -> SourceDefinition:
    """Return the definition written as JSON (an object, so it begins with ``{``) or TOML.

    Raise `Rejected` naming every key that is wrong.
    """
    try:
        data: object = json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
    except json.JSONDecodeError as error:
        raise Rejected(f"not valid JSON in line {error.lineno}: {error.msg}", where="source") from None
    except tomllib.TOMLDecodeError as error:
        raise Rejected(f"not valid TOML: {error}", where="source") from None
    return definition_from(data)


def definition_from(data: object) -> SourceDefinition:
    """Return the definition in decoded TOML or JSON; raise `Rejected` naming every key that is wrong."""
    try:
        return SourceDefinition.model_validate(data)
    except ValidationError as error:
        problems = "; ".join(
            _problem(e["loc"], e["type"], e["msg"]) for e in error.errors(include_input=False)
        )
        source_id = data.get("id") if isinstance(data, Mapping) else None
        where = f"source {source_id}" if isinstance(source_id, str) else "source"
        raise Rejected(problems, where=where) from None


def _problem(path: tuple[int | str, ...], kind: str, message: str) -> str:
    key = ".".join(str(part) for part in path)
    if kind == "extra_forbidden":
        known = _known_keys(path[:-1])
        return f"{key}: there is no such key{did_you_mean(str(path[-1]), known)}"
    message = message.removeprefix("Value error, ")
    return f"{key}: {message}" if key else message


def _known_keys(path: tuple[int | str, ...]) -> Collection[str]:
    parts: dict[str, type[BaseModel]] = {
        "rows": ScanRows,
        "joins": Join,
        "fields": FieldMapping,
        "operating_window": OperatingWindow,
        "write_back": WriteBack,
    }
    return (parts.get(str(path[0]), SourceDefinition) if path else SourceDefinition).model_fields


def base_name(field: str) -> str:
    """Return the name a field is asked for by: checkbox columns ``field___code`` belong to ``field``."""
    return field.partition("___")[0]


def check_against(definition: SourceDefinition, metadata: Iterable[Mapping[str, str]]) -> None:
    """Raise `Rejected` if the definition names a field the project does not have, or not where it says.

    :param metadata: REDCap's ``content=metadata``: rows with ``field_name`` and ``form_name``, in order.
    """
    rows = list(metadata)
    fields = [row.get("field_name", "") for row in rows]
    known = {*fields, *(f"{row.get('form_name', '')}_complete" for row in rows)}
    problems = [
        f"{key}: the project has no field {name}{did_you_mean(base_name(name), known)}"
        for key, name in _named_fields(definition)
        if base_name(name) not in known
    ]
    problems += _misplaced(definition, {row.get("field_name", ""): row.get("form_name", "") for row in rows})
    if fields and fields[0] != definition.record_id_field:
        problems.insert(0, f"record_id_field: the project's first field is {fields[0]}")
    if problems:
        raise Rejected("; ".join(problems), where=f"source {definition.id}")


def _misplaced(definition: SourceDefinition, form_of: Mapping[str, str]) -> Iterable[str]:
    """Yield the fields that are not on the repeating instrument whose rows are scans, and not joined."""
    instrument = definition.rows.instrument
    joined = {name for join in definition.joins for name in join.fields}
    if not instrument:
        return
    for key, name in _named_fields(definition):
        form = form_of.get(base_name(name), instrument)
        if form != instrument and name not in joined and name != definition.record_id_field:
            yield f"{key}: {name} is on the form {form}, not on {instrument}; take it from there by joins"


def _named_fields(definition: SourceDefinition) -> Iterable[tuple[str, str]]:
    yield "record_id_field", definition.record_id_field
    yield from (("rows.required", name) for name in definition.rows.required)
    for target, mapping in definition.fields.items():
        names: list[str] = [name for name in mapping.redcap_fields() if name not in PSEUDO_FIELDS]
        yield from ((f"fields.{target}", name) for name in names)
    for number, join in enumerate(definition.joins):
        yield from ((f"joins.{number}", name) for name in join.fields)
    yield from (("write_back", name) for name in definition.written_fields())
