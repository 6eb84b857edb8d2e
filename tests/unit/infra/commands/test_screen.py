"""Tables on the terminal show what others wrote as it is written."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from infra.commands import screen


@pytest.mark.parametrize("text", ["arn:aws:secretsmanager:eu:1:secret:x", "a:o:b", "[bold]x[/bold]", "[x]"])
def test_a_table_shows_what_others_wrote_as_it_is_written(text: str) -> None:
    out = io.StringIO()
    on = Console(file=out, width=80, markup=screen.console()._markup, emoji=screen.console()._emoji)
    screen.show_table("Sources", ("id",), [(text,)], on)
    assert text in out.getvalue()
