"""What each role may do."""

from __future__ import annotations

import pytest

from lambdas.access.role import Role

ADMIN, WRITE, READ, STUDY = Role.ADMIN, Role.WRITE, Role.READ, Role.STUDY


@pytest.mark.parametrize(
    ("role", "covered"),
    [
        (ADMIN, {ADMIN, WRITE, READ, STUDY}),
        (WRITE, {WRITE, READ, STUDY}),
        (READ, {READ, STUDY}),
        (STUDY, {STUDY}),
    ],
)
def test_a_role_covers_itself_and_the_ones_below(role: Role, covered: set[Role]) -> None:
    assert {each for each in Role if role.covers(each)} == covered
