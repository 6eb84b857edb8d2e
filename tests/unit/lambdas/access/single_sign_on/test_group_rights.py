"""What a person may do, by the groups the provider tells of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lambdas.access.role import Role
from lambdas.access.single_sign_on.group_rights import GroupRights, Rights, rights_of

TABLE = (
    GroupRights(group="admins", role=Role.ADMIN),
    GroupRights(group="north", role=Role.WRITE, sites=("north",)),
    GroupRights(group="south", role=Role.WRITE, sites=("south",)),
    GroupRights(group="writers", role=Role.WRITE),
    GroupRights(group="readers", role=Role.READ),
)


@pytest.mark.parametrize(
    ("groups", "rights"),
    [
        ([], None),
        (["cafeteria"], None),
        (["Admins"], None),
        (["readers"], Rights(Role.READ)),
        (["north"], Rights(Role.WRITE, ("north",))),
        (["south", "north"], Rights(Role.WRITE, ("north", "south"))),
        (["north", "writers"], Rights(Role.WRITE)),
        (["north", "readers"], Rights(Role.WRITE, ("north",))),
        (["north", "admins"], Rights(Role.ADMIN)),
    ],
)
def test_the_highest_role_counts_at_the_sites_of_the_groups_that_give_it(
    groups: list[str], rights: Rights | None
) -> None:
    assert rights_of(groups, TABLE) == rights


@given(st.sets(st.sampled_from([each.group for each in TABLE])))
def test_nobody_may_do_more_than_some_group_of_theirs_gives(groups: set[str]) -> None:
    found = rights_of(groups, TABLE)
    mine = [each for each in TABLE if each.group in groups]
    if found is None:
        assert mine == []
        return
    for site in found.sites or ("anywhere",):
        assert any(each.role is found.role and (not each.sites or site in each.sites) for each in mine)


def test_sites_cannot_be_named_for_admins() -> None:
    with pytest.raises(ValidationError, match="admins, who see all"):
        GroupRights(group="g", role=Role.ADMIN, sites=("north",))
