"""People's accounts: all of them for admins, everybody's own for everybody."""

from __future__ import annotations

from fastapi import Response

from lambdas.access.unauthenticated import Unauthenticated
from lambdas.api.accounts import add_user, hashed
from lambdas.api.auth import Acting, MayAdminister, Person
from lambdas.api.dependencies import Router, UseServices
from lambdas.api.schemas.common import Deleted
from lambdas.api.schemas.users import NewUser, PasswordChange, UserChanges, UserView
from lambdas.store.accounts.people import Session
from shared.errors import NotFound

router = Router(prefix="/users", tags=["users"])


@router.get("/me")
def show_me(user: Person) -> UserView:
    """Show your own account."""
    return UserView.of(user)


@router.put("/me/password", status_code=204)
def change_my_password(body: PasswordChange, services: UseServices, user: Person, by: Acting) -> None:
    """Change your own password. It ends all your sessions, this one too: log in again."""
    services.logins.begin(user.username, address=by.address, device="")
    if not services.passwords.verify(body.current_password.get_secret_value(), user.password_hash)[0]:
        raise Unauthenticated("current_password is wrong")
    services.logins.succeeded(user.username, address=by.address, device="")
    password_hash = hashed(services, user.username, body.new_password.get_secret_value())
    services.users.change(user.username, password_hash=password_hash, by=by)


@router.get("", dependencies=[MayAdminister])
def list_users(services: UseServices) -> list[UserView]:
    """List all accounts."""
    return [UserView.of(user) for user in services.users.all()]


@router.post("", status_code=201, dependencies=[MayAdminister])
def create_user(body: NewUser, response: Response, services: UseServices, by: Acting) -> UserView:
    """Make an account."""
    user = add_user(
        services,
        body.username,
        body.password.get_secret_value(),
        body.role,
        disabled=bool(body.is_disabled()),
        about=body.about(),
        by=by,
    )
    response.headers["Location"] = f"/users/{user.username}"
    return UserView.of(user)


@router.get("/{username}", dependencies=[MayAdminister])
def show_user(username: str, services: UseServices) -> UserView:
    """Show an account."""
    user = services.users.find(username)
    if user is None:
        raise NotFound("no such user")
    return UserView.of(user)


@router.put("/{username}", dependencies=[MayAdminister])
def change_user(username: str, body: UserChanges, services: UseServices, by: Acting) -> UserView:
    """Change an account. A new password, or `disabled`, ends its access tokens at once."""
    password_hash = None
    if body.password is not None:
        password_hash = hashed(services, username, body.password.get_secret_value())
    user = services.users.change(
        username,
        password_hash=password_hash,
        role=body.role,
        disabled=body.is_disabled(),
        about=body.about(),
        by=by,
    )
    return UserView.of(user)


@router.delete("/{username}", dependencies=[MayAdminister])
def delete_user(username: str, services: UseServices, by: Acting) -> Deleted:
    """Delete an account. The last admin who can log in cannot be deleted."""
    services.users.remove(username, by=by)
    return Deleted(message=f"User {username} deleted successfully")


@router.get("/{username}/sessions", dependencies=[MayAdminister])
def list_sessions_of(username: str, services: UseServices) -> list[Session]:
    """List the sessions of an account."""
    user = services.users.find(username)
    if user is None:
        raise NotFound("no such user")
    return [session for session in user.sessions if session.expires_at.timestamp() > services.now()]


@router.delete("/{username}/sessions/{session_id}", status_code=204, dependencies=[MayAdminister])
def end_session_of(username: str, session_id: str, services: UseServices, by: Acting) -> None:
    """End a session of an account: its token is no longer good."""
    services.users.end_session(username, session_id, by=by)
