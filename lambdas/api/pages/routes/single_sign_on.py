"""Signing in with the organisation's account: to the OpenID provider, and back.

The way back begins at another site, so the browser does not send the session's cookie (``SameSite=Strict``)
with it, nor with a redirect that follows: the answer is a page that leads on by itself.
"""

from __future__ import annotations

from typing import Final

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from lambdas.access.single_sign_on.attempt import MOST_SECONDS
from lambdas.access.unauthenticated import Unauthenticated
from lambdas.api.dependencies import Router, UseServices
from lambdas.api.pages.origin import sign_on_cookie
from lambdas.api.pages.rendering import page
from lambdas.api.pages.session import Reader, cookie_of, start
from lambdas.api.pages.views.failure import Failure
from lambdas.api.services import Services
from lambdas.api.single_sign_on import arrive, depart
from lambdas.store.audit.entry import Actor
from shared.errors import Forbidden, NotFound

router = Router()

RETURN_PATH: Final = "/app/single-sign-on/return"


@router.get("/single-sign-on")
def leave(request: Request, services: UseServices) -> Response:
    """Send the browser to the provider."""
    return _sent(services, request, again=False)


@router.get("/single-sign-on/again")
def leave_again(request: Request, who: Reader, services: UseServices) -> Response:
    """Send the browser to the provider, to prove once more who is there."""
    return _sent(services, request, again=True, ends=who.session.session_id)


@router.get("/single-sign-on/return")
def come_back(request: Request, services: UseServices) -> Response:
    """Begin a session of whom the provider vouches for."""
    name = sign_on_cookie(cookie_of(request))
    secret = request.cookies.get(name, "")
    try:
        arrival = arrive(services, request, secret, _return_address(request))
    except Forbidden as error:
        answer = _refused(request, error)
    else:
        answer = page(request, None, "signed_on.html")
        if arrival.ends:
            _end(services, arrival.user.username, arrival.ends)
        start(services, request, answer, arrival.user, proved_at=arrival.proved_at)
    answer.delete_cookie(name, secure=request.url.scheme == "https", httponly=True, samesite="lax")
    return answer


def _sent(services: Services, request: Request, *, again: bool, ends: str = "") -> Response:
    name = sign_on_cookie(cookie_of(request))
    departure = depart(services, _return_address(request), again=again, ends=ends)
    answer = RedirectResponse(departure.address, 303)
    answer.set_cookie(
        name,
        departure.secret,
        max_age=MOST_SECONDS,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",  # or it would not come back from the provider's site
    )
    return answer


def _return_address(request: Request) -> str:
    return f"{request.url.scheme}://{request.headers.get('host', '')}{RETURN_PATH}"


def _end(services: Services, username: str, session_id: str) -> None:
    try:
        services.users.end_session(username, session_id, by=Actor(kind="person", name=username))
    except NotFound:
        return  # somebody else's, or over: either way it is not there to be ended


def _refused(request: Request, error: Forbidden) -> Response:
    hint = f"{error.hint[:1].upper()}{error.hint[1:]}." if error.hint else ""
    said = Failure("You could not be signed in", "", f"{error.what[:1].upper()}{error.what[1:]}. {hint}")
    status = 401 if isinstance(error, Unauthenticated) else 403
    return page(request, None, "login.html", status=status, failure=said, elsewhere=True)
