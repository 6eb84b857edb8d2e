"""The manual pages say what the commands say."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from infra.man_pages import PROGRAMS, escaped, man_page, man_pages


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    made = man_pages(tmp_path_factory.mktemp("man"), release="1.2.3")
    return {page.name: page.read_text("utf-8") for page in made}


def test_each_program_has_a_page_that_names_the_release(pages: dict[str, str]) -> None:
    assert sorted(pages) == ["mwl-cloud.1", "mwl-relay.1"]
    assert all(r"mwl\-relay 1.2.3" in text.splitlines()[0] for text in pages.values())


@pytest.mark.parametrize(
    ("page", "command"),
    [
        ("mwl-relay.1", "mwl-relay enroll"),
        ("mwl-relay.1", "mwl-relay mpps create"),
        ("mwl-cloud.1", "mwl-cloud relays scanners apply"),
        ("mwl-cloud.1", "mwl-cloud import-pylantir"),
    ],
)
def test_every_command_has_its_section_groups_within_groups_too(
    pages: dict[str, str], page: str, command: str
) -> None:
    assert f'.SS "{escaped(command)}"' in pages[page].splitlines()


def test_an_option_is_shown_with_its_variable_and_its_default(pages: dict[str, str]) -> None:
    lines = pages["mwl-relay.1"].splitlines()
    said = lines[lines.index(r"\fB\-s, \-\-state\-dir <path>\fR") + 1]
    assert said.endswith(r"[env var: MWL_RELAY_STATE_DIR; default: /var/lib/mwl\-relay]")


def test_a_page_holds_nothing_of_the_machine_it_is_made_on(pages: dict[str, str]) -> None:
    import platform  # noqa: PLC0415

    machine = (escaped(str(Path(__file__).parents[3])), escaped(f"default: {platform.node()}"))
    assert [word for word in machine for text in pages.values() if word in text] == []


def test_what_a_help_text_holds_is_no_request_to_roff() -> None:
    app = typer.Typer(help="One.")

    @app.command(help=".so /etc/passwd\n\n'a \\fBc\\fR")
    def first() -> None: ...

    @app.command(help="Two.")
    def second() -> None: ...

    lines = man_page("mwl-relay", get_command(app), "1").splitlines()
    assert r"\&.so /etc/passwd" in lines
    assert r"\&'a \efBc\efR" in lines


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff checks what man would print")
@pytest.mark.parametrize("program", PROGRAMS)
def test_groff_has_nothing_to_warn_of(pages: dict[str, str], program: str) -> None:
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-P-cbou"],
        input=pages[f"{program}.1"].encode(),
        capture_output=True,
        check=True,
    )
    assert done.stderr == b""
    assert b"EXIT STATUS" in done.stdout
