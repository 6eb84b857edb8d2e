"""``mwl-cloud history``: export what ever happened, and ask questions of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from infra.commands.tools import reported
from shared.errors import Rejected
from shared.missing_extra import needs_extra
from shared.text.quantity import quantity

history = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Everything that ever happened, as files for analysis; see docs/history.md.",
)


@history.command("make-key")
def make_key() -> None:
    """Make the key that turns ids into pseudonyms, once. Without it nobody can find out who is who."""
    from infra.commands.history import settings

    with reported():
        typer.echo(f"made: {settings.make_key()}; keep it: another key would give everybody other pseudonyms")


@history.command()
def export(
    first: Annotated[str, typer.Option("--from", help="The first day, YYYY-MM-DD, UTC.")] = "1970-01-01",
    last: Annotated[str, typer.Option("--to", help="The last day; half a year from now, if left out.")] = "",
    out: Annotated[Path, typer.Option(help="An empty folder, or one to be made.")] = Path("history"),
    form: Annotated[str, typer.Option("--format", help="parquet or csv.")] = "parquet",
    names: Annotated[
        bool, typer.Option("--names", help="Also who is who; it is written into the audit trail.")
    ] = False,
) -> None:
    """Write the history into a folder, without names. Reads both tables as a whole."""
    with reported(), needs_extra("mwl-cloud history", "history"):
        from infra.commands.history import work
        from lambdas.history.facts.pseudonyms import MOST_WEEKS

        # Dates of a study that asks for it are moved by up to half a year.
        furthest = datetime.now(UTC).date() + timedelta(weeks=MOST_WEEKS)
        days = _day(first, "--from"), _day(last, "--to") if last else furthest
        with _progress() as count:
            done = work.export_to(out, *days, form=form, named=names, count=count)
        for table, rows in done.rows.items():
            typer.echo(f"{rows:>10} {table}")
        for site, number in done.incomplete.items():
            typer.echo(f"site {site}: entry {number} is missing; what came after it is left out", err=True)


At = Annotated[str, typer.Option("--at", help="The folder of an export, or s3://BUCKET.")]
First = Annotated[str, typer.Option("--from", help="The first day asked about, YYYY-MM-DD.")]
Last = Annotated[str, typer.Option("--to", help="The last day asked about.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print CSV, for programs.")]


@history.command("questions")
def list_questions() -> None:
    """List the named questions."""
    from infra.commands.screen import show_table
    from lambdas.history.questions import questions

    with reported():
        rows = [(each.name, " ".join(filter(None, (each.asks, each.note)))) for each in questions().values()]
        show_table("Questions", ("name", "what it asks"), rows)


@history.command()
def query(
    question: Annotated[
        str, typer.Argument(help='A name of "mwl-cloud history questions", or SQL: "SELECT ... FROM exams".')
    ],
    at: At = "history",
    first: First = "2000-01-01",
    last: Last = "2199-12-31",
    as_csv: AsCsv = False,
    shared: Annotated[
        str,
        typer.Option("--shared", help="To be shared: hide small counts in these columns, as exams,missed."),
    ] = "",
) -> None:
    """Answer a question with DuckDB, on this machine. --from and --to are for named questions."""
    with reported(), needs_extra("mwl-cloud history", "history"):
        from infra.commands.history import work

        answer = work.ask(at, question, _day(first, "--from"), _day(last, "--to"))
        work.show(work.to_be_shared(answer, question, shared) if shared else answer, as_csv=as_csv)


@history.command()
def spark(
    question: Annotated[str, typer.Argument(help='A name of "mwl-cloud history questions".')],
    at: At = "history",
    first: First = "2000-01-01",
    last: Last = "2199-12-31",
    master: Annotated[
        str, typer.Option(help="Where Spark runs: local[2], yarn, spark://HOST:PORT ...")
    ] = "local[2]",
    keep: Annotated[
        str, typer.Option(help="A folder for the newest versions: the next run reads only new files.")
    ] = "",
    as_csv: AsCsv = False,
) -> None:
    """Answer a named question with Apache Spark; needs Java 17 and the extra "spark"."""
    with reported(), needs_extra("mwl-cloud history spark", "spark"):
        from infra.commands.history import work

        days = _day(first, "--from"), _day(last, "--to")
        work.show(work.ask_spark(master, question, at, days, keep), as_csv=as_csv)


@history.command()
def load(
    folder: Annotated[Path, typer.Argument(help="The folder `data` of a DynamoDB export, on this machine.")],
    to: Annotated[str, typer.Option("--to", help="The history's bucket, s3://BUCKET.")],
) -> None:
    """Load what was there before the stream, or repair it, from DynamoDB's export of WorklistTable."""
    with reported():
        from infra.commands.history.loading import load_folder

        with _progress() as count:
            done = load_folder(folder, to, count=count)
        facts, files = quantity(done.facts, "fact"), quantity(done.files, "file")
        typer.echo(f"{quantity(done.rows, 'row')}, {facts} in {files}; now let the compaction run")


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Rejected(f"{text!r} is not a day like 2026-11-27", where=option) from None


@contextmanager
def _progress() -> Iterator[Callable[[str, int], None]]:
    """Show how far it has come, on a terminal, on stderr."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    far = Counter[str]()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("reading", total=None)

        def count(what: str, number: int) -> None:
            far[what] = number
            progress.update(task, description=", ".join(f"{many} {kind}" for kind, many in far.items()))

        yield count
