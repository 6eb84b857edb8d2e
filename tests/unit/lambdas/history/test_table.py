from __future__ import annotations

from lambdas.history.table import Table, flag, number, text, time


def test_a_table_names_its_columns_in_order() -> None:
    columns = (text("who", "", ""), number("many", "", ""), flag("done", "", ""), time("then_at", "", ""))
    table = Table("rows", "a row", ("who",), columns)
    assert table.names() == ("who", "many", "done", "then_at")
    assert [column.type for column in columns] == ["text", "int", "bool", "timestamp"]
