"""Making accounts and giving passwords, for the API and for `mwl-cloud`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambdas.access.passwords import check_rules
from lambdas.access.role import Role
from lambdas.api.services import Services
from lambdas.store.accounts.people import User
from lambdas.store.audit.entry import COMMAND, Actor


def add_user(
    services: Services,
    username: str,
    password: str,
    role: Role,
    *,
    disabled: bool = False,
    about: Mapping[str, Any] | None = None,
    by: Actor = COMMAND,
) -> User:
    """Make an account: also how the first admin comes to be, before there is anybody to ask.

    :param about: ``email``, ``full_name``, ``sites``, ``studies``.
    :raises Rejected: the name or the password is not acceptable.
    :raises AlreadyExists: the name is taken.
    """
    password_hash = hashed(services, username, password)
    return services.users.create(username, password_hash, role, disabled=disabled, about=about, by=by)


def set_password(services: Services, username: str, password: str) -> None:
    """Give an account a new password, which ends all its tokens: also how a lost one is replaced.

    :raises NotFound: there is no such account.
    :raises Rejected: the password is not acceptable.
    """
    services.users.change(username, password_hash=hashed(services, username, password), by=COMMAND)


def hashed(services: Services, username: str, password: str) -> str:
    """Return what is stored of a password; raise `Rejected` if it is not acceptable."""
    check_rules(password, username=username)
    return services.passwords.hash(password)
