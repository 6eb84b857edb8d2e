"""``mwl-cloud history`` as people at a desk type it, against moto."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date
from io import StringIO
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from infra.cli import app
from lambdas.history.desk import ask
from lambdas.history.schema import FACTS, TABLES
from lambdas.store.audit.trail import AuditTrail
from tests.rigs.builders import an_item
from tests.rigs.cloud import cloud
from tests.rigs.history import NAMES, Happening, a_study

DAY = date(2026, 11, 18)
PEOPLE = (
    {"patient_name": "Núñez^Zoë", "patient_id": "PSEUDO-4711", "patient_birth_date": "19710203"},
    {"patient_name": "Ågård^Bjørn", "patient_id": "PSEUDO-4712", "patient_birth_date": "19830405"},
)
RECORDS = ("record-0815", "record-0816")


@pytest.fixture(scope="module")
def scanned() -> Iterator[Happening]:
    """Two participants, whose exams were rescheduled, edited, scanned and told to REDCap."""
    with cloud() as rig:
        site = Happening(rig)
        site.put_key()
        site.sources.put(a_study())
        for number, (record, person) in enumerate(zip(RECORDS, PEOPLE, strict=True)):
            item = site.put(record, **person)
            site.put(record, **person, scheduled_start_date="20261123")
            site.edit(item, patient_name="Other^Name", medical_alerts="latex of 4711")
            site.begin(item, f"2.25.{number}")
            site.end(f"2.25.{number}")
            site.told(f"2.25.{number}")
        yield site


@pytest.fixture(scope="module")
def folder(scanned: Happening, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default export of it."""
    return export(tmp_path_factory.mktemp("export") / "out")


def mwl_cloud(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def export(folder: Path, *more: str) -> Path:
    days = "--from", "2026-01-01", "--to", "2027-12-31"
    result = mwl_cloud("history", "export", *days, "--out", str(folder), *more)
    assert result.exit_code == 0, result.output
    return folder


def everything(folder: Path) -> bytes:
    return (
        b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())
        + "".join(str(file.relative_to(folder)) for file in folder.rglob("*")).encode()
    )


def texts(folder: Path) -> str:
    """Return every value of every Parquet file: in the bytes they are compressed."""
    return repr([ask(str(folder), f"SELECT * FROM {table}").rows for table in TABLES])


def test_an_export_has_every_table_that_there_are_rows_for(folder: Path) -> None:
    found = {path.name for path in folder.iterdir()}
    none_yet = {"syncs", "relay_minutes", "queries", "participants"}
    assert found == TABLES.keys() - none_yet
    assert (folder / "exams/period=2026-11/site=north/export.parquet").is_file()


def test_a_question_is_answered_by_the_files(folder: Path) -> None:
    answer = ask(
        str(folder),
        "SELECT site, count(*) AS exams, max(reschedules) FROM exams WHERE status = 'COMPLETED' "
        "AND period = '2026-11' GROUP BY site",
    )
    assert answer == (("site", "exams", "max(reschedules)"), [("north", 2, 1)])
    assert ask(str(folder), "SELECT weekday FROM calendar WHERE day = $day", day=DAY).rows == [(3,)]


def test_the_command_prints_an_answer_as_csv(folder: Path) -> None:
    result = mwl_cloud("history", "query", "SELECT study, sites FROM studies", "--at", str(folder), "--csv")
    assert (result.exit_code, result.stdout) == (0, "study,sites\nstudy,1\n")


def test_an_answer_to_be_shared_hides_small_numbers(folder: Path) -> None:
    question = "SELECT study, count(*) AS versions, count(DISTINCT exam) AS exams FROM exams GROUP BY study"
    asked = ("history", "query", question, "--at", str(folder), "--csv")
    assert mwl_cloud(*asked).stdout == "study,versions,exams\nstudy,10,2\n"
    assert mwl_cloud(*asked, "--shared", "exams").stdout == "study,versions,exams\nstudy,,hidden\n"
    assert "the answer has no column people" in mwl_cloud(*asked, "--shared", "people").stderr
    assert "only columns of whole numbers" in mwl_cloud(*asked, "--shared", "study").stderr


def test_a_wrong_question_is_refused_in_one_line(folder: Path) -> None:
    result = mwl_cloud("history", "query", "SELECT nothing FROM exams", "--at", str(folder))
    assert result.exit_code != 0
    assert "DuckDB says: Binder Error" in result.stderr


def test_a_folder_without_a_history_is_told(tmp_path: Path) -> None:
    result = mwl_cloud("history", "query", "SELECT 1", "--at", str(tmp_path))
    assert "there is no history here (mwl-cloud history export makes one)" in result.stderr


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_a_default_export_has_no_name_id_record_or_birth_date(
    scanned: Happening, tmp_path: Path, form: str
) -> None:
    folder = export(tmp_path / "out", "--format", form)
    content = everything(folder).decode("latin-1") + (texts(folder) if form == "parquet" else "")
    item = an_item(RECORDS[0])
    secrets = [value for person in PEOPLE for value in person.values()]
    secrets += [*RECORDS, "Other^Name", "latex", item.id, item.study_instance_uid, item.accession_number]
    secrets += [value.encode().decode("latin-1") for value in secrets] + [
        "1971-02-03",
        "1983-04-05",
        "1971, 2, 3",
    ]
    assert [each for each in secrets if each in content] == []


def test_a_named_export_says_who_is_who_and_is_audited(scanned: Happening, tmp_path: Path) -> None:
    folder = export(tmp_path / "out", "--names")
    rows = ask(str(folder), "SELECT record, patient_name, exam FROM participants ORDER BY record").rows
    item = an_item(RECORDS[0])
    assert rows[0] == (RECORDS[0], "Other^Name", NAMES.exam(item.id))
    read = [
        subject
        for stored in AuditTrail(scanned.cloud.tables, now=scanned.cloud.clock).all()
        for subject in stored.entry.subjects
        if subject.kind == "history"
    ]
    assert (read[0].action, read[0].after["to"]) == ("read", "2027-12-31")


def test_a_csv_export_has_a_file_a_table_with_its_columns(scanned: Happening, tmp_path: Path) -> None:
    folder = export(tmp_path / "out", "--format", "csv")
    for table in FACTS:
        lines = list(csv.reader(StringIO((folder / f"{table.name}.csv").read_text("utf-8"))))
        assert tuple(lines[0]) == table.names()
    exams = csv.DictReader(StringIO((folder / "exams.csv").read_text("utf-8")))
    assert [row["removed"] for row in exams] == ["false"] * 10


def test_only_the_days_asked_for_are_exported(scanned: Happening, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for first, last, exams in (("2026-11-18", "2026-11-18", 10), ("2026-11-19", "2026-11-20", 0)):
        done = mwl_cloud("history", "export", "--from", first, "--to", last, "--out", str(out / first))
        assert done.exit_code == 0
        assert ask(str(out / first), "SELECT count(*) FROM exams").rows == [(exams,)]


def test_dates_are_moved_by_whole_weeks_if_the_study_asks(scanned: Happening, tmp_path: Path) -> None:
    scanned.sources.put(a_study(history={"shift_dates": True}))
    try:
        folder = export(tmp_path / "out", "--names")
    finally:
        scanned.sources.put(a_study())
    sql = """
        SELECT e.planned_local, e.day - CAST(p.shift_days AS INT), p.shift_days
        FROM exams e JOIN participants p USING (exam) WHERE version = 1
    """
    rows = ask(str(folder), sql).rows
    assert len(rows) == 2
    for planned, day, shift in rows:
        assert shift % 7 == 0 != shift
        assert day == DAY
        assert (planned.date() - date(2026, 11, 22)).days == shift


def test_two_exports_are_never_mixed(folder: Path) -> None:
    result = mwl_cloud("history", "export", "--out", str(folder))
    assert "is not empty (name another folder, or remove it)" in result.stderr


@pytest.mark.parametrize("option", [("--to", "yesterday"), ("--format", "xlsx"), ("--to", "1969-01-01")])
def test_a_wrong_option_is_named(scanned: Happening, tmp_path: Path, option: tuple[str, str]) -> None:
    result = mwl_cloud("history", "export", "--out", str(tmp_path / "out"), *option)
    assert result.exit_code != 0
    assert f"mwl-cloud: {option[0]}: " in result.stderr
