"""docs/sources.md: its examples do what it says, and it leaves no key out."""

from __future__ import annotations

import json
import re
import tomllib
from itertools import groupby
from typing import Any

import pytest
from pydantic import BaseModel

from lambdas.mapping.record import map_record
from lambdas.redcap.row import RedcapRow
from lambdas.sources.definition import OperatingWindow, SourceDefinition, WriteBack
from lambdas.sources.field_mapping import ITEM_FIELDS, FieldMapping, TemplatePart
from lambdas.sources.file import parse_definition
from lambdas.sources.limits import Limits
from lambdas.sources.protocol_codes import ProtocolCode, ProtocolCodes
from lambdas.sources.scan_rows import Exemption, Filter, Gate, Join, ScanRows
from lambdas.sources.transforms import Transform
from tests.structure.imports import ROOT

PAGE = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```json\n(.+?)```\s+```toml\n(.+?)```.+?```json\n(.+?)```", PAGE, re.DOTALL)
PARTS = (
    SourceDefinition,
    ScanRows,
    Filter,
    Join,
    Gate,
    Exemption,
    FieldMapping,
    TemplatePart,
    Transform,
    ProtocolCodes,
    ProtocolCode,
    OperatingWindow,
    WriteBack,
    Limits,
)


def alike(told: dict[str, Any], model: BaseModel) -> dict[str, Any]:
    """Return of a result what the page tells of one."""
    return {key: value for key, value in model.model_dump().items() if key in told}


def test_there_is_an_example_for_every_shape() -> None:
    assert len(EXAMPLES) == 3
    assert len(re.findall("```", PAGE)) == 2 * 3 * len(EXAMPLES)


@pytest.mark.parametrize(
    ("rows", "definition", "result"), EXAMPLES, ids=["classic", "longitudinal", "single"]
)
def test_an_example_does_what_the_page_says(rows: str, definition: str, result: str) -> None:
    source, told = parse_definition(definition), json.loads(result)
    every = [RedcapRow.from_flat(flat, source.record_id_field) for flat in json.loads(rows)]
    outcomes = [map_record(source, list(own)) for _, own in groupby(every, key=lambda row: row.record)]
    for kind in ("items", "held", "rejected"):
        made = [model for outcome in outcomes for model in getattr(outcome, kind)]
        assert len(made) == len(told[kind])
        assert [alike(one, model) for one, model in zip(told[kind], made, strict=True)] == told[kind]


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_every_key_is_on_the_page(part: type[BaseModel]) -> None:
    tables = {"rows", "joins", "gates", "fields", "parts", "protocol", "write_back", "limits"}
    missing = [
        name for name in part.model_fields if name not in tables and not re.search(rf"\b{name}\b", PAGE)
    ]
    missing += [name for name in tables & part.model_fields.keys() if f"[{name}]" not in PAGE]
    assert missing == []


def test_every_worklist_field_is_on_the_page() -> None:
    assert [name for name in sorted(ITEM_FIELDS) if f"`{name}`" not in PAGE] == []


def test_every_step_shown_makes_what_is_shown() -> None:
    shown = re.findall(r"^\| `(\{.+?\})` \| `(.+?)` \| `(.+?)` \|$", PAGE, re.MULTILINE)
    assert len(shown) == 15
    for step, before, after in shown:
        data = tomllib.loads(f"step = {step}")["step"]
        assert Transform.model_validate(data).apply(before) == after
