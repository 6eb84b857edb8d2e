"""Reads template.yaml, and what SAM makes of it, so that tests can ask questions of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infra.local.template import load as plain
from tests.structure.imports import ROOT

Resource = dict[str, Any]


def load(path: Path = ROOT / "template.yaml") -> dict[str, Any]:
    """Return a template as plain data, with the globals of its functions merged into each."""
    template = plain(path)
    common = template.get("Globals", {}).get("Function", {})
    for _, function in resources(template, "AWS::Serverless::Function"):
        own = function["Properties"]
        variables = {
            **common.get("Environment", {}).get("Variables", {}),
            **own.get("Environment", {}).get("Variables", {}),
        }
        function["Properties"] = {**common, **own, "Environment": {"Variables": variables}}
    return template


def resources(template: dict[str, Any], kind: str) -> Iterator[tuple[str, Resource]]:
    """Yield the resources of a type with their logical ids."""
    yield from ((name, each) for name, each in template["Resources"].items() if each["Type"] == kind)


def statements(role: Resource) -> Iterator[tuple[list[str], list[Any]]]:
    """Yield the actions and the resources of each statement of a role's own policies."""
    for policy in role["Properties"].get("Policies", []):
        for statement in policy["PolicyDocument"]["Statement"]:
            yield _listed(statement["Action"]), _listed(statement["Resource"])


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def key_schema(described: Resource) -> dict[str, str]:
    """Return {"HASH": attribute, "RANGE": attribute} of a table or an index."""
    return {key["KeyType"]: key["AttributeName"] for key in described["KeySchema"]}
