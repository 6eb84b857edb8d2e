"""Which pages there are, for whom, and what a page says after something was done."""

from __future__ import annotations

from typing import Final, NamedTuple

from lambdas.access.role import Role

PAGES: Final = (
    ("/app/today", "Today", Role.READ),
    ("/app/find", "Find", Role.READ),
    ("/app/week", "Week", Role.READ),
    ("/app/unmatched", "Unmatched", Role.READ),
    ("/app/planned-and-done", "Planned and done", Role.READ),
    ("/app/sources", "Sources", Role.ADMIN),
    ("/app/relays", "Relays", Role.ADMIN),
    ("/app/write-backs", "Write-backs", Role.ADMIN),
    ("/app/notices", "Notices", Role.ADMIN),
    ("/app/calendars", "Calendars", Role.ADMIN),
    ("/app/accounts", "Accounts", Role.ADMIN),
    ("/app/audit", "Audit", Role.ADMIN),
    ("/app/first-run", "First steps", Role.ADMIN),
)

NOTICES: Final = {
    "marked": "Saved. The scanner's list follows within a minute.",
    "edited": "Saved. The fields you changed are yours now: REDCap no longer changes them.",
    "removed": "Removed from the list. REDCap will not bring it back; you can, here.",
    "restored": "Restored. It is on the list again.",
    "completed": "Marked as done. The scanner's list loses it within a minute, and REDCap is told.",
    "reopened": "Taken back. The exam is on the list again, and REDCap is told.",
    "released": "Given back. REDCap decides on all of it again, within a few seconds.",
    "linked": "Linked. REDCap is told. The button beside it takes it back.",
    "unlinked": "The link is taken back. REDCap is told.",
    "stored": "The source is stored. It is read within a minute.",
    "asked": "Asked for. The result shows here within a minute.",
    "confirmed": "Confirmed. The items leave the list with the next reading of REDCap.",
    "let-in": "The scanner is let in as soon as the relay hears of it: within a minute.",
    "again": "The relay sends the report again within a minute. If it is refused again, it comes back here.",
    "given-up": "Given up. The relay hears of it within a minute, and keeps who gave it up and why.",
    "revoked": "Revoked. The relay's next call is refused.",
    "retry": "REDCap is told again. What it still refuses comes back here.",
    "notice-made": "The notice is made. What needs somebody now is told within a minute.",
    "notice-removed": "The notice is removed.",
    "notice-tested": "A test is on its way. It arrives within a minute, or the notice says here why not.",
    "calendar-revoked": "Revoked. The address is no good any more.",
    "account-made": "The account is made.",
    "account-changed": "The account is changed. A new password, or disabling it, has ended its sessions.",
    "account-removed": "The account is removed.",
    "proved": "Thank you. Do it once more now: what you had sent was not carried out.",
}
"""Key in the address -> sentence. Only the key is in the address: nobody can make a page say something."""


class Link(NamedTuple):
    """A page in the navigation; ``here``: it is the one that is looked at."""

    address: str
    label: str
    here: bool


def links(role: Role, path: str) -> tuple[Link, ...]:
    """Return the pages that a role may see."""
    return tuple(
        Link(address, label, path == address or path.startswith(f"{address}/"))
        for address, label, needed in PAGES
        if role.covers(needed)
    )
