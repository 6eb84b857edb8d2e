"""`make demo`: the whole loop on this machine, telling what happens as it happens.

With ``--once`` it plays the story and exits: 0 if every step held, 1 if one did not, 2 if it could not begin.
Without, it stays up afterwards for you to try things, until Ctrl-C.

With REDCAP_API_URL and REDCAP_API_TOKEN in the environment it shows that REDCap's worklist instead. It then
only reads: nothing is written to somebody's study for a demonstration.
"""

from __future__ import annotations

import os
import shlex
import signal
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from pydicom.dataset import Dataset
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from edge_relay.operations.memory import use_one_heap
from edge_relay.upper_layer.pynetdicom_tuning import quiet
from infra.local.options import SOURCE_FILE, ApiPort, AwsPort, DicomPort, RedcapPort, StackOptions
from infra.local.stack import LocalStack
from infra.local.story import Story, StoryFailed
from shared.errors import ExitCode, MwlError, unusable_file
from shared.text.quantity import quantity

FIRST_SYNC_SECONDS = 120.0
ITEMS_SHOWN = 20


class Stopped(Exception):
    """Somebody pressed Ctrl-C, or asked the process to end."""


def demo(
    once: Annotated[bool, typer.Option("--once", help="Play the story and exit.")] = False,
    folder: Annotated[Path, typer.Option(help="Everything is written here, and only here.")] = Path(".demo"),
    port: ApiPort = 0,
    redcap_port: RedcapPort = 0,
    dicom_port: DicomPort = 0,
    aws_port: AwsPort = 0,
    source: Annotated[Path, typer.Option(help="How REDCap's rows become worklist items.")] = SOURCE_FILE,
    within: Annotated[
        float | None,
        typer.Option(help="Fail if a booking takes more seconds than this to reach the scanner."),
    ] = None,
) -> None:
    """Show the whole loop: REDCap, the cloud, a relay, a scanner, and back to REDCap.

    With REDCAP_API_URL and REDCAP_API_TOKEN in the environment it shows that REDCap's worklist instead, and
    only reads.
    """
    options = options_from(folder, port, redcap_port, dicom_port, aws_port, source)
    serve(options, once=once, story=True, within=within)


def options_from(
    folder: Path, port: int, redcap_port: int, dicom_port: int, aws_port: int, source: Path
) -> StackOptions:
    """Return the stack's options, with the REDCap of the environment if it names one."""
    return StackOptions(
        folder=folder,
        api_port=port,
        redcap_port=redcap_port,
        dicom_port=dicom_port,
        aws_port=aws_port,
        redcap_url=os.environ.get("REDCAP_API_URL", ""),
        redcap_token=os.environ.get("REDCAP_API_TOKEN", ""),
        source_file=source,
    )


def serve(
    options: StackOptions,
    *,
    once: bool,
    story: bool,
    within: float | None = None,
    stack_of: Callable[[StackOptions, Callable[[str], None]], LocalStack] = LocalStack,
) -> None:
    """Run the stack until the story is told (``once``) or somebody stops it.

    :param stack_of: makes the stack of its options and of who is told what is being started.

    :raises typer.Exit: after saying why: `ExitCode.NO` if the story failed,
        `ExitCode.WRONG_USE` if the stack did not start.
    """
    quiet()
    use_one_heap()
    console = Console(emoji=False)  # an ARN may have ":secret:" in it
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        _run(console, partial(stack_of, options), once=once, story=story, within=within)
    except (KeyboardInterrupt, Stopped):
        console.print("Stopped; no process is left.")
    except StoryFailed as error:
        console.print(f"[bold red]✗[/] {escape(str(error))}", highlight=False)
        raise typer.Exit(ExitCode.NO) from None
    except MwlError as error:
        raise _cannot_run(console, error) from None
    except OSError as error:
        raise _cannot_run(console, unusable_file(error)) from None


def _cannot_run(console: Console, error: MwlError) -> typer.Exit:
    console.print(f"[bold red]Cannot run:[/] {escape(str(error))}", highlight=False)
    return typer.Exit(ExitCode.WRONG_USE)


def _run(
    console: Console,
    stack_of: Callable[[Callable[[str], None]], LocalStack],
    *,
    once: bool,
    story: bool,
    within: float | None,
) -> None:
    began = time.monotonic()
    with ExitStack() as closing:
        with console.status("Starting ...") as status:
            stack = stack_of(lambda part: status.update(f"Starting  {part} ..."))
            closing.enter_context(stack)
            closing.callback(_finish_stopping)
        megabytes = sum(stack.memory_bytes().values()) / 1e6
        console.print(f"Everything runs, after {time.monotonic() - began:.1f} s, in {megabytes:.0f} MB.\n")
        if not stack.simulated:
            _show_own_redcap(console, stack)
        elif story:
            _tell(console, stack, within)
        if not once:
            _say_where_everything_is(console, stack)
            _stay(stack)
        closing.enter_context(console.status("Stopping ..."))


def _tell(console: Console, stack: LocalStack, within: float | None) -> None:
    console.print(f"{_dashboard(stack)}\n", soft_wrap=True, highlight=False, markup=False)
    with console.status("") as status:
        for step in Story(stack, within).tell(status.update):
            console.print(f"[bold green]✓[/] {step.title}", highlight=False)
            console.print(f"  [dim]{step.seconds:6.2f} s[/]  {escape(step.result)}", highlight=False)
            console.print(f"  [dim]    look[/]  {step.look}", soft_wrap=True, highlight=False)
    console.print("\n[bold]The whole loop held, every step checked.[/]")


def _show_own_redcap(console: Console, stack: LocalStack) -> None:
    """Read somebody's own REDCap and show what a scanner would be given."""
    with console.status(f"Reading {stack.redcap_url} (nothing is written there) ..."):
        found = _first_worklist(stack)
    table = Table(title=f"What a scanner is shown: {quantity(len(found), 'exam')}")
    for heading in ("start", "station", "patient ID", "procedure"):
        table.add_column(heading)
    for exam in found[:ITEMS_SHOWN]:
        step = exam.ScheduledProcedureStepSequence[0]
        start = f"{step.ScheduledProcedureStepStartDate} {step.ScheduledProcedureStepStartTime}"
        description = str(step.ScheduledProcedureStepDescription)
        table.add_row(start, str(step.ScheduledStationAETitle), str(exam.PatientID), description)
    console.print(table)
    if len(found) > ITEMS_SHOWN:
        console.print(f"... and {len(found) - ITEMS_SHOWN} more")
    rejected = stack.source_state().rejected
    for row in rejected[:ITEMS_SHOWN]:
        console.print(f"[yellow]not shown:[/] record {escape(row.record)}, {row.field}: {escape(row.reason)}")


def _first_worklist(stack: LocalStack) -> list[Dataset]:
    """Return what a scanner is shown once the relay has everything the first sync found."""
    deadline = time.monotonic() + FIRST_SYNC_SECONDS
    while time.monotonic() < deadline:
        report = stack.source_state().report
        if report is not None and report.outcome != "ok":
            raise StoryFailed(f"REDCap could not be read: {report.error}")
        if report is not None:
            stored = stack.services.worklist.items_of_source(stack.definition.id, stack.definition.site)
            found = stack.worklist()
            if len(found) == sum(1 for _ in stored):
                return found
        time.sleep(0.2)
    raise StoryFailed("REDCap's items have not reached the relay", hint=f"see the logs in {stack.folder}")


def _dashboard(stack: LocalStack) -> str:
    return f"Dashboard  {stack.api_url}/app   user admin, password {stack.admin_password}"


def _say_where_everything_is(console: Console, stack: LocalStack) -> None:
    peer = stack.peer
    keys = '-k "0010,0010" -k "0010,0020" -k "0040,0100[0].0040,0002"'
    called = f"-aet {peer.calling_ae} -aec {peer.called_ae}"
    lines = [
        "",
        _dashboard(stack),
        f"REST API   {stack.api_url}/docs   the same user and password",
        f"REDCap     {stack.redcap_url}",
        f"The relay  DICOM {peer.host}:{peer.port}, AE title {peer.called_ae}",
        f"           its status page {stack.status_url}",
        "",
        "Ask as the scanner does, from a second terminal (findscu is in Debian's dcmtk):",
        "",
        f"findscu -W {called} {keys} {peer.host} {peer.port}",
        f".venv/bin/mwl-relay find --port {peer.port} --calling {peer.calling_ae}",
        f".venv/bin/mwl-relay status --state-dir {stack.folder}/relay",
        "",
        "Administer it, from that terminal, once it has this environment:",
        "",
        *(f"export {name}={shlex.quote(value)}" for name, value in sorted(stack.environment.items())),
        ".venv/bin/mwl-cloud relays list",
        "",
        f"All files are in {stack.folder}. Ctrl-C ends everything.",
    ]
    for line in lines:
        # Unwrapped, so that a line can be copied whole.
        console.print(line, soft_wrap=True, highlight=False, markup=False)


def _stay(stack: LocalStack) -> None:
    """Wait for Ctrl-C; end if a part ends by itself."""
    while True:
        for child in filter(None, (stack.redcap, stack.relay)):
            if not child.running():
                raise StoryFailed(
                    f"{child.name} ended by itself", hint=f"see {stack.folder}/{child.name}.log"
                )
        threading.Event().wait(0.5)


def _finish_stopping() -> None:
    """Let no second Ctrl-C interrupt the stopping, which is bounded by itself."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise Stopped


def main() -> None:
    """Run the command."""
    typer.run(demo)


if __name__ == "__main__":
    main()
