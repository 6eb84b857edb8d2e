"""What an error says, and whether trying again can help."""

from __future__ import annotations

import pytest

from shared.errors import Conflict, Forbidden, MwlError, NotFound, Rejected, Unavailable


@pytest.mark.parametrize(
    ("where", "hint", "said"),
    [
        ("", "", "is too long"),
        ("site", "", "site: is too long"),
        ("", "shorten it", "is too long (shorten it)"),
        ("site", "shorten it", "site: is too long (shorten it)"),
    ],
)
def test_an_error_says_where_what_and_what_to_do(where: str, hint: str, said: str) -> None:
    assert str(MwlError("is too long", where=where, hint=hint)) == said


@pytest.mark.parametrize(
    ("kind", "retryable"),
    [(Rejected, False), (NotFound, False), (Forbidden, False), (Conflict, True), (Unavailable, True)],
)
def test_only_what_may_pass_is_worth_trying_again(kind: type[MwlError], retryable: bool) -> None:
    assert kind("x").retryable is retryable


def test_what_pydantic_is_told_of_is_a_value_error() -> None:
    assert issubclass(Rejected, ValueError)
    assert not issubclass(Unavailable, ValueError)
