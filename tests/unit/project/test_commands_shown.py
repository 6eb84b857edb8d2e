"""Every command that a page shows can be typed: its subcommands, options and number of arguments exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from typer.main import get_command

import edge_relay.cli
import infra.cli
from tests.structure.imports import ROOT

DOCS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
TARGETS = set(re.findall(r"^([a-z-]+):(?!=)", MAKEFILE, re.MULTILINE))
VARIABLES = set(re.findall(r"^([A-Z_]+) \??:?=", MAKEFILE, re.MULTILINE)) | {"OUT"}
OF_EVERY_AWS_COMMAND = {"--region", "--profile", "--output", "--query", "--cli-input-json"}


def shown(text: str) -> Iterator[str]:
    """Yield what is set as code, in backticks or indented: a command that goes on in the next line is one."""
    text = re.sub(r"\\\n *", "", text)
    yield from (re.sub(r"\s+", " ", each) for each in re.findall(r"`([^`]+)`", text))
    yield from (
        line.strip() for line in re.findall(r"^ {4,}(?![-*|] ).*$", text, re.MULTILINE) if "`" not in line
    )


def typed(text: str) -> Iterator[list[str]]:
    """Yield the words of each command of ours, of make and of AWS that a page shows."""
    for line in shown(text):
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            continue  # half of something: no command
        while words and re.match(r"[A-Z_]+=", words[0]):
            words = words[1:]
        if words and words[0] in {"mwl-cloud", "mwl-relay", "make", "aws"}:
            yield words


def wrong(words: list[str]) -> str:
    """Return what is wrong with a command, empty if nothing is."""
    if words[0] == "make":
        return _wrong_target(words[1:])
    if words[0] == "aws":
        return _wrong_call(words[1:])
    return _wrong_command(_program(words[0]), words[1:])


@cache
def _program(name: str) -> Any:
    return get_command(infra.cli.app if name == "mwl-cloud" else edge_relay.cli.app)


def _wrong_target(words: list[str]) -> str:
    for word in words:
        name, assigns, _ = word.partition("=")
        if name not in (VARIABLES if assigns else {*TARGETS, "TARGET"}):
            return f"make knows no {name}"
    return ""


def _wrong_command(command: Any, words: list[str]) -> str:
    given, left = 0, list(words)
    while left:
        word = left.pop(0)
        if word.startswith("-") and len(word) > 1:
            name, assigned, _ = word.partition("=")
            option = _options(command).get(name)
            if option is None and name != "--help":
                return f"{command.name} has no option {name}"
            if option and not option.is_flag and not option.count and not assigned:
                left = left[option.nargs :]
        elif hasattr(command, "commands"):
            names = word.split("|")  # "show|apply": either
            if missing := [name for name in names if name not in command.commands]:
                return f"{command.name} has no command {missing[0]}"
            command = command.commands[names[0]]
        elif word in {">", "|", "&&", "..."}:
            break
        else:
            given += 1
    return f"{command.name} takes fewer arguments" if given > _most_arguments(command) else ""


def _options(command: Any) -> dict[str, Any]:
    options = [each for each in command.params if each.param_type_name == "option"]
    return {name: each for each in options for name in (*each.opts, *each.secondary_opts)}


def _most_arguments(command: Any) -> float:
    taken = [each.nargs for each in command.params if each.param_type_name == "argument"]
    return float("inf") if -1 in taken else sum(taken)


@cache
def _operations(service: str) -> dict[str, set[str]]:
    """Return the options of each of a service's operations, as AWS's own description of it has them."""
    model = botocore.session.get_session().get_service_model(service)
    operations = [model.operation_model(name) for name in model.operation_names]
    return {
        xform_name(each.name, "-"): {
            f"--{xform_name(name, '-')}" for name in (each.input_shape.members if each.input_shape else ())
        }
        for each in operations
    }


def _wrong_call(words: list[str]) -> str:
    service, operation, *rest = words
    if operation not in _operations(service):
        return f"aws {service} has no {operation}"
    options = {word.partition("=")[0] for word in rest if word.startswith("--")}
    # A switch, such as DeletionProtectionEnabled, is said or denied.
    known = {name.replace("--no-", "--") for name in options}
    unknown = known - _operations(service)[operation] - OF_EVERY_AWS_COMMAND
    return f"aws {service} {operation} has no {', '.join(sorted(unknown))}" if unknown else ""


@pytest.mark.parametrize("page", DOCS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_of_a_page_can_be_typed(page: Path) -> None:
    commands = list(typed(page.read_text("utf-8")))
    assert [f"{shlex.join(each)}: {why}" for each in commands if (why := wrong(each))] == []


def test_the_page_for_operators_shows_commands_of_every_kind() -> None:
    programs = {words[0] for words in typed((ROOT / "docs/operate.md").read_text("utf-8"))}
    assert programs == {"mwl-cloud", "mwl-relay", "make", "aws"}


@pytest.mark.parametrize(
    "command",
    [
        "mwl-cloud relays forget r1",
        "mwl-cloud users create ana --roll admin",
        "mwl-cloud users delete ana ben",
        "mwl-relay list --outbocks",
        "make deploi",
        "make deploy ARG=--guided",
        "aws sqs purge --queue-url u",
        "aws sqs purge-queue --queue u",
    ],
)
def test_a_command_that_cannot_be_typed_is_noticed(command: str) -> None:
    assert wrong(shlex.split(command))


@pytest.mark.parametrize(
    "command",
    [
        "mwl-cloud users create ana --role admin",
        "mwl-cloud sources sync my-study --record 17 --confirm-withdrawals",
        "mwl-relay mpps create",
        "make deploy TARGET_ARCH=x86_64 ARGS=--guided",
        "aws dynamodb update-table --table-name t --no-deletion-protection-enabled",
    ],
)
def test_a_command_that_can_be_typed_is_not(command: str) -> None:
    assert wrong(shlex.split(command)) == ""
