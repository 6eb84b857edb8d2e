"""A source definition as an operator writes it: read, and held against the project. Pure.

Every error names the key, and the closest names that exist.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Collection, Iterable, Mapping

from pydantic import ValidationError

from lambdas.sources.definition import SourceDefinition
from lambdas.sources.dictionary.fields import Project
from lambdas.sources.dictionary.problems import misfits_of, problems_of
from shared.errors import Rejected
from shared.text.spelling import did_you_mean, keys_at


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
        known = keys_at(SourceDefinition, path[:-1])
        return f"{key}: there is no such key{did_you_mean(str(path[-1]), known)}"
    message = message.removeprefix("Value error, ")
    return f"{key}: {message}" if key else message


def check_against(
    definition: SourceDefinition,
    metadata: Iterable[Mapping[str, str]],
    *,
    event_forms: Mapping[str, Collection[str]] | None = None,
    groups: Collection[str] | None = None,
    missing: Collection[str] = (),
    at_apply: bool = False,
) -> None:
    """Raise `Rejected` if the definition names what the project does not have, or not where it says.

    :param metadata: REDCap's ``content=metadata``: rows with ``field_name`` and ``form_name``, in order.
    :param event_forms: a longitudinal project's events by unique name, each with its forms
        (``content=formEventMapping``).
    :param groups: the unique names of the data access groups (``content=dag``).
    :param missing: the project's own missing-data codes.
    :param at_apply: also if what it names cannot hold what it is mapped to; see `misfits_of`.
    """
    project = Project(metadata, event_forms, groups, missing)
    problems = list(problems_of(definition, project))
    if at_apply:
        problems += misfits_of(definition, project)
    if problems:
        raise Rejected("; ".join(problems), where=f"source {definition.id}")
