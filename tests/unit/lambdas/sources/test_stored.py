from __future__ import annotations

from lambdas.sources.state import SourceState
from lambdas.sources.stored import StoredSource, at_site, zone_name
from tests.rigs.history import a_study

NORTH = StoredSource(
    "a", a_study("a", "north", time_zone="Europe/Oslo"), "", SourceState(sites=("south",)), 0.0
)
UNREADABLE = StoredSource("b", None, "it cannot be read", SourceState(sites=("north", "south")), 0.0)


def test_a_source_writes_where_its_definition_says() -> None:
    assert NORTH.sites == {"north"}


def test_one_that_cannot_be_read_counts_where_it_wrote() -> None:
    assert UNREADABLE.sites == {"north", "south"}
    assert at_site([NORTH, UNREADABLE], "south") == (UNREADABLE,)
    assert at_site([NORTH, UNREADABLE], "north") == (NORTH, UNREADABLE)


def test_the_zone_of_a_site_is_that_of_its_first_source_that_says_one() -> None:
    assert zone_name([UNREADABLE, NORTH], "UTC") == "Europe/Oslo"
    assert zone_name([UNREADABLE], "UTC") == "UTC"
