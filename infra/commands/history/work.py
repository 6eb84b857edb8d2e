"""What the commands of the history do; they need the extra ``history``."""

from __future__ import annotations

import csv
import sys
import time
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any, get_args

from infra.commands.deployment import relay_store, worklist_store
from infra.commands.environment import load
from infra.commands.history.settings import HistorySettings, pseudonyms
from infra.commands.screen import show_table
from lambdas.history import desk, spark
from lambdas.history.deployment import Count, Deployment
from lambdas.history.export import Exported, Format, Wish, export
from lambdas.history.questions import question
from lambdas.history.small_cells import without_small_cells
from lambdas.store.audit.entry import COMMAND, Subject
from lambdas.store.audit.trail import AuditTrail
from shared.errors import Rejected
from shared.text.quantity import quantity


def export_to(folder: Path, first: date, last: date, *, form: str, named: bool, count: Count) -> Exported:
    """Write the history into a folder; see `lambdas.history.export.export`.

    A named export is written into the audit trail before anything is read.
    """
    tables, names = load(HistorySettings).tables(), pseudonyms()
    wish = Wish(first, last, _format(form), named)
    relays = relay_store()
    if named:
        about = {"from": first.isoformat(), "to": last.isoformat()}
        read = Subject(kind="history", id="participants", action="read", after=about)
        AuditTrail(tables, now=time.time).record(COMMAND, [read])
    serving = Counter(relay.site for relay in relays.all() if relay.revoked_at is None)
    deployment = Deployment(tables, relays, now=time.time)
    return export(deployment, worklist_store().sites(), serving, names, wish, folder, count=count)


def _format(form: str) -> Format:
    for known in get_args(Format):
        if form == known:
            return known  # type: ignore[no-any-return]
    raise Rejected(f"{form!r} is neither parquet nor csv", where="--format")


def ask(place: str, asked: str, first: date, last: date) -> desk.Answer:
    """Return what a named question gives for some days, or SQL for all there is."""
    return desk.ask(place, question(asked).of_days(first, last) if asked.isidentifier() else asked)


def to_be_shared(answer: desk.Answer, asked: str, counts: str) -> desk.Answer:
    """Return an answer without small numbers, and without those from which they could be calculated.

    :param asked: the name of a question, or SQL.
    :param counts: the columns that count exams or people, with commas between.
    :raises Rejected: the answer lacks one of them, or one has something else than numbers.
    """
    named = counts.split(",")
    lacking = [name for name in named if name not in answer.columns]
    if lacking:
        raise Rejected(f"the answer has no column {', '.join(lacking)}", where="--shared")
    places = [answer.columns.index(name) for name in named]
    if not all(isinstance(row[at], int | None) for row in answer.rows for at in places):
        raise Rejected("only columns of whole numbers count exams or people", where="--shared")
    groups = question(asked).groups if asked.isidentifier() else ()
    return desk.Answer(answer.columns, without_small_cells(answer.columns, answer.rows, named, groups))


def ask_spark(master: str, name: str, place: str, days: tuple[date, date], keep: str) -> desk.Answer:
    """Return what Spark answers to a named question."""
    question(name)  # before Spark starts, which takes seconds
    with spark.session(master) as session:
        answer = spark.ask(session, spark.Asked(name, place, *days, keep))
    if keep:
        sys.stderr.write(f"{quantity(answer.files, 'file was', 'files were')} read anew\n")
    return desk.Answer(answer.columns, answer.rows)


def show(answer: desk.Answer, *, as_csv: bool) -> None:
    """Print an answer, as a table or as CSV."""
    if as_csv:
        out = csv.writer(sys.stdout, lineterminator="\n")
        out.writerow(answer.columns)
        out.writerows(answer.rows)
        return
    rows = [tuple(_text(value) for value in row) for row in answer.rows]
    show_table(f"{len(rows)} rows", answer.columns, rows)


def _text(value: Any) -> str:
    return "" if value is None else str(value)
