"""A table of the history and its columns, as `lambdas.history.schema` describes them. Pure."""

from __future__ import annotations

from typing import Literal, NamedTuple

Type = Literal["text", "int", "float", "bool", "date", "timestamp"]


class Column(NamedTuple):
    """One column.

    :param meaning: what it says, with its unit.
    :param derived: from which stored value, and how.
    """

    name: str
    type: Type
    meaning: str
    derived: str


class Table(NamedTuple):
    """One table.

    :param row: what one row is.
    :param key: columns whose values together name one row.
    :param parts: whether its files are in folders by period and site.
    :param shared: whether it is part of a default export; the other tables name people.
    """

    name: str
    row: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    parts: bool = True
    shared: bool = True

    def names(self) -> tuple[str, ...]:
        """Return the names of its columns in order."""
        return tuple(column.name for column in self.columns)


def text(name: str, meaning: str, derived: str) -> Column:
    """Return a column of text, empty if not known."""
    return Column(name, "text", meaning, derived)


def number(name: str, meaning: str, derived: str) -> Column:
    """Return a column of whole numbers, null if not known."""
    return Column(name, "int", meaning, derived)


def flag(name: str, meaning: str, derived: str) -> Column:
    """Return a column of yes and no."""
    return Column(name, "bool", meaning, derived)


def time(name: str, meaning: str, derived: str) -> Column:
    """Return a column of moments, null if not known."""
    return Column(name, "timestamp", meaning, derived)
