"""docs/security.md against the template, the relay's files and the table of roles."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from edge_relay.services.profiles import SCANNERS_FILE
from edge_relay.storage import state_files
from lambdas.api.pages.views import navigation
from tests.integration.test_api_roles import ROUTES
from tests.rigs.cloudformation import load, resources, statements
from tests.structure.imports import ROOT

PAGE = (ROOT / "docs/security.md").read_text("utf-8")
TEMPLATE = load()
KEEPS_DATA = (
    "Backup::BackupVault",
    "DynamoDB::Table",
    "S3::Bucket",
    "SecretsManager::Secret",
    "SQS::Queue",
    "Logs::LogGroup",
)
STORES = [name for kind in KEEPS_DATA for name, _ in resources(TEMPLATE, f"AWS::{kind}")]
READS = {
    "dynamodb:BatchGetItem",
    "dynamodb:GetItem",
    "dynamodb:GetRecords",  # of the table's stream
    "dynamodb:Query",
    "dynamodb:Scan",
    "s3:GetObject",
    "secretsmanager:GetSecretValue",
    "sqs:ReceiveMessage",
}
ROLES = dict(resources(TEMPLATE, "AWS::IAM::Role"))


def table_under(heading: str) -> list[list[str]]:
    """Return the cells of the first table under a heading, without its head."""
    section = PAGE.partition(f"\n{heading}\n")[2].partition("\n#")[0]
    rows = re.findall(r"^\|(.+)\|$", section, re.M)
    return [[cell.strip() for cell in row.split("|")] for row in rows[2:]]


def readers(store: str) -> set[str]:
    """Return the functions whose roles let them read a store."""
    return {
        name
        for name, function in resources(TEMPLATE, "AWS::Serverless::Function")
        for actions, on in rights(function["Properties"]["Role"]["Fn::GetAtt"][0])
        if READS & set(actions) and re.search(rf"\b{store}\b", json.dumps(on))
    }


def rights(role: str) -> Iterator[tuple[list[str], list[Any]]]:
    """Yield the statements of a role, those besides that a parameter may take away."""
    yield from statements(ROLES[role])
    for _, policy in resources(TEMPLATE, "AWS::IAM::Policy"):
        if policy["Properties"]["Roles"] == [{"Ref": role}]:
            yield from statements({"Properties": {"Policies": [policy["Properties"]]}})


def test_the_inventory_has_every_store_of_the_template_and_nothing_that_is_gone() -> None:
    cells = " ".join(row[0] for row in table_under("## Which data is where") if "relay:" not in row[0])
    assert set(re.findall(r"`(\w+)`", cells)) - {"History"} == set(STORES)


def test_the_inventory_has_every_file_of_the_relay() -> None:
    cells = [row[0] for row in table_under("## Which data is where") if row[0].startswith("relay:")]
    files = {value for name, value in vars(state_files).items() if name.endswith("_FILE")}
    assert {re.findall(r"`([\w.]+)`", cell)[0] for cell in cells} == {*files, SCANNERS_FILE, "identity.json"}


def test_the_page_says_which_function_reads_which_store() -> None:
    said = {
        row[0].strip("`"): set(row[1].split(", "))
        for row in table_under("### Which function reads which store")
    }
    tokens = said.pop("mwl-relay/redcap/")
    assert said == {store: readers(store) for store in STORES if readers(store)}
    assert tokens == readers("redcap")


def test_the_page_says_who_may_call_which_route() -> None:
    said = {tuple(row[0].strip("`").split(" ")): row[1] for row in table_under("## What each role sees")}
    assert said == ROUTES


def test_the_page_says_who_sees_which_page_of_the_dashboard() -> None:
    said = {
        role: set(re.split(r", (?=[A-Z])| and (?=[A-Z])", titles))
        for titles, role in re.findall(r"(?:: |; )([A-Z][\w, -]+?) are for `(\w+)`", PAGE)
    }
    assert said == {
        role: {title for _, title, needed in navigation.PAGES if needed.value == role}
        for role in ("read", "admin")
    }


def test_every_parameter_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`([A-Z][a-z]\w+)`", PAGE)) - set(TEMPLATE["Resources"])
    assert len(named) > 3
    assert named - set(TEMPLATE["Parameters"]) == set()
