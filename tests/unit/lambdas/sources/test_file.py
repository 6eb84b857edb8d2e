"""A definition's file is read as TOML or JSON, and an error names its key and the closest that exists."""

from __future__ import annotations

import json

import pytest

from lambdas.sources.file import check_against, definition_from, parse_definition
from shared.errors import Rejected
from tests.rigs.redcap import CLASSIC_FILE, classic_data, classic_definition


def refusal(data: object) -> Rejected:
    with pytest.raises(Rejected) as refused:
        definition_from(data)
    return refused.value


def test_toml_and_json_say_the_same() -> None:
    from_toml = parse_definition(CLASSIC_FILE.read_text(encoding="utf-8"))
    assert parse_definition("\n  " + json.dumps(classic_data())) == from_toml


@pytest.mark.parametrize(("text", "said"), [('{"id": 1,\n]', "JSON in line 2"), ("id = \n", "TOML")])
def test_a_file_that_cannot_be_read_is_named_with_the_place(text: str, said: str) -> None:
    with pytest.raises(Rejected, match=said) as refused:
        parse_definition(text)
    assert refused.value.where == "source"


def test_every_wrong_key_is_named_at_once() -> None:
    said = refusal(classic_data(intervall_seconds=5, time_zone="Mars/Olympus"))
    assert said.where == "source classic"
    assert "intervall_seconds: there is no such key; did you mean interval_seconds" in said.what
    assert "time_zone: " in said.what
    assert said.what.count("; ") >= 2


def test_a_wrong_key_deep_inside_is_compared_with_the_keys_that_exist_there() -> None:
    said = refusal(
        classic_data(gates=[{"field": "a", "values": ["1"], "reason": "x", "unless": {"feld": "b"}}])
    )
    assert "gates.0.unless.feld: there is no such key; did you mean field" in said.what


@pytest.mark.parametrize("data", [None, [], "x", {"id": 5}])
def test_what_has_no_id_is_just_a_source(data: object) -> None:
    assert refusal(data).where == "source"


def test_a_definition_that_does_not_fit_its_project_is_refused_with_every_reason() -> None:
    with pytest.raises(Rejected) as refused:
        check_against(classic_definition(), [{"field_name": "study_id", "form_name": "demographics"}])
    assert refused.value.where == "source classic"
    assert "the project has no field mri_date" in refused.value.what
    assert "the project has no field demo_sex" in refused.value.what
