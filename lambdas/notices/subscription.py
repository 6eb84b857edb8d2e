"""Who is told, where, of what, and when not. Pure."""

from __future__ import annotations

import re
from datetime import datetime, time
from enum import StrEnum
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lambdas.notices.condition import Kind
from shared.worklist_item import SiteName

LONGEST_TARGET: Final = 1000
# As browsers judge it (HTML's "valid e-mail address"), with at least one dot.
_MAIL: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")


class Channel(StrEnum):
    """How somebody is told."""

    EMAIL = "email"
    SLACK = "slack"
    TEAMS = "teams"
    WEBHOOK = "webhook"
    """JSON of our own, for whatever else understands it."""


LocalTime = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^$")]
"""``HH:MM`` on the site's clock; empty: none."""


class NoticeFields(BaseModel):
    """What people say of an address that is to be told of a site; `Subscription` checks that it makes sense.

    :param target: an e-mail address, or the https address of a webhook, which is a secret.
    :param kinds: what it is told of.
    :param immediately: as soon as it happens; otherwise only in the digest.
    :param digest_at: when a list of all that needs somebody is sent, every day; empty: never.
    :param quiet_from: from then to ``quiet_to`` nothing is sent, but for a scan of today that is missing.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    site: SiteName
    channel: Channel
    target: Annotated[str, Field(min_length=3, max_length=LONGEST_TARGET)]
    kinds: Annotated[frozenset[Kind], Field(min_length=1)] = frozenset(Kind)
    immediately: bool = True
    digest_at: LocalTime = ""
    quiet_from: LocalTime = ""
    quiet_to: LocalTime = ""


class Subscription(NoticeFields):
    """One address that is told of one site."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if bool(self.quiet_from) != bool(self.quiet_to):
            raise ValueError("quiet_from and quiet_to belong together")
        if not self.immediately and not self.digest_at:
            raise ValueError("nothing would ever be sent: give digest_at, or tell immediately")
        if self.channel is Channel.EMAIL:
            if not _MAIL.fullmatch(self.target):
                raise ValueError("target is no e-mail address")
        elif not _is_https(self.target):
            raise ValueError("target must be an https:// address without user and fragment")
        return self

    def is_quiet(self, local: datetime) -> bool:
        """Tell whether it is to be left alone at the site's time; quiet hours may go over midnight."""
        if not self.quiet_from:
            return False
        begin, end, now = _time(self.quiet_from), _time(self.quiet_to), local.time()
        return begin <= now < end if begin <= end else now >= begin or now < end

    def digest_day(self, local: datetime) -> str:
        """Return the day whose digest is due, ``YYYYMMDD``; empty: none is yet."""
        if not self.digest_at or local.time() < _time(self.digest_at):
            return ""
        return f"{local:%Y%m%d}"

    @property
    def shown_target(self) -> str:
        """The address as it may be shown: of a webhook only the host, for the rest is its secret."""
        return self.target if self.channel is Channel.EMAIL else f"https://{urlsplit(self.target).hostname}/…"


def _is_https(target: str) -> bool:
    try:
        parts = urlsplit(target)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    plain = not (parts.username or parts.password or parts.fragment) and target.isascii()
    printable = all(letter.isprintable() and not letter.isspace() for letter in target)
    return parts.scheme == "https" and bool(host) and port != 0 and plain and printable


def _time(text: str) -> time:
    return time.fromisoformat(text)
