from __future__ import annotations

import pytest

from lambdas.history.schema import TABLES
from lambdas.history.table import Table

IDENTIFIERS = {"patient_name", "patient_id", "birth_date", "record", "item_id", "study_instance_uid"}


def named(table: Table) -> str:
    return table.name


@pytest.mark.parametrize("table", TABLES.values(), ids=named)
def test_a_table_names_each_column_once(table: Table) -> None:
    assert len(set(table.names())) == len(table.columns)


@pytest.mark.parametrize("table", TABLES.values(), ids=named)
def test_a_key_is_made_of_columns(table: Table) -> None:
    assert set(table.key) <= set(table.names())


@pytest.mark.parametrize("table", TABLES.values(), ids=named)
def test_every_column_says_what_it_means_and_where_it_comes_from(table: Table) -> None:
    assert [each.name for each in table.columns if not (each.meaning and each.derived)] == []


@pytest.mark.parametrize("table", TABLES.values(), ids=named)
def test_a_name_says_what_kind_of_time_it_is(table: Table) -> None:
    times = [each.name for each in table.columns if each.type == "timestamp"]
    assert [name for name in times if not name.endswith(("_at", "_local"))] == []


@pytest.mark.parametrize("table", [each for each in TABLES.values() if each.parts], ids=named)
def test_a_table_in_parts_says_its_day_and_site(table: Table) -> None:
    assert {"day", "site"} <= set(table.names())


@pytest.mark.parametrize("table", [each for each in TABLES.values() if each.shared], ids=named)
def test_a_table_of_a_default_export_has_no_identifier(table: Table) -> None:
    assert IDENTIFIERS.isdisjoint(table.names())
