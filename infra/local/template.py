"""template.yaml as plain data: what runs here is made from what is deployed, and cannot drift from it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

if TYPE_CHECKING:
    from mypy_boto3_sqs.literals import QueueAttributeNameType

TEMPLATE: Final = (
    Path(__file__).parents[1] / "template.yaml"
)  # in a checkout a link to the root's; see pyproject.toml
_TABLE_SETTINGS: Final = (
    "AttributeDefinitions",
    "KeySchema",
    "LocalSecondaryIndexes",
    "GlobalSecondaryIndexes",
    "BillingMode",
)


if TYPE_CHECKING:
    from yaml import SafeLoader
else:  # the same in C is ten times as fast, where PyYAML was built with it
    SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(SafeLoader):
    """CloudFormation's short functions become long ones: ``!Ref X`` is ``{"Ref": "X"}``."""


def _intrinsic(loader: _Loader, suffix: str, node: yaml.Node) -> Any:
    value: Any = None
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".")
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _intrinsic)


def load(path: Path = TEMPLATE) -> dict[str, Any]:
    """Return a template as plain data."""
    template: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a SafeLoader
    return template


def table_definitions() -> dict[str, dict[str, Any]]:
    """Return what CreateTable needs of each table, by logical id."""
    return {
        name: {key: resource["Properties"][key] for key in _TABLE_SETTINGS if key in resource["Properties"]}
        for name, resource in load()["Resources"].items()
        if resource["Type"] == "AWS::DynamoDB::Table"
    }


def queues() -> Iterator[tuple[str, str, dict[QueueAttributeNameType, str]]]:
    """Yield the logical id of each queue, and what CreateQueue needs: its name, and if it keeps an order."""
    for resource, content in load()["Resources"].items():
        if content["Type"] == "AWS::SQS::Queue":
            is_fifo = content["Properties"].get("FifoQueue", False)
            yield (
                resource,
                f"{resource}.fifo" if is_fifo else resource,
                {"FifoQueue": "true"} if is_fifo else {},
            )
