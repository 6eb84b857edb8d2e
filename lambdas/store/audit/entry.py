"""What an audit entry says, and the chain that binds each entry to the one before it. Pure.

    who       actor        a person, a relay, a source's sync, a write-back, a command
    what      subjects     each thing the action was about, with the fields that changed, before and after
    when      at           the cloud's clock
    bound by  previous     the hash of the entry before it in its chain: an entry that is taken out or
                           changed no longer fits the one after it

A chain goes on from day to day. Each site has one, for its items and procedure steps; so has each actor, for
everything else. Values of patients stand in `before` and `after` only, never in a name or an id.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from itertools import pairwise
from typing import Any, Final, Literal, NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict

ActorKind = Literal["person", "relay", "source", "write-back", "command", "system"]
Action = Literal[
    "created",
    "changed",
    "removed",
    "restored",
    "read",
    "reported",
    "linked",
    "unlinked",
    "told",
    "refused",
    "retried",
    "logged-in",
    "login-failed",
    "logged-out",
    "asked-for",
    "shown",
]
_DAY, _TIME, _DIGITS = len("YYYYMMDD"), len("HHMMSS.ffffff"), 16
LONGEST_PLAIN: Final = 700
"""Bytes of an entry's text that are stored as they are; longer ones are packed."""


class Actor(BaseModel):
    """Who did something.

    :param name: a username, a relay's or a source's id; empty where the kind says it all.
    :param address: where the request came from.
    :param request_id: names the request in the logs.
    """

    model_config = ConfigDict(defer_build=True, frozen=True)

    kind: ActorKind
    name: str = ""
    address: str = ""
    request_id: str = ""

    @property
    def chain(self) -> str:
        """The chain of what this actor does apart from items and steps."""
        return f"{self.kind}:{self.name}"


SYSTEM: Final = Actor(kind="system")
COMMAND: Final = Actor(kind="command", name="mwl-cloud")


class Subject(BaseModel):
    """One thing that an entry is about.

    :param kind: ``item``, ``step``, ``user``, ``source``, ``relay``, ``list`` ...
    :param ids: the items that were shown, of a reading.
    :param before: the fields that changed, as they were; ``after``: as they are.
    :param was: the version of an item before the change.
    :param saved_at: when a new plan of an item was saved in its source, at the earliest; None: not known.
    :param earlier: the key of the entry before this one about the same thing; empty if there is none.
    """

    model_config = ConfigDict(defer_build=True, frozen=True)

    kind: str
    id: str = ""
    action: Action
    ids: tuple[str, ...] = ()
    before: Mapping[str, Any] = {}
    after: Mapping[str, Any] = {}
    was: str = ""
    saved_at: AwareDatetime | None = None
    earlier: str = ""


class Entry(BaseModel):
    """One action, as it was written in the transaction that did it."""

    model_config = ConfigDict(defer_build=True, frozen=True)

    at: AwareDatetime
    chain: str
    number: int
    previous: str
    site: str = ""
    actor: Actor
    subjects: tuple[Subject, ...]


class Link(NamedTuple):
    """The last entry of a chain: its number and hash; the first entry is number 1."""

    number: int = 0
    hash: str = ""

    def encode(self) -> str:
        """Return it as a row holds it."""
        return f"{self.number}#{self.hash}"

    @classmethod
    def decode(cls, text: str | None) -> Link:
        """Return the link a row holds; the start of a chain if it holds none."""
        if not text:
            return cls()
        number, _, digest = text.partition("#")
        return cls(int(number), digest)


class Sealed(NamedTuple):
    """An entry as it is stored.

    :param day: ``YYYYMMDD``, UTC: its partition.
    :param place: its place within the day: by time, then by chain and number.
    :param text: its JSON, which the hash is of.
    """

    day: str
    place: str
    text: str
    link: Link

    @property
    def key(self) -> str:
        """What other rows call it."""
        return f"{self.day}/{self.place}"

    @property
    def stamp(self) -> str:
        """What the feed calls it: its time, number and hash; the chain is the site's."""
        return f"{self.day}{self.place[:_TIME]}#{self.link.number}#{self.link.hash[:_DIGITS]}"


def stamped_entry(chain: str, stamp: str) -> tuple[str, str] | None:
    """Return the key of the entry that a stamp names, and how its hash begins; None: it names none."""
    moment, _, rest = stamp.partition("#")
    number, _, digest = rest.partition("#")
    if not digest:
        return None
    return f"{moment[:_DAY]}/{moment[_DAY:]}#{chain}#{number}", digest


def seal(entry: Entry) -> Sealed:
    """Return an entry with its place and its hash."""
    at = entry.at.astimezone(UTC)
    text = entry.model_dump_json(exclude_defaults=True)
    place = f"{at:%H%M%S.%f}#{entry.chain}#{entry.number}"
    return Sealed(f"{at:%Y%m%d}", place, text, Link(entry.number, digest_of(text)))


def digest_of(text: str) -> str:
    """Return the hash of an entry's text, which says the hash before it."""
    return sha256(text.encode()).hexdigest()


def split_key(key: str) -> tuple[str, str]:
    """Return the day and the place that a key names."""
    day, _, place = key.partition("/")
    return day, place


def packed(text: str) -> bytes | None:
    """Return a long text made smaller; None for one that is stored as it is."""
    raw = text.encode()
    return zlib.compress(raw) if len(raw) > LONGEST_PLAIN else None


def unpacked(body: str | None, data: bytes | None) -> str:
    """Return the text a row holds."""
    return body or "" if data is None else zlib.decompress(data).decode()


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the fields that are otherwise in ``after``, as they were and as they are; empty is as none."""
    names = [name for name in {**before, **after} if _value(before, name) != _value(after, name)]
    were = {name: before[name] for name in names if _value(before, name) is not None}
    are = {name: after[name] for name in names if _value(after, name) is not None}
    return were, are


def _value(fields: Mapping[str, Any], name: str) -> Any:
    value = fields.get(name)
    return None if value in ("", (), []) else value


def moment(seconds: float) -> datetime:
    """Return seconds since 1970 as a moment."""
    return datetime.fromtimestamp(seconds, UTC)


class Stored(NamedTuple):
    """An entry as it was read back.

    :param key: what other rows call it.
    :param hash: as it was stored with it.
    """

    key: str
    text: str
    hash: str

    @property
    def entry(self) -> Entry:
        """What it says."""
        return Entry.model_validate_json(self.text)


def flaws_of(stored: Iterable[Stored]) -> list[str]:
    """Return what is wrong with entries, in words: changed, or with one missing before them.

    :param stored: all entries of some days that follow each other, in any order.
    """
    chains: dict[str, list[tuple[Entry, Stored]]] = {}
    found = []
    for each in stored:
        entry = each.entry
        chains.setdefault(entry.chain, []).append((entry, each))
        if digest_of(each.text) != each.hash:
            found.append(f"{entry.chain} {entry.number}: has been changed")
    for chain, entries in chains.items():
        entries.sort(key=lambda pair: pair[0].number)
        for (before, kept), (after, _) in pairwise(entries):
            if after.number != before.number + 1:
                found.append(f"{chain} {before.number + 1} to {after.number - 1}: missing")
            elif after.previous != kept.hash:
                found.append(f"{chain} {after.number}: does not follow {before.number}")
    return sorted(found)
