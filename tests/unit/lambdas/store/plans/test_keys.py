"""Each site has a group of its own, and none is one of procedure steps."""

from __future__ import annotations

from lambdas.store.models import steps_group
from lambdas.store.plans.keys import cancelled_group


def test_a_group_is_of_one_site_and_of_bookings_alone() -> None:
    groups = {make(site) for make in (cancelled_group, steps_group) for site in ("north", "south")}
    assert len(groups) == 4
