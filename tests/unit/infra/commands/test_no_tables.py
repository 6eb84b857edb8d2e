"""What the argument of a preview names: a file, or the id of a source."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.commands.no_tables import names_a_file


@pytest.mark.parametrize(
    "source", ["missing.toml", "./youth", "folder/youth", "Youth", "study.json", "é", ""]
)
def test_what_cannot_be_an_id_is_a_file_even_where_there_is_none(source: str) -> None:
    assert names_a_file(source)


def test_a_folder_called_like_a_source_is_none_of_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert not names_a_file("youth")
    Path("youth").mkdir()
    assert not names_a_file("youth")


def test_a_file_without_an_ending_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("youth").write_text("")
    assert names_a_file("youth")
