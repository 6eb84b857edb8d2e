"""What lets a new stack take up tables that are there."""

from __future__ import annotations

import json
import re
from pathlib import Path

from infra.deployed.adoption import TABLES, main, tables_only, to_import
from infra.local.template import load


def test_the_template_has_the_tables_as_they_are_deployed_and_nothing_else() -> None:
    kept, whole = tables_only(load()), load()["Resources"]
    assert tuple(kept["Resources"]) == TABLES
    for name in TABLES:
        described = {**whole[name]["Properties"]}
        del described["StreamSpecification"]
        assert kept["Resources"][name] == {**whole[name], "Properties": described}


def test_every_table_of_the_template_is_taken_up() -> None:
    tables = {name for name, each in load()["Resources"].items() if each["Type"] == "AWS::DynamoDB::Table"}
    assert set(TABLES) == tables


def test_what_is_imported_must_stay_when_the_stack_goes() -> None:
    policies = [each["DeletionPolicy"] for each in tables_only(load())["Resources"].values()]
    assert policies == ["RetainExceptOnCreate"] * len(TABLES)


def test_whatever_the_tables_refer_to_is_in_the_template() -> None:
    kept = tables_only(load())
    text = json.dumps([kept["Resources"], kept["Conditions"]])
    for name in set(re.findall(r'"Ref": "(\w+)"', text)):
        assert name in kept["Parameters"]
    for name in set(re.findall(r'"Fn::If": \["(\w+)"', text)):
        assert name in kept["Conditions"]


def test_the_template_fits_into_a_call() -> None:
    assert len(json.dumps(tables_only(load()), indent=2)) < 51_200


def test_the_command_writes_both_files(tmp_path: Path) -> None:
    assert main(["worklist-1", "accounts-1", str(tmp_path / "new")]) == 0
    written = json.loads((tmp_path / "new" / "import.json").read_text("utf-8"))
    assert written == to_import({"WorklistTable": "worklist-1", "AccountsTable": "accounts-1"})
    assert "Resources" in json.loads((tmp_path / "new" / "template.json").read_text("utf-8"))
