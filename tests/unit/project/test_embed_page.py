"""docs/embed.md against template.yaml: the parameters, outputs and resources that its examples name."""

from __future__ import annotations

import re

from tests.rigs.cloudformation import load
from tests.structure.imports import ROOT

PAGE = (ROOT / "docs/embed.md").read_text("utf-8")
TEMPLATE = load()


def test_the_examples_give_parameters_that_there_are() -> None:
    named = set(re.findall(r"^\s+([A-Z]\w+) *[=:] ", PAGE, re.M))
    assert len(named) > 6
    assert named <= set(TEMPLATE["Parameters"])


def test_the_examples_take_up_outputs_and_resources_that_there_are() -> None:
    outputs = set(re.findall(r'outputs\["(\w+)"\]|output `(\w+)`', PAGE))
    assert {name for pair in outputs for name in pair if name} <= set(TEMPLATE["Outputs"])
    assert set(re.findall(r"getResource\('(\w+)'\)", PAGE)) <= set(TEMPLATE["Resources"])


def test_the_template_is_too_long_to_go_into_a_call() -> None:
    assert (ROOT / "template.yaml").stat().st_size > 51_200
