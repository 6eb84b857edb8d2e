"""Authentication and roles: people by password and token, relays by their signature.

admin   everything
write   the worklist
read    the worklist, reading only
study   the exams of the studies that the account names, without names of people
relay   its own site's feed and events, nothing of the above
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from fastapi import Depends, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from lambdas.access.reach import Reach
from lambdas.access.role import Role
from lambdas.access.tokens import DEVICE_SECONDS, claimed_relay, verify_relay
from lambdas.access.unauthenticated import Unauthenticated
from lambdas.api.dependencies import Router, UseServices, in_turn
from lambdas.api.schemas.common import AccessToken, Login
from lambdas.api.services import Services
from lambdas.store.accounts.people import Session, User, normal_name
from lambdas.store.accounts.polls import Polled
from lambdas.store.accounts.relays import Relay
from lambdas.store.audit.entry import Actor, Subject
from shared.errors import Forbidden

DEFAULT_MINUTES: Final = 30
DEVICE_COOKIE: Final = "mwl_device"

_person = HTTPBearer(auto_error=False, scheme_name="person", description="From POST /auth/login")
_relay = HTTPBearer(auto_error=False, scheme_name="relay", description="A JWT signed by the relay's own key")
_PersonToken = Annotated[HTTPAuthorizationCredentials | None, Depends(_person)]
_RelayToken = Annotated[HTTPAuthorizationCredentials | None, Depends(_relay)]

router = Router(prefix="/auth", tags=["login"])


@router.post("/login")
def login(body: Login, request: Request, response: Response, services: UseServices) -> AccessToken:
    """Exchange username and password for an access token.

    A longer life than the server allows is cut to what it allows; `expires_in` (seconds) tells. The cookie
    that comes with it lets this device log in while somebody else, elsewhere, guesses at the password.
    """
    return log_in(services, body, request, response)


def log_in(services: Services, body: Login, request: Request, response: Response) -> AccessToken:
    """Return a token, and mark the device as one of this person's; raises as `authenticated` does."""
    user = authenticated(services, body, request, response)
    return give_token(services, user, request, body.access_token_expire_minutes)


def give_token(services: Services, user: User, request: Request, wished: int | None) -> AccessToken:
    """Return a token of somebody who has proved who it is, and begin its session.

    :param wished: for how many minutes; the settings may cut it.
    """
    longest = services.settings.access_token_max_minutes
    minutes = min(wished or DEFAULT_MINUTES, longest)
    session = begin_session(services, user, request, minutes)
    token = services.tokens.issue(
        user.username, user.token_version, minutes=minutes, session=session.session_id
    )
    return AccessToken(access_token=token, expires_in=minutes * 60)


def authenticated(services: Services, body: Login, request: Request, response: Response) -> User:
    """Return whose password it is, and mark the device as one of this person's.

    :raises Unauthenticated, Throttled: alike for names that exist and that do not.
    """
    address = request.client.host if request.client else ""
    device = _device(services, body.username, request)
    services.logins.begin(body.username, address=address, device=device)
    user = services.users.find(body.username)
    password = body.password.get_secret_value()
    right, better_hash = services.passwords.verify(password, user.password_hash if user else None)
    # What was typed as a name may be a password: only the name of an account is kept.
    by = person(request, user.username if user else "")
    if user is None or not right or user.disabled:
        services.audit.record(by, [Subject(kind="login", id=by.name, action="login-failed")])
        raise Unauthenticated("username or password is wrong")
    services.logins.succeeded(body.username, address=address, device=device)
    services.audit.record(by, [Subject(kind="login", id=by.name, action="logged-in")])
    if better_hash:
        services.users.upgrade_hash(user, better_hash)
    _mark_device(services, user.username, response)
    return user


def begin_session(services: Services, user: User, request: Request, minutes: int) -> Session:
    """Return a session that has begun, which the account's list of sessions shows until it ends."""
    now = datetime.fromtimestamp(services.now(), UTC)
    session = Session(
        session_id=services.new_id(),
        began_at=now,
        expires_at=now + timedelta(minutes=minutes),
        address=request.client.host if request.client else "",
    )
    services.users.begin_session(user.username, session)
    return session


def _device(services: Services, username: str, request: Request) -> str:
    token = request.cookies.get(DEVICE_COOKIE, "")
    return services.tokens.device(token, normal_name(username)) if token else ""


def _mark_device(services: Services, username: str, response: Response) -> None:
    response.set_cookie(
        DEVICE_COOKIE,
        services.tokens.issue_device(username, services.new_id()),
        max_age=DEVICE_SECONDS,
        path="/",
        secure=True,
        httponly=True,
        samesite="strict",
    )


@in_turn
def current_user(services: UseServices, credentials: _PersonToken) -> User:
    """Return whose token came with the request, as the account stands now; raise `Unauthenticated`."""
    if credentials is None:
        raise Unauthenticated("an access token is needed", hint="POST /auth/login")
    claims = services.tokens.verify(credentials.credentials)
    user = services.users.find(claims.sub)
    ended = claims.sid and user and claims.sid not in {session.session_id for session in user.sessions}
    if user is None or user.disabled or user.token_version != claims.ver or ended:
        raise Unauthenticated("the access token is no longer good", hint="log in again")
    return user


async def acting(request: Request, user: Annotated[User, Depends(current_user)]) -> Actor:
    """Return who is asking, as the audit trail names a person."""
    return person(request, user.username)


def person(request: Request, username: str) -> Actor:
    """Return a person as the audit trail names one, with where the request came from."""
    return Actor(
        kind="person",
        name=username,
        address=request.client.host if request.client else "",
        request_id=str(request.scope.get("mwl.request_id", "")),
    )


async def reach(user: Annotated[User, Depends(current_user)]) -> Reach:
    """Return which sites the person may see."""
    return Reach(frozenset(user.sites))


def _needs(role: Role) -> Callable[[User], Awaitable[User]]:
    async def check(user: Annotated[User, Depends(current_user)]) -> User:
        if not user.role.covers(role):
            raise Forbidden(f"this needs the role {role.value}")
        return user

    return check


@in_turn
def current_relay(services: UseServices, credentials: _RelayToken) -> Relay:
    """Return which relay is asking; raise `Unauthenticated`, or `Forbidden` if it has been revoked."""
    token = _signed(credentials)
    return _verified(services, token, services.relays.find(claimed_relay(token)))


@in_turn
def polling_relay(services: UseServices, credentials: _RelayToken) -> Polled:
    """As `current_relay`, by what was so a moment ago: enough to say that nothing is new, and half as dear.

    Before anything of the site is shown, `check_not_revoked`.
    """
    token = _signed(credentials)
    polled = services.polls.read(claimed_relay(token))
    relay = _verified(services, token, polled.relay if polled else None)
    return Polled(relay, polled.head if polled else None)


def check_not_revoked(services: Services, relay: Relay) -> None:
    """Raise `Forbidden` if a relay has been revoked by now."""
    _unrevoked(services.relays.find(relay.relay_id))


def _signed(credentials: HTTPAuthorizationCredentials | None) -> str:
    if credentials is None:
        raise Unauthenticated("a token signed by the relay is needed")
    return credentials.credentials


def _verified(services: Services, token: str, relay: Relay | None) -> Relay:
    if relay is None:
        raise Unauthenticated("the access token is not valid", hint="enrol the relay")
    verify_relay(token, relay_id=relay.relay_id, public_key=relay.public_key, now=services.now())
    return _unrevoked(relay)


def _unrevoked(relay: Relay | None) -> Relay:
    if relay is None or relay.revoked_at is not None:
        raise Forbidden("this relay has been revoked", hint="enrol it again with a new code")
    return relay


MayReadStudies = Depends(_needs(Role.STUDY))
MayRead = Depends(_needs(Role.READ))
MayWrite = Depends(_needs(Role.WRITE))
MayAdminister = Depends(_needs(Role.ADMIN))
Person = Annotated[User, Depends(current_user)]
Acting = Annotated[Actor, Depends(acting)]
Within = Annotated[Reach, Depends(reach)]
ThisRelay = Annotated[Relay, Depends(current_relay)]
PollingRelay = Annotated[Polled, Depends(polling_relay)]


@router.get("/sessions")
def list_sessions(services: UseServices, user: Person) -> list[Session]:
    """List your sessions: every login whose token is still good."""
    now = datetime.fromtimestamp(services.now(), UTC)
    return [session for session in user.sessions if session.expires_at > now]


@router.post("/logout", status_code=204)
def logout(services: UseServices, credentials: _PersonToken, by: Acting) -> None:
    """End this session: its token is no longer good."""
    claims = services.tokens.verify(credentials.credentials if credentials else "")
    if claims.sid:
        services.users.end_session(claims.sub, claims.sid, by=by)


@router.delete("/sessions/{session_id}", status_code=204)
def end_session(session_id: str, services: UseServices, by: Acting) -> None:
    """End one of your sessions, on whatever device it is."""
    services.users.end_session(by.name, session_id, by=by)
