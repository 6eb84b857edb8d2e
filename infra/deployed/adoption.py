"""``python -m infra.deployed.adoption WORKLIST ACCOUNTS FOLDER``: how a new stack takes up tables.

CloudFormation imports resources that are there into a stack of nothing else first (a change set of type
IMPORT). So this writes a template that has only the two tables, as `template.yaml` has them, and which table
is which. The deployment that follows updates that stack to all of `template.yaml`; the tables are already its
own then.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from infra.local.template import load

TABLES: Final = ("WorklistTable", "AccountsTable")


def tables_only(template: Mapping[str, Any]) -> dict[str, Any]:
    """Return a template with the tables of another, and its parameters and conditions.

    :param template: as `load` returns it.
    """
    tables = {name: dict(template["Resources"][name]) for name in TABLES}
    for table in tables.values():
        # The history's streams are turned on by the deployment that follows: an import may change nothing.
        table["Properties"] = {k: v for k, v in table["Properties"].items() if k != "StreamSpecification"}
    conditions = _named(tables, "Fn::If")
    kept = {name: template["Conditions"][name] for name in sorted(conditions)}
    parameters = _named([tables, kept], "Ref") & template["Parameters"].keys()
    return {
        "AWSTemplateFormatVersion": template["AWSTemplateFormatVersion"],
        "Parameters": {name: template["Parameters"][name] for name in sorted(parameters)},
        "Conditions": kept,
        "Resources": tables,
    }


def _named(part: Any, function: str) -> set[str]:
    """Return the names that a function of CloudFormation is given, anywhere in a part of a template."""
    found: set[str] = set()
    if isinstance(part, Mapping):
        if function in part:
            name = part[function]
            found.add(name[0] if isinstance(name, list) else name)
        part = list(part.values())
    if isinstance(part, list):
        found.update(*(_named(each, function) for each in part))
    return found


def to_import(names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return what CloudFormation calls ``ResourcesToImport``.

    :param names: of the tables in DynamoDB, by their names in the template.
    """
    return [
        {
            "ResourceType": "AWS::DynamoDB::Table",
            "LogicalResourceId": logical,
            "ResourceIdentifier": {"TableName": name},
        }
        for logical, name in names.items()
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m infra.deployed.adoption", description=__doc__)
    parser.add_argument("worklist", help="the worklist table's name in DynamoDB")
    parser.add_argument("accounts", help="the accounts table's name in DynamoDB")
    parser.add_argument("folder", type=Path, help="where to write template.json and import.json")
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    names = dict(zip(TABLES, (options.worklist, options.accounts), strict=True))
    _write(options.folder / "template.json", tables_only(load()))
    _write(options.folder / "import.json", to_import(names))
    return 0


def _write(file: Path, content: object) -> None:
    file.write_text(json.dumps(content, indent=2, default=str) + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
