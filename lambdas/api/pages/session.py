"""Who is looking at a page: signing in and out, and what a route asks of its visitor.

The browser's cookie holds a random secret; what it stands for is in the table, so that signing out, a new
password and a disabled account end it at once. Passwords are judged where the API judges them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request, Response

from lambdas.access.browser_session import BrowserSession
from lambdas.access.reach import Reach
from lambdas.access.role import Role
from lambdas.access.unauthenticated import Unauthenticated
from lambdas.api.auth import authenticated, begin_session, person
from lambdas.api.dependencies import UseServices, in_turn
from lambdas.api.pages.forms import SentForm
from lambdas.api.pages.origin import cookie_name, form_token, is_form_token
from lambdas.api.schemas.common import Login
from lambdas.api.services import Services
from lambdas.store.accounts.people import User
from lambdas.store.audit.entry import Actor, Subject
from shared.errors import Forbidden


class SignInNeeded(Unauthenticated):
    """Nobody is signed in in this browser, or not any more."""


class PasswordNeeded(Forbidden):
    """The password has to be typed again before this."""


@dataclass(frozen=True)
class Visitor:
    """Who is looking.

    :param secret: of the session.
    :param nonce: fresh and random, for the forms of the page that is answered.
    :param by: as the audit trail names who is looking.
    """

    user: User
    session: BrowserSession
    secret: str
    nonce: str
    by: Actor

    @property
    def token(self) -> str:
        """The token that the forms of this page send along."""
        return form_token(self.secret, self.nonce)

    @property
    def within(self) -> Reach:
        """The sites that the visitor may see."""
        return Reach(frozenset(self.user.sites))

    def may(self, role: Role) -> bool:
        """Tell whether the visitor has the rights of a role."""
        return self.user.role.covers(role)


def cookie_of(request: Request) -> str:
    """Return the session cookie's name; raise `Forbidden` where a password could be overheard."""
    name = cookie_name(request.url.scheme, request.headers.get("host", ""))
    if not name:
        raise Forbidden("this site is for https only", hint="change http:// to https:// in the address")
    return name


def sign_in(services: Services, request: Request, response: Response, login: Login) -> None:
    """Begin a session, in the place of the one before; raises as `authenticated` does."""
    cookie_of(request)
    user = authenticated(services, login, request, response)
    start(services, request, response, user, proved_at=services.now())


def start(services: Services, request: Request, response: Response, user: User, *, proved_at: float) -> None:
    """Begin a session of somebody who has proved who it is, in the place of the one before.

    :param proved_at: when that was, seconds since 1970.
    """
    name = cookie_of(request)
    services.sessions.end(request.cookies.get(name, ""))
    secret, now = services.new_secret(), services.now()
    listed = begin_session(services, user, request, services.settings.session_max_minutes)
    session = BrowserSession(
        username=user.username,
        session_id=listed.session_id,
        began_at=now,
        used_at=now,
        proved_at=proved_at,
    )
    services.sessions.begin(secret, session)
    response.set_cookie(name, secret, secure=request.url.scheme == "https", httponly=True, samesite="strict")


def sign_out(services: Services, request: Request, response: Response, who: Visitor) -> None:
    """End the session of this browser."""
    name = cookie_of(request)
    services.sessions.end(who.secret)
    services.users.end_session(who.user.username, who.session.session_id, by=who.by)
    services.audit.record(who.by, [Subject(kind="login", id=who.by.name, action="logged-out")])
    response.delete_cookie(name, secure=request.url.scheme == "https", httponly=True, samesite="strict")


@in_turn
def visitor(request: Request, services: UseServices) -> Visitor:
    """Return who is looking; raise `SignInNeeded`."""
    secret = request.cookies.get(cookie_of(request), "")
    session = services.sessions.find(secret) if secret else None
    settings, now = services.settings, services.now()
    if session is None or session.is_over(
        now, idle_minutes=settings.session_idle_minutes, longest_minutes=settings.session_max_minutes
    ):
        raise SignInNeeded("sign in first")
    user = services.users.find(session.username)
    listed = {each.session_id for each in user.sessions} if user else set()
    if user is None or user.disabled or session.session_id not in listed:
        raise SignInNeeded("sign in again")
    # Only a page that refreshes itself asks in htmx's name: nobody is using that.
    if "hx-request" not in request.headers and session.is_to_be_noted(now):
        services.sessions.change(secret, used_at=now)
    return Visitor(user, session, secret, services.new_id(), person(request, user.username))


def _looking(role: Role) -> Any:
    async def check(who: Annotated[Visitor, Depends(visitor)]) -> Visitor:
        _check_role(who, role)
        return who

    return Depends(check)


def _acting(role: Role) -> Callable[..., Awaitable[Visitor]]:
    async def check(
        who: Annotated[Visitor, Depends(visitor)], form: SentForm, services: UseServices
    ) -> Visitor:
        if not is_form_token(who.secret, form.text("token")):
            raise Forbidden("this form is from an earlier session", hint="load the page again")
        _check_role(who, role)
        if role is Role.ADMIN and not who.session.is_proved(services.now()):
            raise PasswordNeeded("type your password again")
        return who

    return check


def _check_role(who: Visitor, role: Role) -> None:
    if not who.may(role):
        raise Forbidden(f"this needs the role {role.value}", hint="ask an admin of this system")


Reader = Annotated[Visitor, _looking(Role.READ)]
Admin = Annotated[Visitor, _looking(Role.ADMIN)]
ActingReader = Annotated[Visitor, Depends(_acting(Role.READ))]
ActingWriter = Annotated[Visitor, Depends(_acting(Role.WRITE))]
ActingAdmin = Annotated[Visitor, Depends(_acting(Role.ADMIN))]
"""Of an admin who typed the password a short while ago."""
