"""Accounts as admins, and their owners, send and see them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, model_validator

from lambdas.access.role import Role
from lambdas.api.schemas.common import Password, Request
from lambdas.store.accounts.people import User
from shared.worklist_item import SiteName

_Email = Annotated[
    str,
    Field(
        max_length=254,
        pattern=r"^$|^[^@\s]+@[^@\s]+$",
        description="Empty: unknown.",
    ),
]
_FullName = Annotated[str, Field(max_length=128, description="What people call the person.")]
_Sites = Annotated[
    tuple[SiteName, ...], Field(max_length=100, description="The sites the person may see; none: all.")
]
_Studies = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=64)], ...],
    Field(max_length=100, description="The sources whose exams the person may see at `/studies`."),
]
_Disabled = Annotated[bool | None, Field(description="Whether the person is kept from logging in.")]
_Active = Annotated[bool | None, Field(description="The contrary of `disabled`, as the predecessor has it.")]


class _Account(Request):
    email: _Email | None = None
    full_name: _FullName | None = None
    sites: _Sites | None = None
    studies: _Studies | None = None
    disabled: _Disabled = None
    is_active: _Active = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if self.disabled is not None and self.disabled == self.is_active:
            raise ValueError("is_active: contradicts disabled")
        return self

    def is_disabled(self) -> bool | None:
        """Return whether the account is to be disabled; None if nothing is said of it."""
        return self.disabled if self.is_active is None else not self.is_active

    def about(self) -> dict[str, Any]:
        """Return what is given of e-mail address, name, sites and studies."""
        given = self.model_dump(include={"email", "full_name", "sites", "studies"})
        return {name: value for name, value in given.items() if value is not None}


class NewUser(_Account):
    """An account to be made."""

    username: Annotated[str, Field(max_length=64)]
    password: Password
    role: Role


class UserChanges(_Account):
    """What to change of an account; what is not given stays."""

    password: Password | None = None
    role: Role | None = None


class PasswordChange(Request):
    """A new password of one's own; the one that is to go proves who asks."""

    current_password: Password
    new_password: Password


class UserView(BaseModel):
    """An account as shown.

    :param single_sign_on: whether the OpenID provider vouches for it; then it has no password here.
    """

    username: str
    role: Role
    disabled: bool
    is_active: bool
    email: str
    full_name: str
    sites: tuple[str, ...]
    studies: tuple[str, ...] = ()
    created_at: datetime
    single_sign_on: bool = False

    @classmethod
    def of(cls, user: User) -> UserView:
        """Return what may be shown of an account."""
        return cls(
            username=user.username,
            role=user.role,
            disabled=user.disabled,
            is_active=not user.disabled,
            email=user.email,
            full_name=user.full_name,
            sites=user.sites,
            studies=user.studies,
            created_at=user.created_at,
            single_sign_on=bool(user.subject),
        )
