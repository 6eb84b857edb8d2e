"""Manual pages, made of the commands themselves: ``python -m infra.man_pages FOLDER`` (``make man``).

A package calls `man_pages` when it is built. The pages hold nothing of the machine they are made on, so the
same sources give the same bytes.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from typer.main import get_command

PROGRAMS: Final = {"mwl-relay": "edge_relay.cli", "mwl-cloud": "infra.cli"}


def man_pages(
    folder: Path, programs: Sequence[str] = tuple(PROGRAMS), *, release: str | None = None
) -> list[Path]:
    """Write a page of section 1 for each program; return the files, like ``mwl-relay.1``.

    :param folder: made if needed.
    :param programs: some of `PROGRAMS`.
    :param release: the version the pages name; None: that of the installed distribution.
    """
    folder.mkdir(parents=True, exist_ok=True)
    release = version("mwl-relay") if release is None else release
    pages = []
    for program in programs:
        command = get_command(importlib.import_module(PROGRAMS[program]).app)
        page = folder / f"{program}.1"
        page.write_text(man_page(program, command, release), "utf-8")
        pages.append(page)
    return pages


# Typer brings its own copy of click, or takes the one installed: which, depends on its version. Hence Any.
def man_page(program: str, command: Any, release: str) -> str:
    """Return the manual page of a click command with all its subcommands, as roff for man(7)."""
    context = command.context_class(command, info_name=program)
    summary, *more = _paragraphs(command.help)
    footer = f"mwl-relay {release}"
    lines = [f'.TH "{escaped(program.upper())}" 1 "" "{escaped(footer)}" "User Commands"']
    lines += [".SH NAME", rf"{escaped(program)} \- {escaped(re.split('[:.;]', summary)[0])}"]
    lines += [".SH SYNOPSIS", *_usage(context), ".SH DESCRIPTION", escaped(summary)]
    lines += [line for each in more for line in (".PP", escaped(each))]
    lines += [".SH OPTIONS", *_parameters(context), ".SH COMMANDS"]
    lines += [line for each in _subcommands(context) for line in _section(each)]
    if command.epilog:
        lines += [".SH EXIT STATUS", *map(escaped, _paragraphs(command.epilog))]
    others = ", ".join(rf"\fB{escaped(other)}\fR(1)" for other in PROGRAMS if other != program)
    return "\n".join([*lines, ".SH SEE ALSO", others]) + "\n"


def escaped(text: str) -> str:
    """Return text that roff prints as it is, whatever it holds: no escape, no hyphenation, no request."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^(?=[.'])", r"\\&", text, flags=re.MULTILINE)


def _subcommands(context: Any) -> Iterator[Any]:
    """Yield the context of every command that can be called, groups resolved, in the order of the help."""
    command = context.command
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        inner = found.context_class(found, info_name=name, parent=context)
        if hasattr(found, "list_commands"):
            yield from _subcommands(inner)
        elif not found.hidden:
            yield inner


def _section(context: Any) -> list[str]:
    lines = [f'.SS "{escaped(context.command_path)}"', *_usage(context)]
    for paragraph in _paragraphs(context.command.help):
        lines += [".PP", escaped(paragraph)]
    return [*lines, *_parameters(context)]


def _usage(context: Any) -> list[str]:
    pieces = " ".join(context.command.collect_usage_pieces(context))
    return [rf"\fB{escaped(context.command_path)}\fR {escaped(pieces)}"]


def _parameters(context: Any) -> list[str]:
    records = [parameter.get_help_record(context) for parameter in context.command.get_params(context)]
    return [
        line
        for names, said in filter(None, records)
        for line in (".TP", rf"\fB{escaped(names)}\fR", escaped(" ".join(said.split())))
    ]


def _paragraphs(text: str | None) -> list[str]:
    return [" ".join(each.split()) for each in re.split(r"\n\s*\n", (text or "").strip())]


if __name__ == "__main__":
    for page in man_pages(Path(sys.argv[1])):
        print(page)
