"""People's accounts, for admins."""

from __future__ import annotations

from fastapi import APIRouter

from lambdas.access.passwords import check_rules
from lambdas.api.auth import MayAdminister
from lambdas.api.schemas.common import NewUser, UserChanges, UserView
from lambdas.api.services import Services, UseServices
from lambdas.store.accounts.people import Role, User

router = APIRouter(prefix="/users", tags=["users"], dependencies=[MayAdminister])


@router.get("")
def list_users(services: UseServices) -> list[UserView]:
    """List all accounts."""
    return [UserView.of(user) for user in services.users.all()]


@router.post("", status_code=201)
def create_user(body: NewUser, services: UseServices) -> UserView:
    """Make an account."""
    return UserView.of(add_user(services, body.username, body.password.get_secret_value(), body.role))


@router.put("/{username}")
def change_user(username: str, body: UserChanges, services: UseServices) -> UserView:
    """Change an account. A new password, or `disabled`, ends its access tokens at once."""
    password_hash = None
    if body.password is not None:
        password_hash = _hashed(services, username, body.password.get_secret_value())
    user = services.users.change(
        username, password_hash=password_hash, role=body.role, disabled=body.disabled
    )
    return UserView.of(user)


@router.delete("/{username}", status_code=204)
def delete_user(username: str, services: UseServices) -> None:
    """Delete an account. The last admin who can log in cannot be deleted."""
    services.users.remove(username)


def add_user(services: Services, username: str, password: str, role: Role) -> User:
    """Make an account: also how the first admin comes to be, before there is anybody to ask.

    :raises Rejected: the name or the password is not acceptable.
    :raises AlreadyExists: the name is taken.
    """
    return services.users.create(username, _hashed(services, username, password), role)


def set_password(services: Services, username: str, password: str) -> None:
    """Give an account a new password, which ends all its tokens: also how a lost one is replaced.

    :raises NotFound: there is no such account.
    :raises Rejected: the password is not acceptable.
    """
    services.users.change(username, password_hash=_hashed(services, username, password))


def _hashed(services: Services, username: str, password: str) -> str:
    check_rules(password, username=username)
    return services.passwords.hash(password)
