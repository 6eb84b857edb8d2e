"""What each kind of error comes to: the one table for the API and both commands."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import edge_relay.cli
import edge_relay.commands.errors
import infra.cli
import infra.commands.tools
from shared import errors
from shared.errors import (
    EXIT_CODES,
    EXIT_CODES_HELP,
    OUTCOMES,
    AlreadyExists,
    Conflict,
    ExitCode,
    Forbidden,
    MwlError,
    NotFound,
    Outdated,
    Rejected,
    Unavailable,
    outcome_of,
    unusable_file,
)

DOCS = Path(__file__).parents[3] / "docs"
_ROW = re.compile(r"^\| (\d) \| (.+) \|$", re.MULTILINE)

EXPECTED = {
    Rejected: (2, 422),
    NotFound: (2, 404),
    AlreadyExists: (2, 409),
    Outdated: (1, 412),
    Forbidden: (1, 403),
    Conflict: (3, 409),
    Unavailable: (3, 503),
    MwlError: (1, 500),
}


def test_every_error_has_a_row() -> None:
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, MwlError)}
    assert OUTCOMES.keys() == kinds == EXPECTED.keys()


@pytest.mark.parametrize("kind", EXPECTED)
def test_an_error_has_one_exit_code_and_one_status(kind: type[MwlError]) -> None:
    outcome = outcome_of(kind("went wrong"))
    assert (outcome.exit_code, outcome.status) == EXPECTED[kind]


def test_a_special_error_comes_to_what_its_general_one_does() -> None:
    class Sick(Unavailable):
        pass

    assert outcome_of(Sick("is down")) == OUTCOMES[Unavailable]


def test_no_row_hides_one_below_it() -> None:
    kinds = list(OUTCOMES)
    hidden = [(a, b) for i, a in enumerate(kinds) for b in kinds[i + 1 :] if issubclass(b, a)]
    assert hidden == []


@pytest.mark.parametrize("kind", EXPECTED)
def test_only_what_may_help_the_second_time_says_try_again(kind: type[MwlError]) -> None:
    assert kind.retryable is (OUTCOMES[kind].exit_code is ExitCode.TRY_AGAIN)


def test_what_is_there_already_is_no_lost_race() -> None:
    assert not issubclass(AlreadyExists, Conflict)
    assert not issubclass(Conflict, AlreadyExists)


@pytest.mark.parametrize("reported", [edge_relay.commands.errors.reported, infra.commands.tools.reported])
@pytest.mark.parametrize("kind", EXPECTED)
def test_both_commands_end_by_the_table(
    kind: type[MwlError],
    reported: Callable[[], AbstractContextManager[None]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(typer.Exit) as ended, reported():
        raise kind("went wrong", where="here")
    assert ended.value.exit_code == EXPECTED[kind][0]
    assert capsys.readouterr().err.endswith(": here: went wrong\n")


@pytest.mark.parametrize("page", ["relay.md", "cloud.md"])
def test_the_docs_hold_the_table(page: str) -> None:
    rows = _ROW.findall((DOCS / page).read_text("utf-8"))
    assert {int(code): meaning for code, meaning in rows} == {int(c): text for c, text in EXIT_CODES.items()}


@pytest.mark.parametrize("app", [edge_relay.cli.app, infra.cli.app])
def test_help_names_every_exit_code(app: typer.Typer) -> None:
    shown = CliRunner().invoke(app, ["--help"]).output
    assert " ".join(EXIT_CODES_HELP.split()) in " ".join(shown.split())
    assert [int(code) for code in re.findall(r"\d", EXIT_CODES_HELP)] == list(EXIT_CODES)


@pytest.mark.parametrize(
    ("where", "hint", "said"),
    [
        ("", "", "is too long"),
        ("site", "", "site: is too long"),
        ("", "shorten it", "is too long (shorten it)"),
        ("site", "shorten it", "site: is too long (shorten it)"),
    ],
)
def test_an_error_says_where_what_and_what_to_do(where: str, hint: str, said: str) -> None:
    assert str(MwlError("is too long", where=where, hint=hint)) == said


@pytest.mark.parametrize(
    ("kind", "retryable"),
    [(Rejected, False), (NotFound, False), (Forbidden, False), (Conflict, True), (Unavailable, True)],
)
def test_only_what_may_pass_is_worth_trying_again(kind: type[MwlError], retryable: bool) -> None:
    assert kind("x").retryable is retryable


def test_what_pydantic_is_told_of_is_a_value_error() -> None:
    assert issubclass(Rejected, ValueError)
    assert not issubclass(Unavailable, ValueError)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            FileNotFoundError(2, "No such file or directory", "/proc/x"),
            "/proc/x: cannot be used: No such file",
        ),
        (PermissionError(13, "Permission denied", "a", None, "b"), "b: cannot be used: Permission denied"),
        (OSError(28, "No space left on device"), "the disk: cannot be used: No space left on device"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_and_a_full_disk_too(error: OSError, said: str) -> None:
    assert str(unusable_file(error)).startswith(said)


@pytest.mark.parametrize(
    "error", [BrokenPipeError(32, "Broken pipe"), ConnectionResetError(104, "reset"), OSError()]
)
def test_an_error_about_no_file_stays_what_it_is(error: OSError) -> None:
    with pytest.raises(type(error)):
        unusable_file(error)
