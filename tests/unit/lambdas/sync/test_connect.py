"""A source's token: alone in its secret, or one of several."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from lambdas.sources.definition import SourceDefinition
from lambdas.sync.connect import token_of
from shared.errors import Rejected
from tests.rigs.redcap import classic_data

SECRETS: dict[str, dict[str, Any]] = {
    "p/youth": {"token": " A1 \n"},
    "p/hospital": {"youth": "B2", "elders": "C3", "broken": 7},
}


@pytest.mark.parametrize(
    ("reference", "token"), [("youth", "A1"), ("hospital:youth", "B2"), ("hospital:elders", "C3")]
)
def test_a_reference_names_a_secret_or_a_key_in_it(reference: str, token: str) -> None:
    assert token_of(reference, "p/", SECRETS.__getitem__) == token


@pytest.mark.parametrize("reference", ["hospital", "hospital:token", "hospital:broken", "youth:youth"])
def test_a_secret_without_that_key_is_rejected_and_not_quoted(reference: str) -> None:
    with pytest.raises(Rejected) as caught:
        token_of(reference, "p/", SECRETS.__getitem__)
    told = str(caught.value)
    assert "p/" in told
    assert json_key(reference) in told
    assert not any(token in told for token in ("A1", "B2", "C3"))


def json_key(reference: str) -> str:
    return f'"{reference.partition(":")[2] or "token"}"'


@pytest.mark.parametrize("reference", ["youth", "hospital:youth", "a.b_c-1:d.e"])
def test_a_definition_may_name_a_key(reference: str) -> None:
    data = {**classic_data(), "token_secret": reference}
    assert SourceDefinition.model_validate(data).token_secret == reference


@pytest.mark.parametrize("reference", ["", ":youth", "hospital:", "a:b:c", "../signing-key", "a/b", "a:b/c"])
def test_a_definition_names_nothing_else(reference: str) -> None:
    with pytest.raises(ValidationError, match="token_secret"):
        SourceDefinition.model_validate({**classic_data(), "token_secret": reference})
