"""A participant who moves to another site is on one list at every moment, with what people changed."""

from __future__ import annotations

from typing import Any

from lambdas.store.item_site import SiteMove, site_move
from lambdas.store.ownership import StoredItem, from_person, removed
from tests.rigs.builders import an_item

AT_SOUTH = an_item(site="south")


def stored(site: str, **changes: Any) -> StoredItem:
    return StoredItem(item=an_item(site=site), feed_seq=1).model_copy(update=changes)


def test_a_new_item_is_written_where_it_belongs() -> None:
    assert site_move(AT_SOUTH, {}) == SiteMove(AT_SOUTH)


def test_an_item_that_is_where_it_belongs_stays() -> None:
    assert site_move(AT_SOUTH, {"south": stored("south")}) == SiteMove(AT_SOUTH)


def test_an_item_that_moved_leaves_every_site_it_is_shown_at() -> None:
    found = {"north": stored("north"), "east": stored("east"), "west": stored("west", gone=True)}
    assert site_move(AT_SOUTH, found) == SiteMove(AT_SOUTH, ("east", "north"))


def test_a_scan_that_has_begun_stays_at_the_site_that_makes_it() -> None:
    found = {"north": stored("north", status_owner="mpps")}
    assert site_move(AT_SOUTH, found) == SiteMove(an_item(site="north"))


def test_a_scan_made_at_two_sites_is_withdrawn_at_neither() -> None:
    found = {
        "east": stored("east", status_owner="mpps"),
        "south": stored("south", status_owner="mpps"),
        "north": stored("north"),
    }
    assert site_move(AT_SOUTH, found) == SiteMove(AT_SOUTH, ("north",))


def test_what_a_person_changed_at_the_old_site_comes_along() -> None:
    edited = from_person(stored("north"), {"modality": "CT"})
    assert site_move(AT_SOUTH, {"north": edited}) == SiteMove(AT_SOUTH, ("north",), edited)


def test_of_two_sites_with_edits_the_one_it_is_still_shown_at_counts() -> None:
    left = from_person(stored("east"), {"modality": "CT"}).model_copy(update={"gone": True})
    shown = from_person(stored("north"), {"modality": "US"})
    assert site_move(AT_SOUTH, {"east": left, "north": shown}).inherited == shown


def test_a_status_a_person_set_comes_along() -> None:
    settled = stored("north", status_owner="person")
    assert site_move(AT_SOUTH, {"north": settled}).inherited == settled


def test_what_nobody_changed_has_nothing_to_inherit() -> None:
    assert site_move(AT_SOUTH, {"north": stored("north")}).inherited is None


def test_what_a_person_removed_anywhere_is_written_nowhere() -> None:
    found = {"north": removed(stored("north")), "east": stored("east")}
    assert site_move(AT_SOUTH, found) == SiteMove(None, ("east",))


def test_who_was_withdrawn_at_another_site_is_shown_at_the_new_one() -> None:
    assert site_move(AT_SOUTH, {"north": stored("north", gone=True)}) == SiteMove(AT_SOUTH)
