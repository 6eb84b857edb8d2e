"""Accounts: people (`UserStore`), their attempts to log in (`LoginStore`), relays and codes (`RelayStore`).

USERS        <username>          a person
LOGINS       <hash of a name>    attempts that failed, whether or not the name exists; forgotten by TTL
RELAYS       <relay_id>          a relay; revoked ones stay, so that their code and key stay used
ENROLLMENTS  <hash of the code>  a code and the relay id it will make; a relay id can be added only once,
                                 so the code works only once
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from lambdas.store.account_rows import AccountRows, Kept, Witness
from lambdas.store.models import Tables
from lambdas.throttle import FORGOTTEN_AFTER, LONGEST_WAIT, Attempts, Throttled, next_attempt
from shared.errors import Conflict, Forbidden, NotFound, Rejected

ENROLLMENT_SECONDS: Final = 15 * 60
CODE_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32."""
CODE_GROUPS, CODE_GROUP = 5, 4
"""20 characters are 100 bits: nobody guesses one within its quarter of an hour, nor from its hash."""

_TRIES = 5
_MISREAD: Final = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})

_USERNAME: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]{1,63}")
"""Lower case, so that nobody can be called almost like somebody else."""


class Role(StrEnum):
    """What a person may do; each role may do what the ones below it may."""

    ADMIN = "admin"
    WRITE = "write"
    READ = "read"

    def covers(self, needed: Role) -> bool:
        """Tell whether this role may do what ``needed`` may."""
        order = [Role.READ, Role.WRITE, Role.ADMIN]
        return order.index(self) >= order.index(needed)


class User(BaseModel):
    """A person's account.

    :param token_version: tokens carry it; raised, it ends every token given out before.
    """

    model_config = ConfigDict(frozen=True)

    username: str
    password_hash: Annotated[str, Field(repr=False)]
    role: Role
    disabled: bool = False
    token_version: int
    created_at: AwareDatetime

    @property
    def leads(self) -> bool:
        """Whether this is an admin who can log in."""
        return self.role is Role.ADMIN and not self.disabled


class Relay(BaseModel):
    """An enrolled relay: its site is all it may see."""

    model_config = ConfigDict(frozen=True)

    relay_id: str
    site: str
    name: str
    public_key: str
    enrolled_at: AwareDatetime
    revoked_at: AwareDatetime | None = None


class Enrollment(BaseModel):
    """What a code is good for."""

    model_config = ConfigDict(frozen=True)

    relay_id: str
    site: str
    expires_at: float


class UserStore:
    """People. There is always an admin left who can log in, once there has been one.

    :param now: seconds since 1970.
    """

    def __init__(self, tables: Tables, *, now: Callable[[], float]) -> None:
        self._rows = AccountRows(tables.account, "USERS", User)
        self._now = now

    def find(self, username: str) -> User | None:
        """Return the account called ``username``, in whatever case, or None."""
        name = normal_name(username)
        kept = self._rows.get(name) if name else None
        return kept.value if kept else None

    def all(self) -> list[User]:
        """Return every account by name."""
        return [kept.value for kept in self._rows.all().values()]

    def create(self, username: str, password_hash: str, role: Role) -> User:
        """Add an account; raise `Conflict` if the name is taken, `Rejected` if it cannot be one."""
        name = normal_name(username)
        if not name:
            raise Rejected(
                "must be 2 to 64 letters, digits or any of . _ @ + -, the first a letter or digit",
                where="username",
            )
        user = User(
            username=name,
            password_hash=password_hash,
            role=role,
            # Not 1: a name given away again must not bring its former owner's tokens back to life.
            token_version=int(self._now() * 1000),
            created_at=datetime.fromtimestamp(self._now(), UTC),
        )
        try:
            self._rows.add(user.username, user)
        except Conflict:
            raise Conflict("the name is taken", where="username") from None
        return user

    def change(
        self,
        username: str,
        *,
        password_hash: str | None = None,
        role: Role | None = None,
        disabled: bool | None = None,
    ) -> User:
        """Change what is given; return the account. A new password, or being disabled, ends its tokens.

        :raises NotFound: there is no such account.
        :raises Rejected: nobody would be left to administer.
        """
        kept = self._existing(username)
        before = kept.value
        wanted = {"password_hash": password_hash, "role": role, "disabled": disabled}
        changes: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
        after = before.model_copy(update=changes)
        if after == before:
            return before
        if password_hash is not None or (after.disabled and not before.disabled):
            after = after.model_copy(update={"token_version": before.token_version + 1})
        witness = self._other_admin(before) if before.leads and not after.leads else None
        self._rows.replace(before.username, after, kept.version, witness=witness)
        return after

    def upgrade_hash(self, user: User, password_hash: str) -> None:
        """Store the same password's better hash, if the account is still as it was read; else leave it."""
        kept = self._rows.get(user.username)
        if kept is None or kept.value != user:
            return
        better = user.model_copy(update={"password_hash": password_hash})
        try:
            self._rows.replace(user.username, better, kept.version)
        except Conflict:
            return  # the next login will do it

    def remove(self, username: str) -> None:
        """Delete an account; raises as `change` does."""
        kept = self._existing(username)
        witness = self._other_admin(kept.value) if kept.value.leads else None
        self._rows.remove(kept.value.username, kept.version, witness=witness)

    def _existing(self, username: str) -> Kept[User]:
        name = normal_name(username)
        kept = self._rows.get(name) if name else None
        if kept is None:
            raise NotFound("no such user")
        return kept

    def _other_admin(self, leaving: User) -> Witness:
        """Return an admin who stays; the write then holds only if that admin is still there unchanged."""
        for name, kept in self._rows.all().items():
            if kept.value.leads and name != leaving.username:
                return name, kept.version
        raise Rejected(
            "the last admin who can log in must stay",
            where="username",
            hint="make somebody else an admin first",
        )


class LoginStore:
    """Attempts to log in, by name. Rows exist for names that do not, so that waiting tells nothing either."""

    def __init__(self, tables: Tables, *, now: Callable[[], float]) -> None:
        self._rows = AccountRows(tables.account, "LOGINS", Attempts)
        self._now = now

    def begin(self, username: str) -> None:
        """Count an attempt that is about to be made; raise `Throttled` if it may not be made yet."""
        key = _digest(normal_name(username) or username)
        for _ in range(_TRIES):
            kept = self._rows.get(key)
            after = next_attempt(kept.value if kept else None, self._now())
            forgotten_at = after.last_at + FORGOTTEN_AFTER + LONGEST_WAIT
            try:
                if kept is None:
                    self._rows.add(key, after, expires_at=forgotten_at)
                else:
                    self._rows.replace(key, after, kept.version, expires_at=forgotten_at)
            except Conflict:
                continue
            return
        raise Throttled(1)  # that many at once is no person typing

    def succeeded(self, username: str) -> None:
        """Forget the attempts: the last one was right."""
        key = _digest(normal_name(username))
        kept = self._rows.get(key)
        if kept is None:
            return
        try:
            self._rows.remove(key, kept.version)
        except Conflict:
            return  # another attempt has begun meanwhile, and will answer for itself


class RelayStore:
    """Relays, and the codes that enrol them.

    :param now: seconds since 1970.
    :param new_id: a fresh random identifier of letters and digits.
    :param new_code: a fresh random code, as `random_code` makes it.
    """

    def __init__(
        self,
        tables: Tables,
        *,
        now: Callable[[], float],
        new_id: Callable[[], str],
        new_code: Callable[[], str],
    ) -> None:
        self._relays = AccountRows(tables.account, "RELAYS", Relay)
        self._codes = AccountRows(tables.account, "ENROLLMENTS", Enrollment)
        self._now, self._new_id, self._new_code = now, new_id, new_code

    def invite(self, site: str) -> tuple[str, datetime]:
        """Return a code that enrols one relay of a site, and until when. Only its hash is kept."""
        code, expires_at = self._new_code(), self._now() + ENROLLMENT_SECONDS
        enrollment = Enrollment(relay_id=self._new_id(), site=site, expires_at=expires_at)
        self._codes.add(_digest(_plain_code(code)), enrollment, expires_at=expires_at + ENROLLMENT_SECONDS)
        return code, datetime.fromtimestamp(expires_at, UTC)

    def enroll(self, code: str, *, public_key: str, name: str) -> Relay:
        """Return the relay a code makes. The same relay may ask twice, should our answer have been lost.

        :raises Forbidden: the code is unknown, too old, or was used by another.
        """
        kept = self._codes.get(_digest(_plain_code(code)))
        if kept is None or kept.value.expires_at <= self._now():
            raise _code_refused()
        relay = Relay(
            relay_id=kept.value.relay_id,
            site=kept.value.site,
            name=name,
            public_key=public_key,
            enrolled_at=datetime.fromtimestamp(self._now(), UTC),
        )
        try:
            self._relays.add(relay.relay_id, relay)
        except Conflict:
            return self._same_relay(relay)
        return relay

    def find(self, relay_id: str) -> Relay | None:
        """Return a relay, revoked ones too, or None."""
        kept = self._relays.get(relay_id)
        return kept.value if kept else None

    def all(self) -> list[Relay]:
        """Return every relay, revoked ones too."""
        return [kept.value for kept in self._relays.all().values()]

    def revoke(self, relay_id: str) -> None:
        """End a relay's access with its next request; raise `NotFound` if there is none. Twice is once."""
        kept = self._relays.get(relay_id)
        if kept is None:
            raise NotFound("no such relay")
        if kept.value.revoked_at is None:
            revoked = kept.value.model_copy(update={"revoked_at": datetime.fromtimestamp(self._now(), UTC)})
            self._relays.replace(relay_id, revoked, kept.version)

    def _same_relay(self, asking: Relay) -> Relay:
        there = self.find(asking.relay_id)
        if there is None or there.revoked_at is not None or there.public_key != asking.public_key:
            raise _code_refused()
        return there


def random_code(choose: Callable[[str], str]) -> str:
    """Return a code to read aloud or type, ``XXXX-XXXX-XXXX-XXXX-XXXX``.

    :param choose: picks a character of a text unpredictably: `secrets.choice`.
    """
    groups = ("".join(choose(CODE_ALPHABET) for _ in range(CODE_GROUP)) for _ in range(CODE_GROUPS))
    return "-".join(groups)


def normal_name(username: str) -> str:
    """Return the one form of a username, empty if there cannot be such a user."""
    name = username.strip().lower()
    return name if _USERNAME.fullmatch(name) else ""


def _plain_code(code: str) -> str:
    """Return a code without what people add or misread (Crockford)."""
    return code.upper().translate(_MISREAD)


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _code_refused() -> Forbidden:
    return Forbidden(
        "the code is unknown, expired, or has been used", where="code", hint="ask an admin for a new one"
    )
