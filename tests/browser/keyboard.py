"""A person without a mouse: goes from thing to thing with the Tab key, presses Enter, types.

Every press of Enter on a link or button counts as a click, for that is what it stands for.
"""

from __future__ import annotations

from typing import Final

from playwright.sync_api import Locator, Page

_MOST_TABS: Final = 120
_HAS_FOCUS: Final = "element => element === document.activeElement"
_IS_SEEN: Final = """element => {
  const style = getComputedStyle(element), box = element.getBoundingClientRect();
  const seen = box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth;
  return seen && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
}"""
"""Within the window, and with a mark of the focus (WCAG 2.2, 2.4.7 and 2.4.11)."""


class Keyboard:
    """Hands on the keyboard of one page.

    :ivar clicks: how often Enter stood for a click.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.clicks = 0

    def click(self, role: str, name: str) -> None:
        """Go to a link or button, and press Enter."""
        self.reach(self.page.get_by_role(role, name=name, exact=False).first)  # type: ignore[arg-type]
        self.page.keyboard.press("Enter")
        self.clicks += 1

    def type(self, label: str, text: str, *, enter: bool = False) -> None:
        """Go to a field, and type in the place of what is there; ``enter``: send its form."""
        self.reach(self.page.get_by_label(label).first)
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.insert_text(text)
        if enter:
            self.page.keyboard.press("Enter")

    def reach(self, wanted: Locator) -> None:
        """Press Tab until something has the focus.

        :raises AssertionError: the keyboard does not lead there, or nobody could see that it did.
        """
        wanted.wait_for()
        for _ in range(_MOST_TABS):
            if wanted.evaluate(_HAS_FOCUS):
                assert wanted.evaluate(_IS_SEEN), f"nobody sees that {wanted} has the focus"
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"the keyboard does not lead to {wanted}")
