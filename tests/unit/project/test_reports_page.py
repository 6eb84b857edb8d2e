"""docs/reports.md defines every figure, and no other."""

from __future__ import annotations

import re

from lambdas.api.reports.figures import Figures
from tests.structure.imports import ROOT


def test_the_page_defines_every_figure_and_no_other() -> None:
    page = (ROOT / "docs/reports.md").read_text("utf-8")
    table = page.split("## Know each figure")[1].split("\n\n")[1]
    defined = [name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])]
    assert defined == list(Figures.model_fields)
