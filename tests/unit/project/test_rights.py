"""What the deployed stack may do: every right is on a page, every star has its reason."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.rigs.cloudformation import load, resources
from tests.structure.imports import ROOT

SOURCE = (ROOT / "template.yaml").read_text("utf-8")
TEMPLATE = load()
BOUNDARY = {"Fn::If": ["HasPermissionsBoundary", {"Ref": "PermissionsBoundaryArn"}, {"Ref": "AWS::NoValue"}]}


def stars(source: str) -> Iterator[int]:
    """Yield the lines, from 0, of stars in what a statement that allows something names."""
    for node in _mappings(yaml.compose(source, yaml.SafeLoader)):
        values = {key.value: value for key, value in node.value}
        effect = values.get("Effect")
        if effect is not None and effect.value == "Allow":
            named = [values[name] for name in ("Action", "Resource", "Principal") if name in values]
            yield from (
                each.start_mark.line for part in named for each in _scalars(part) if "*" in each.value
            )


def _mappings(node: yaml.Node | None) -> Iterator[yaml.MappingNode]:
    if isinstance(node, yaml.MappingNode):
        yield node
        for _, value in node.value:
            yield from _mappings(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _mappings(value)


def _scalars(node: yaml.Node) -> Iterator[yaml.ScalarNode]:
    if isinstance(node, yaml.ScalarNode):
        yield node
    elif isinstance(node, yaml.MappingNode):
        for _, value in node.value:
            yield from _scalars(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _scalars(value)


def without_reason(source: str) -> list[str]:
    """Return the lines with a star that say nothing of why."""
    lines = source.splitlines()
    return [lines[number].strip() for number in stars(source) if not re.search(r"\s#\s\w", lines[number])]


def test_every_star_has_its_reason_beside_it() -> None:
    assert len(list(stars(SOURCE))) > 5
    assert without_reason(SOURCE) == []


@pytest.mark.parametrize(
    "statement",
    [
        'Effect: Allow\nAction: "s3:*"\nResource: one',
        "Effect: Allow\nAction: [s3:GetObject, s3:Put*]\nResource: one",
        "Effect: Allow\nAction: s3:GetObject\nResource: !Sub ${Bucket.Arn}/*",
        'Effect: Allow\nAction: s3:GetObject\nPrincipal: {AWS: "*"}',
    ],
)
def test_a_star_without_a_reason_is_noticed(statement: str) -> None:
    assert len(without_reason(statement)) == 1


def rights() -> Iterator[tuple[str, str, str]]:
    """Yield (function, its actions, on what) of each statement of each function's role."""
    function_of = {
        function["Properties"]["Role"]["Fn::GetAtt"][0]: name
        for name, function in resources(TEMPLATE, "AWS::Serverless::Function")
    }
    for name, role in resources(TEMPLATE, "AWS::IAM::Role"):
        for policy in role["Properties"].get("Policies", []):
            yield from _rights(function_of[name], policy["PolicyDocument"], "")
    for _, policy in resources(TEMPLATE, "AWS::IAM::Policy"):
        if len(policy["Properties"]["Roles"]) > 1:
            continue  # every function's, in a table of its own
        [role_name] = [each["Ref"] for each in policy["Properties"]["Roles"]]
        yield from _rights(
            function_of[role_name], policy["Properties"]["PolicyDocument"], f" ({policy['Condition']})"
        )


def _rights(function: str, document: Any, condition: str) -> Iterator[tuple[str, str, str]]:
    for statement in document["Statement"]:
        if statement["Effect"] != "Allow":
            continue
        actions, on = _listed(statement["Action"]), _listed(statement["Resource"])
        some = ", certain rows only" if "Condition" in statement else ""
        named = ", ".join(f"`{_text(each)}`" for each in on)
        yield function, ", ".join(sorted(actions)), f"{named}{some}{condition}"


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _text(resource: Any) -> str:
    if isinstance(resource, str):
        return resource
    [(how, value)] = resource.items()
    if how == "Fn::If":
        return f"{_text(value[1])} ({value[0]})"
    if how == "Fn::GetAtt":
        return value[0] if value[1] in {"Arn", "Id"} else ".".join(value)
    return re.sub(r"^arn:.*:secret:", "secret:", re.sub(r"\$\{(\w+)\.Arn\}", r"\1", value))


def test_the_page_lists_every_right_of_every_function() -> None:
    section = (ROOT / "docs/security.md").read_text("utf-8").partition("\n### What each function may do\n")[2]
    rows = re.findall(r"^\| (\w+Function) \| (.+?) \| (.+) \|$", section.partition("\n## ")[0], re.M)
    missing = [f"| {' | '.join(each)} |" for each in rights() if each not in rows]
    gone = [each for each in rows if each not in set(rights())]
    assert (missing, gone) == ([], [])  # what is missing is said as the page's row
    assert len(rows) == len(set(rows))


def everybodys() -> list[tuple[str, Any]]:
    """Return the policies of more than one role, by name."""
    policies = resources(TEMPLATE, "AWS::IAM::Policy")
    return [(name, policy) for name, policy in policies if len(policy["Properties"]["Roles"]) > 1]


def test_the_page_lists_what_every_function_may_do_on_request() -> None:
    page = (ROOT / "docs/security.md").read_text("utf-8")
    rows = set(re.findall(r"^\| (\w+Policy) \| (.+?) \| (.+?) \| (\w+) \|$", page, re.M))
    assert rows == {
        (name, actions, on, policy["Condition"])
        for name, policy in everybodys()
        for _, actions, on in _rights(name, policy["Properties"]["PolicyDocument"], "")
    }


@pytest.mark.parametrize("policy", [name for name, _ in everybodys()])
def test_what_every_function_may_do_on_request_is_every_functions(policy: str) -> None:
    roles = {
        name: role.get("Condition")
        for name, role in resources(TEMPLATE, "AWS::IAM::Role")
        if name != "BackupRole"
    }
    assert TEMPLATE["Resources"][policy]["Properties"]["Roles"] == [
        {"Fn::If": [condition, {"Ref": name}, {"Ref": "AWS::NoValue"}]} if condition else {"Ref": name}
        for name, condition in roles.items()
    ]


def test_the_boundary_is_around_every_role_also_those_that_sam_makes() -> None:
    roles = [role for _, role in resources(TEMPLATE, "AWS::IAM::Role")]
    assert [each["Properties"]["PermissionsBoundary"] for each in roles] == [BOUNDARY] * len(roles)
    schedules = [
        event["Properties"]
        for _, function in resources(TEMPLATE, "AWS::Serverless::Function")
        for event in function["Properties"].get("Events", {}).values()
        if event["Type"] == "ScheduleV2"
    ]
    assert [each["PermissionsBoundary"] for each in schedules] == [BOUNDARY] * len(schedules)
    assert len(schedules) >= 4
