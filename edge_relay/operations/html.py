"""HTML from nested calls: text is escaped unless it is `Html` already, so that nothing can be forgotten.

AE titles come from whoever is on the network, descriptions from a database: none of it may become markup.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def element(tag: str, *children: str, **attributes: str) -> Html:
    """Return an element; ``class_`` is the attribute class, ``data_label`` is data-label."""
    return Html(f"<{tag}{_attributes(attributes)}>{joined(children)}</{tag}>")


def void(tag: str, **attributes: str) -> Html:
    """Return an element that has no content, like ``meta``."""
    return Html(f"<{tag}{_attributes(attributes)}>")


def joined(children: Iterable[str]) -> Html:
    """Return children one after the other."""
    return Html("".join(child if isinstance(child, Html) else escape(child) for child in children))


def _attributes(attributes: dict[str, str]) -> str:
    return "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(value)}"' for name, value in attributes.items()
    )
