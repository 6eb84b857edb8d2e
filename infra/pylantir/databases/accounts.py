"""The predecessor's users as our accounts. Their bcrypt hashes are kept, and replaced at the first login."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from infra.pylantir.databases.old_rows import OldUser
from lambdas.access.passwords import Passwords, is_bcrypt
from lambdas.access.role import Role
from lambdas.store.accounts.people import UserStore, normal_name
from lambdas.store.audit.entry import COMMAND
from shared.errors import AlreadyExists

DEFAULT_PASSWORD: Final = "admin123"  # noqa: S105 - pylantir's own, which everybody can read in its guide


@dataclass(frozen=True)
class NewAccount:
    """An account to make."""

    username: str
    password_hash: str
    role: Role
    disabled: bool


@dataclass(frozen=True)
class AccountPlan:
    """Accounts to make, and (name, why) of those that are not."""

    accounts: tuple[NewAccount, ...]
    left_out: tuple[tuple[str, str], ...]


def plan_accounts(users: Iterable[OldUser], passwords: Passwords) -> AccountPlan:
    """Return which users can come along. Tries two passwords on each, which takes its time."""
    listed = list(users)
    names = Counter(normal_name(user.username) for user in listed)
    accounts, left_out = [], []
    for user in listed:
        reason = _why_not(user, names, passwords)
        if reason:
            left_out.append((user.username, reason))
            continue
        role = Role(user.role.lower())
        name = normal_name(user.username)
        accounts.append(NewAccount(name, user.hashed_password, role, disabled=not user.is_active))
    return AccountPlan(tuple(accounts), tuple(left_out))


def _why_not(user: OldUser, names: Counter[str], passwords: Passwords) -> str:
    name = normal_name(user.username)
    if not name:
        return "the name must be 2 to 64 letters, digits or any of . _ @ + -; create the account anew"
    if names[name] > 1:
        return "another name differs from it in case only; create the account anew"
    if user.role.lower() not in set(Role):
        return "has a role we do not know; create the account anew"
    if not is_bcrypt(user.hashed_password):
        return "has no bcrypt hash; create the account anew"
    return _why_not_its_password(user.hashed_password, passwords)


def _why_not_its_password(hashed: str, passwords: Passwords) -> str:
    if passwords.verify("", hashed)[0]:
        return "has the empty password, with which anybody could log in; create the account anew"
    if passwords.verify(DEFAULT_PASSWORD, hashed)[0]:
        return "still has pylantir's default password, which everybody knows; create the account anew"
    return ""


def import_accounts(plan: AccountPlan, store: UserStore) -> tuple[list[str], list[str]]:
    """Make the accounts; return the names made, and those that existed and were left as they are."""
    made, there = [], []
    for account in plan.accounts:
        try:
            store.create(
                account.username,
                account.password_hash,
                account.role,
                disabled=account.disabled,
                by=COMMAND,
            )
        except AlreadyExists:
            there.append(account.username)
        else:
            made.append(account.username)
    return made, there
