"""When somebody signed in at the dashboard has to sign in again, or type the password again. Pure."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict

PROOF_SECONDS: Final = 15 * 60
"""What only admins may do asks for the password, if it was typed longer ago than this."""

NOTE_SECONDS: Final = 60
"""A use is noted once a minute: not every page writes a row."""


class BrowserSession(BaseModel):
    """Somebody signed in in one browser. Moments are seconds since 1970.

    :param session_id: in the account's own list of sessions; once it is not there any more, this one is over.
    :param used_at: when a person last asked for something; a page that refreshes itself does not count.
    :param proved_at: when the password was last typed.
    :param hides_names: names are shown as initials: others can see the screen.
    """

    model_config = ConfigDict(frozen=True)

    username: str
    session_id: str
    began_at: float
    used_at: float
    proved_at: float
    hides_names: bool = False

    def is_over(self, now: float, *, idle_minutes: int, longest_minutes: int) -> bool:
        """Tell whether it has been unused, or has lasted, for too long."""
        return now - self.used_at > idle_minutes * 60 or now - self.began_at > longest_minutes * 60

    def is_proved(self, now: float) -> bool:
        """Tell whether the password was typed a short while ago."""
        return now - self.proved_at <= PROOF_SECONDS

    def is_to_be_noted(self, now: float) -> bool:
        """Tell whether a use now is worth a write."""
        return now - self.used_at >= NOTE_SECONDS
