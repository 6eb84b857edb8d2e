"""Which protocol a scan has: by a value of its row, or the default, or none, and then the row is rejected."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from lambdas.sources.protocol_codes import ProtocolCodes
from shared.errors import Rejected

BRAIN, KNEE = {"protocol_name": "BRAIN"}, {"protocol_name": "KNEE"}


def codes(**changes: Any) -> ProtocolCodes:
    return ProtocolCodes.model_validate({"field": "kind", "codes": {"1": BRAIN, "2": KNEE}, **changes})


def test_a_value_chooses_its_protocol() -> None:
    assert codes().choose("2").item_fields() == KNEE


def test_a_value_is_worked_on_first() -> None:
    by_arm = codes(field="redcap_event_name", transforms=[{"after_last": "_arm_"}])
    assert by_arm.choose("visit_arm_2").item_fields() == KNEE


@pytest.mark.parametrize(("text", "said"), [("3", "holds a code"), ("", "is empty")])
def test_without_a_default_what_is_not_listed_is_refused(text: str, said: str) -> None:
    with pytest.raises(Rejected, match=said):
        codes().choose(text)


@pytest.mark.parametrize("text", ["3", ""])
def test_with_a_default_what_is_not_listed_has_that(text: str) -> None:
    assert codes(default=KNEE).choose(text).item_fields() == KNEE


def test_every_protocol_gives_the_same_fields() -> None:
    longer = {**KNEE, "procedure_description": "Knee"}
    for wrong in ({"codes": {"1": BRAIN, "2": longer}}, {"default": longer}):
        with pytest.raises(ValidationError, match="same keys"):
            codes(**wrong)
    assert codes().item_fields() == {"protocol_name"}
