"""Accounts of people (`UserStore`).

USERS   <username>        a person
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from lambdas.access.role import Role
from lambdas.access.single_sign_on.identity import Identity
from lambdas.store.accounts.rows import AccountRows, Audited, Kept, Witness
from lambdas.store.audit.entry import SYSTEM, Action, Actor, Subject, difference
from lambdas.store.audit.trail import AuditTrail
from lambdas.store.faults import ATTEMPTS, races
from lambdas.store.models import Tables
from shared.errors import AlreadyExists, Conflict, Forbidden, NotFound, Rejected

MOST_SESSIONS: Final = 50
SessionsChange = Callable[["tuple[Session, ...]"], "tuple[Session, ...]"]
_USERNAME: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]{1,63}")
"""Lower case, so that nobody can be called almost like somebody else."""


class LastAdmin(Rejected):
    """Nobody would be left to administer."""


class Session(BaseModel):
    """One login of a person, until it is ended or its token is too old."""

    model_config = ConfigDict(frozen=True)

    session_id: str
    began_at: AwareDatetime
    expires_at: AwareDatetime
    address: str = ""


class User(BaseModel):
    """A person's account.

    :param token_version: tokens carry it; raised, it ends every token given out before.
    :param sites: which sites the person may see; none: all.
    :param studies: ids of the sources whose exams the person may see at `/studies`; an admin sees all.
    :param sessions: that have not been ended; too old ones go with the next login.
    :param subject: whom the OpenID provider vouches for; empty: the account has a password.
    """

    model_config = ConfigDict(frozen=True)

    username: str
    password_hash: Annotated[str, Field(repr=False)]
    role: Role
    disabled: bool = False
    token_version: int
    created_at: AwareDatetime
    email: str = ""
    full_name: str = ""
    sites: tuple[str, ...] = ()
    studies: tuple[str, ...] = ()
    sessions: tuple[Session, ...] = ()
    subject: str = ""

    @property
    def leads(self) -> bool:
        """Whether this is an admin who can log in."""
        return self.role is Role.ADMIN and not self.disabled


class UserStore:
    """People. There is always an admin left who can log in, once there has been one.

    :param now: seconds since 1970.
    """

    def __init__(self, tables: Tables, *, now: Callable[[], float]) -> None:
        self._rows = AccountRows(tables.account, "USERS", User)
        self._trail = AuditTrail(tables, now=now)
        self._now = now

    def find(self, username: str) -> User | None:
        """Return the account called ``username``, in whatever case, or None."""
        name = normal_name(username)
        kept = self._rows.get(name) if name else None
        return kept.value if kept else None

    def all(self) -> list[User]:
        """Return every account by name."""
        return [kept.value for kept in self._rows.all().values()]

    def create(
        self,
        username: str,
        password_hash: str,
        role: Role,
        *,
        disabled: bool = False,
        about: Mapping[str, Any] | None = None,
        by: Actor = SYSTEM,
    ) -> User:
        """Add an account; raise `AlreadyExists` if the name is taken, `Rejected` if it cannot be one."""
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
            disabled=disabled,
            # Not 1: a name given away again must not bring its former owner's tokens back to life.
            token_version=int(self._now() * 1000),
            created_at=datetime.fromtimestamp(self._now(), UTC),
            **(about or {}),
        )
        _check_reach(user)
        try:
            self._rows.add(user.username, user, audit=self._audited(user.username, None, user, by))
        except Conflict:
            raise AlreadyExists("the name is taken", where="username") from None
        return user

    def change(
        self,
        username: str,
        *,
        password_hash: str | None = None,
        role: Role | None = None,
        disabled: bool | None = None,
        about: Mapping[str, Any] | None = None,
        by: Actor = SYSTEM,
    ) -> User:
        """Change what is given; return the account. A new password, or being disabled, ends its tokens.

        :param about: ``email``, ``full_name``, ``sites``, ``studies``.

        :raises NotFound: there is no such account.
        :raises Rejected: nobody would be left to administer; or the account has no password of its own.
        """
        wanted = {"password_hash": password_hash, "role": role, "disabled": disabled}
        changes: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
        changes |= about or {}
        user: User = races(ATTEMPTS)(self._change, username, changes, by)
        return user

    def _change(self, username: str, changes: Mapping[str, Any], by: Actor) -> User:
        kept = self._existing(username)
        before = kept.value
        after = before.model_copy(update=changes)
        if before.subject and "password_hash" in changes:
            raise Rejected("cannot be given to an account that signs in elsewhere", where="password")
        if after == before:
            return before
        if "password_hash" in changes or (after.disabled and not before.disabled):
            ended = {"token_version": before.token_version + 1, "sessions": ()}
            after = after.model_copy(update=ended)
        _check_reach(after)
        witness = self._other_admin(before) if before.leads and not after.leads else None
        audit = self._audited(before.username, before, after, by)
        self._rows.replace(before.username, after, kept.version, audit=audit, witness=witness)
        return after

    def admit(self, identity: Identity, *, by: Actor) -> User:
        """Return the account of somebody the OpenID provider vouches for, made or brought up to date.

        :raises Forbidden: the account is disabled, or the name belongs to somebody else.
        :raises Rejected: no account can have the name; or nobody would be left to administer.
        """
        user: User = races(ATTEMPTS)(self._admit, identity, by)
        return user

    def _admit(self, identity: Identity, by: Actor) -> User:
        about = {"email": identity.email, "full_name": identity.full_name, "sites": identity.rights.sites}
        user = self.find(identity.username)
        if user is None:
            about["subject"] = identity.subject
            try:
                return self.create(identity.username, "", identity.rights.role, about=about, by=by)
            except AlreadyExists:
                raise Conflict("the account was made this moment") from None
        if user.subject != identity.subject:
            raise Forbidden(
                "your username belongs to another account here", hint="ask an admin of this system"
            )
        if user.disabled:
            raise Forbidden("your account is disabled", hint="ask an admin of this system")
        return self._change(user.username, about | {"role": identity.rights.role}, by)

    def begin_session(self, username: str, session: Session) -> None:
        """Note a login, and forget the sessions that are over; of more than `MOST_SESSIONS` the oldest end.

        :raises NotFound: there is no such account any more.
        """

        def begun(sessions: tuple[Session, ...]) -> tuple[Session, ...]:
            now = datetime.fromtimestamp(self._now(), UTC)
            left = [each for each in sessions if each.expires_at > now]
            return (*left[-MOST_SESSIONS + 1 :], session)

        races(ATTEMPTS)(self._change_sessions, username, begun, None)

    def end_session(self, username: str, session_id: str, *, by: Actor) -> None:
        """End a session: its token is no longer good. :raises NotFound: there is no such session."""

        def ended(sessions: tuple[Session, ...]) -> tuple[Session, ...]:
            left = tuple(each for each in sessions if each.session_id != session_id)
            if left == sessions:
                raise NotFound("no such session", where="session_id")
            return left

        races(ATTEMPTS)(self._change_sessions, username, ended, by)

    def _change_sessions(self, username: str, change: SessionsChange, by: Actor | None) -> None:
        kept = self._existing(username)
        user = kept.value.model_copy(update={"sessions": change(kept.value.sessions)})
        audit = None
        if by is not None:
            audit = Audited(self._trail, by, Subject(kind="login", id=user.username, action="logged-out"))
        self._rows.replace(user.username, user, kept.version, audit=audit)

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

    def remove(self, username: str, *, by: Actor = SYSTEM) -> None:
        """Delete an account; raises as `change` does."""
        races(ATTEMPTS)(self._remove, username, by)

    def _remove(self, username: str, by: Actor) -> None:
        kept = self._existing(username)
        witness = self._other_admin(kept.value) if kept.value.leads else None
        audit = self._audited(kept.value.username, kept.value, None, by)
        self._rows.remove(kept.value.username, kept.version, audit=audit, witness=witness)

    def _audited(self, name: str, before: User | None, after: User | None, by: Actor) -> Audited:
        were, are = difference(_told(before), _told(after))
        if before and after and before.password_hash != after.password_hash:
            are["password"] = "changed"  # noqa: S105 - that it was, not to what
        action: Action = "created" if before is None else "removed" if after is None else "changed"
        subject = Subject(kind="user", id=name, action=action, before=were, after=are)
        return Audited(self._trail, by, subject)

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
        raise LastAdmin(
            "the last admin who can log in must stay",
            where="username",
            hint="make somebody else an admin first",
        )


def _check_reach(user: User) -> None:
    if user.sites and user.role is Role.ADMIN:
        raise Rejected("cannot be named for an admin, who sees all sites", where="sites")
    if user.role is Role.STUDY and not user.studies:
        raise Rejected("must be named for the role study, which sees nothing else", where="studies")


def _told(user: User | None) -> dict[str, Any]:
    """Return what the audit trail is told of an account."""
    return (
        user.model_dump(
            mode="json", include={"role", "disabled", "email", "full_name", "sites", "studies", "subject"}
        )
        if user
        else {}
    )


def normal_name(username: str) -> str:
    """Return the one form of a username, empty if there cannot be such a user."""
    name = username.strip().lower()
    return name if _USERNAME.fullmatch(name) else ""
