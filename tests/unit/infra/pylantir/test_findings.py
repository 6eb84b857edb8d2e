"""A section of the file remembers which keys were read, and refuses what it cannot read by name."""

from __future__ import annotations

from typing import Any

import pytest

from infra.pylantir.findings import Outcome, Section
from shared.errors import Rejected


def section(**data: Any) -> Section:
    return Section(data, "api.")


def test_what_nobody_read_is_reported_and_a_comment_is_a_comment() -> None:
    found = section(read=1, _note="x", unread=2)
    found.value("read")
    assert [(each.key, each.outcome) for each in found.unread()] == [
        ("api._note", Outcome.UNNEEDED),
        ("api.unread", Outcome.DECIDE),
    ]


def test_a_section_within_has_its_path() -> None:
    inner = section(cors={"a": 1}).section("cors")
    assert inner is not None
    assert [finding.key for finding in inner.unread()] == ["api.cors.a"]
    assert section().section("cors") is None
    assert section(cors=None).section("cors") is None


@pytest.mark.parametrize(
    ("method", "value", "read"),
    [
        ("text", " x ", "x"),
        ("text", 792, "792"),
        ("text", None, ""),
        ("texts", ["a", " a", "b"], ("a", "b")),
        ("texts", None, ()),
        ("seconds", 60, 60),
        ("seconds", 59.6, 60),
        ("seconds", None, None),
    ],
)
def test_a_value_is_read_as_what_it_is_meant_to_be(method: str, value: object, read: object) -> None:
    assert getattr(section(key=value), method)("key") == read


@pytest.mark.parametrize(
    ("method", "value"),
    [
        ("section", []),
        ("text", True),
        ("text", 1.5),
        ("text", ["x"]),
        ("texts", "x"),
        ("texts", [1]),
        ("seconds", True),
        ("seconds", 0),
        ("seconds", -1),
        ("seconds", "60"),
        ("seconds", 10**9),
    ],
)
def test_anything_else_is_refused_by_its_key(method: str, value: object) -> None:
    with pytest.raises(Rejected) as refused:
        getattr(section(key=value), method)("key")
    assert refused.value.where == "api.key"
