"""A whole configuration translated, and checked by the loaders that will read it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from pydantic import ValidationError

from edge_relay.config import RelaySettings
from infra.pylantir.deployment_translation import Address, parameter_lines, relay_settings
from infra.pylantir.findings import Finding, Outcome
from infra.pylantir.old_config import OldConfig, read_config
from infra.pylantir.source_translation import Answers, translate_source
from infra.pylantir.toml_text import toml_text
from lambdas.api.settings import ApiSettings
from lambdas.sources.definition import SourceDefinition
from lambdas.sources.file import check_against, parse_definition
from shared.errors import Rejected
from shared.scanners.scanner_profile import ScannerProfile, check_listed_once, reasons

_SOURCE_HEADING = """Made by "mwl-cloud import-pylantir" from pylantir's configuration.
What differs is in docs/from-pylantir.md.
Read it, decide what the report leaves to you, then: mwl-cloud sources apply THIS_FILE"""
_RELAY_HEADING = """Made by "mwl-cloud import-pylantir" from pylantir's allowed_aet.
"mwl-relay check-config" checks it; with "--explain" it lists everything that can be set."""


@dataclass(frozen=True)
class Translation:
    """What to write.

    :param files: file name -> text.
    :param definitions: the source definitions in them.
    :param findings: what became of every key.
    """

    files: Mapping[str, str]
    definitions: tuple[SourceDefinition, ...]
    findings: tuple[Finding, ...]


def translate(text: str, answers: Answers, address: Address) -> Translation:
    """Return everything a configuration becomes.

    :raises Rejected: it cannot be read, or our own loaders refuse what it says; names the key.
    """
    old = read_config(text)
    files: dict[str, str] = {}
    definitions: list[SourceDefinition] = []
    findings: list[Finding] = []
    for source in old.sources:
        known = answers if source.kind == "redcap" else replace(answers, url="", project=None)
        translated = translate_source(source, known)
        written = toml_text(translated.data, _SOURCE_HEADING)
        definition = parse_definition(written)
        name = f"source-{definition.id}.toml"
        if name in files:
            raise Rejected(
                "two sources have this name", where=f"{source.path}name", hint="rename one of them"
            )
        files[name] = written
        definitions.append(definition)
        findings += [*translated.findings, *_against_project(source.path, definition, known)]
    relay, of_relay = relay_settings(old, address, answers.time_zone)
    files["relay.toml"] = toml_text(relay, _RELAY_HEADING)
    _check_relay(files["relay.toml"])
    parameters = parameter_lines(_checked_origins(old))
    if parameters:
        files["parameters.txt"] = "\n".join(parameters) + "\n"
    return Translation(files, tuple(definitions), (*findings, *of_relay, *old.findings))


def _against_project(path: str, definition: SourceDefinition, answers: Answers) -> list[Finding]:
    """Return what the project itself has against a definition."""
    if answers.project is None:
        return []
    try:
        check_against(definition, answers.project.rows)
    except Rejected as error:
        return [Finding(f"({path}project)", Outcome.DECIDE, f"does not fit the project: {error.what}")]
    return []


def _check_relay(text: str) -> None:
    """Raise `Rejected` if the relay would not start with this file; no environment is read."""
    data = tomllib.loads(text)
    try:
        RelaySettings.model_validate(data["relay"])
        profiles = [ScannerProfile.model_validate(each) for each in data.get("scanners", ())]
    except ValidationError as error:
        raise Rejected(reasons(error), where="allowed_aet, or the relay's address") from None
    check_listed_once(profile.ae_title for profile in profiles)


def _checked_origins(old: OldConfig) -> tuple[str, ...]:
    """Return the origins as the API will read them."""
    text = ",".join(old.cors_origins)
    settings = ApiSettings.model_construct(cors_allowed_origins=text)
    if settings.origins() != list(old.cors_origins):
        raise Rejected("cannot be written as a template parameter", where="api.cors_allowed_origins")
    return old.cors_origins
