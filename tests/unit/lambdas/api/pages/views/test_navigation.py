"""Everybody sees the pages of their role, and nobody a link to one that is refused."""

from __future__ import annotations

from lambdas.access.role import Role
from lambdas.api.pages.views.navigation import PAGES, links


def test_a_reader_sees_the_pages_for_everybody() -> None:
    assert [link.label for link in links(Role.READ, "/app/today")] == [
        "Today",
        "Find",
        "Week",
        "Unmatched",
        "Planned and done",
    ]
    assert len(links(Role.ADMIN, "/app/today")) == len(PAGES)


def test_the_page_that_is_looked_at_is_marked() -> None:
    assert [link.label for link in links(Role.ADMIN, "/app/sources/study") if link.here] == ["Sources"]
    assert not any(link.here for link in links(Role.ADMIN, "/app/sourcesque"))
