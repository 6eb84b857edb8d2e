"""Authentication and roles: people by password and token, relays by their signature.

admin   everything
write   the worklist
read    the worklist, reading only
relay   its own site's feed and events, nothing of the above
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from lambdas.access.role import Role
from lambdas.access.tokens import Unauthenticated, claimed_relay, verify_relay
from lambdas.api.dependencies import UseServices
from lambdas.api.schemas.common import AccessToken, Login
from lambdas.api.services import Services
from lambdas.store.accounts.people import User
from lambdas.store.accounts.relays import Relay
from shared.errors import Forbidden

DEFAULT_MINUTES: Final = 30

_person = HTTPBearer(auto_error=False, scheme_name="person", description="From POST /auth/login")
_relay = HTTPBearer(auto_error=False, scheme_name="relay", description="A JWT signed by the relay's own key")
_PersonToken = Annotated[HTTPAuthorizationCredentials | None, Depends(_person)]
_RelayToken = Annotated[HTTPAuthorizationCredentials | None, Depends(_relay)]

router = APIRouter(prefix="/auth", tags=["login"])


@router.post("/login")
def login(body: Login, services: UseServices) -> AccessToken:
    """Exchange username and password for an access token.

    A longer life than the server allows is cut to what it allows; `expires_in` (seconds) tells.
    """
    return log_in(services, body)


def log_in(services: Services, body: Login) -> AccessToken:
    """Return a token; raises as `authenticated` does."""
    user = authenticated(services, body)
    longest = services.settings.access_token_max_minutes
    minutes = min(body.access_token_expire_minutes or DEFAULT_MINUTES, longest)
    token = services.tokens.issue(user.username, user.token_version, minutes=minutes)
    return AccessToken(access_token=token, expires_in=minutes * 60)


def authenticated(services: Services, body: Login) -> User:
    """Return whose password it is.

    :raises Unauthenticated, Throttled: alike for names that exist and that do not.
    """
    services.logins.begin(body.username)
    user = services.users.find(body.username)
    password = body.password.get_secret_value()
    right, better_hash = services.passwords.verify(password, user.password_hash if user else None)
    if user is None or not right or user.disabled:
        raise Unauthenticated("username or password is wrong")
    services.logins.succeeded(body.username)
    if better_hash:
        services.users.upgrade_hash(user, better_hash)
    return user


def current_user(services: UseServices, credentials: _PersonToken) -> User:
    """Return whose token came with the request, as the account stands now; raise `Unauthenticated`."""
    if credentials is None:
        raise Unauthenticated("an access token is needed", hint="POST /auth/login")
    claims = services.tokens.verify(credentials.credentials)
    user = services.users.find(claims.sub)
    if user is None or user.disabled or user.token_version != claims.ver:
        raise Unauthenticated("the access token is no longer good", hint="log in again")
    return user


def _needs(role: Role) -> Callable[[User], User]:
    def check(user: Annotated[User, Depends(current_user)]) -> User:
        if not user.role.covers(role):
            raise Forbidden(f"this needs the role {role.value}")
        return user

    return check


def current_relay(services: UseServices, credentials: _RelayToken) -> Relay:
    """Return which relay is asking; raise `Unauthenticated`, or `Forbidden` if it has been revoked."""
    if credentials is None:
        raise Unauthenticated("a token signed by the relay is needed")
    token = credentials.credentials
    relay = services.relays.find(claimed_relay(token))
    if relay is None:
        raise Unauthenticated("the access token is not valid", hint="enrol the relay")
    verify_relay(token, relay_id=relay.relay_id, public_key=relay.public_key, now=services.now())
    if relay.revoked_at is not None:
        raise Forbidden("this relay has been revoked", hint="enrol it again with a new code")
    return relay


MayRead = Depends(_needs(Role.READ))
MayWrite = Depends(_needs(Role.WRITE))
MayAdminister = Depends(_needs(Role.ADMIN))
ThisRelay = Annotated[Relay, Depends(current_relay)]
