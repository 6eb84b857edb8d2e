"""What a handler imports in the end, found in sources that are made up, and in ours."""

from __future__ import annotations

from typing import Any

import pytest

from infra.artefacts.build import source
from infra.artefacts.imports import imported_by
from tests.rigs.cloudformation import load, resources, statements

FILES = {
    "lambdas": "",
    "lambdas.work": "import json\nfrom lambdas.store import rows\nimport boto3\n\ndef handler(e, c): ...",
    "lambdas.store": "import shared.words",
    "lambdas.store.rows": "from pynamodb.models import Model\ndef late():\n    import redcap.project",
    "lambdas.unused": "import fastapi",
    "shared": "",
    "shared.words": "from lambdas import work",
}

TEMPLATE = load()
CALLED = {
    "secretsmanager:GetSecretValue": "secretsmanager",
    "sqs:SendMessage": "sqs",
    "s3:PutObject": "s3",
    "ses:SendEmail": "sesv2",
}
SENT_BY_LAMBDA = {"HistoryStreamFunction": {"sqs"}}
"""Lambda itself sends what the function could not do to a queue, with the function's role."""


def of(**changes: str) -> set[str]:
    files = FILES | {f"lambdas.{name}": text for name, text in changes.items()}
    found = imported_by("lambdas.work.handler", files.get)
    return set(found.modules | found.others | found.aws_services)


def test_what_is_imported_by_what_is_imported_counts_and_what_nobody_imports_does_not() -> None:
    assert of() == (FILES.keys() - {"lambdas.unused"}) | {"boto3", "pynamodb", "redcap"}


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("import yaml", True),
        ("def f():\n    from yaml import load", True),
        ("try:\n    import yaml\nexcept ImportError:\n    yaml = None", True),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import yaml", False),
        ("import typing\nif typing.TYPE_CHECKING:\n    pass\nelse:\n    import yaml", True),
        ("from . import rows", False),
        ("import yaml.nodes as n", True),
    ],
)
def test_imports_count_wherever_they_are_but_not_those_for_the_type_checker(text: str, counts: bool) -> None:
    assert ("yaml" in of(work=text)) == counts


def test_a_name_imported_from_a_package_may_be_a_module() -> None:
    assert "lambdas.unused" in of(work="from lambdas import unused")


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ('boto3.client("sqs", region_name=r)', True),
        ("session.client(\n    'sqs',\n)", True),
        ('make_client("sqs", region, endpoint_url)', True),
        ('clients.make_client("sqs", region, patient=False)', True),
        ('client("sqs")', True),
        ("boto3.client(name)", False),
        ('queue.send("sqs")', False),
        ('makers["client"]("sqs")', False),
        ("client()", False),
    ],
)
def test_aws_services_are_those_that_a_client_is_made_of(text: str, counts: bool) -> None:
    assert ("sqs" in of(work=text)) == counts


def may_call(function: dict[str, Any]) -> set[str]:
    """The services that a function's role lets it call, by botocore's names; DynamoDB comes with PynamoDB."""
    role = TEMPLATE["Resources"][function["Properties"]["Role"]["Fn::GetAtt"][0]]
    actions = {action for actions, _ in statements(role) for action in actions}
    return {name for action, name in CALLED.items() if action in actions}


@pytest.mark.parametrize(("name", "function"), [*resources(TEMPLATE, "AWS::Serverless::Function")])
def test_a_function_carries_the_services_that_its_role_lets_it_call(
    name: str, function: dict[str, Any]
) -> None:
    found = imported_by(function["Properties"]["Handler"], source).aws_services
    assert may_call(function) - SENT_BY_LAMBDA.get(name, set()) <= found


def test_a_handler_without_a_module_is_named() -> None:
    with pytest.raises(LookupError, match=r"lambdas\.gone\.handler: there is no module lambdas\.gone"):
        imported_by("lambdas.gone.handler", FILES.get)
