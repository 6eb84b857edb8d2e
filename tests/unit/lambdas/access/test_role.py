"""What each role may do."""

from __future__ import annotations

import pytest

from lambdas.access.role import Role

ADMIN, WRITE, READ = Role.ADMIN, Role.WRITE, Role.READ


@pytest.mark.parametrize(
    ("role", "covered"), [(ADMIN, {ADMIN, WRITE, READ}), (WRITE, {WRITE, READ}), (READ, {READ})]
)
def test_a_role_covers_itself_and_the_ones_below(role: Role, covered: set[Role]) -> None:
    assert {each for each in Role if role.covers(each)} == covered
