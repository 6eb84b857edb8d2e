"""The predecessor's SQLite files: read whatever their version, never changed, and told from other files."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from infra.pylantir.databases.old_databases import read_users, read_worklist
from infra.pylantir.databases.old_rows import OldUser
from shared.errors import Rejected
from tests.rigs.pylantir import old_row, write_users, write_worklist

PATIENT = "sub_0001_ses_1_fam_001_site_792"


def test_files_of_later_versions_read_alike(tmp_path: Path) -> None:
    file = write_worklist(tmp_path / "new.db", [old_row(1, PATIENT)], "data_source", "source_record_id")
    assert read_worklist(file) == read_worklist(
        write_worklist(tmp_path / "worklist.db", [old_row(1, PATIENT)])
    )


def test_a_file_is_not_changed_by_reading(tmp_path: Path) -> None:
    file = write_worklist(tmp_path / "a b?.db", [old_row(1, PATIENT)])
    before = file.read_bytes()
    assert len(read_worklist(file)) == 1
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_is_none_of_pylantirs_is_refused(tmp_path: Path) -> None:
    text, other = tmp_path / "text.db", tmp_path / "other.db"
    text.write_text("no database at all, however one looks at it" * 30)
    with closing(sqlite3.connect(other)) as database:
        database.execute("CREATE TABLE worklist_items (id INTEGER)")
    for file in (text, other, tmp_path / "missing.db", tmp_path):
        with pytest.raises(Rejected) as caught:
            read_worklist(file)
        assert caught.value.where == str(file)


def test_users_are_read_with_hash_role_and_state(tmp_path: Path) -> None:
    file = write_users(tmp_path / "users.db", [("Ana", "hash", "ADMIN", True), ("bo", "hash", "READ", False)])
    assert read_users(file) == [OldUser("Ana", "hash", "ADMIN", True), OldUser("bo", "hash", "READ", False)]


def refusal(file: Path) -> str:
    with pytest.raises(Rejected) as caught:
        read_worklist(file)
    assert caught.value.where == str(file)
    return str(caught.value)


def test_a_damaged_page_is_named_as_what_it_is(tmp_path: Path) -> None:
    file = write_worklist(tmp_path / "worklist.db", [old_row(number, PATIENT) for number in range(200)])
    whole = bytearray(file.read_bytes())
    middle = len(whole) // 2 // 4096 * 4096
    whole[middle : middle + 4096] = b"\xff" * 4096
    file.write_bytes(whole)
    assert "is damaged" in refusal(file)


@pytest.mark.parametrize("column", ["patient_name", "protocol_name"])
def test_text_that_is_none_is_named_by_row_and_column(tmp_path: Path, column: str) -> None:
    file = write_worklist(tmp_path / "worklist.db", [old_row(1, PATIENT), old_row(2, PATIENT)])
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(f"UPDATE worklist_items SET {column} = CAST(x'4de9' AS TEXT) WHERE id = 2")
    assert f"row 2: {column} is not text" in refusal(file)


def test_a_folder_is_said_to_be_one(tmp_path: Path) -> None:
    assert "is a folder" in refusal(tmp_path)


def test_what_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    file = tmp_path / "notes.db"
    file.write_text("no database at all, however one looks at it" * 30)
    assert "is no SQLite database" in refusal(file)
