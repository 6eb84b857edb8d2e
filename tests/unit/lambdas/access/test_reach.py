"""Which sites a person may see."""

from __future__ import annotations

import pytest

from lambdas.access.reach import Reach
from shared.errors import Forbidden, NotFound


def test_an_account_without_sites_reaches_all() -> None:
    Reach().check("north")
    Reach().check_choice("north")


def test_an_account_with_sites_reaches_those() -> None:
    reach = Reach(frozenset({"north"}))
    reach.check("north")
    reach.check_choice("")
    assert not reach.admits("south")
    with pytest.raises(NotFound, match="no such worklist item"):
        reach.check("south")
    with pytest.raises(Forbidden):
        reach.check_choice("south")
