"""People's accounts, for admins."""

from __future__ import annotations

from fastapi import APIRouter

from lambdas.api.accounts import add_user, hashed
from lambdas.api.auth import Acting, MayAdminister
from lambdas.api.dependencies import UseServices
from lambdas.api.schemas.common import NewUser, UserChanges, UserView

router = APIRouter(prefix="/users", tags=["users"], dependencies=[MayAdminister])


@router.get("")
def list_users(services: UseServices) -> list[UserView]:
    """List all accounts."""
    return [UserView.of(user) for user in services.users.all()]


@router.post("", status_code=201)
def create_user(body: NewUser, services: UseServices, by: Acting) -> UserView:
    """Make an account."""
    password = body.password.get_secret_value()
    return UserView.of(add_user(services, body.username, password, body.role, by=by))


@router.put("/{username}")
def change_user(username: str, body: UserChanges, services: UseServices, by: Acting) -> UserView:
    """Change an account. A new password, or `disabled`, ends its access tokens at once."""
    password_hash = None
    if body.password is not None:
        password_hash = hashed(services, username, body.password.get_secret_value())
    user = services.users.change(
        username, password_hash=password_hash, role=body.role, disabled=body.disabled, by=by
    )
    return UserView.of(user)


@router.delete("/{username}", status_code=204)
def delete_user(username: str, services: UseServices, by: Acting) -> None:
    """Delete an account. The last admin who can log in cannot be deleted."""
    services.users.remove(username, by=by)
