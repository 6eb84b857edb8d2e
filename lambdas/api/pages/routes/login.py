"""Signing in and out, typing the password again, and hiding names from others who can see the screen."""

from __future__ import annotations

from fastapi import Request, Response

from lambdas.access.throttle import Throttled
from lambdas.access.unauthenticated import Unauthenticated
from lambdas.api.auth import authenticated
from lambdas.api.dependencies import Router, UseServices
from lambdas.api.pages.forms import SentForm, as_model
from lambdas.api.pages.origin import is_own_path
from lambdas.api.pages.rendering import page, see
from lambdas.api.pages.session import ActingReader, Reader, cookie_of, sign_in, sign_out
from lambdas.api.pages.views.failure import failure
from lambdas.api.problems import STATUS
from lambdas.api.schemas.common import Login
from lambdas.api.services import Services
from shared.errors import MwlError

router = Router()


@router.get("/login")
def show_login(request: Request, services: UseServices) -> Response:
    """Show the form."""
    cookie_of(request)
    return page(request, None, "login.html", failure=None, elsewhere=_elsewhere(services))


@router.post("/login")
def log_in(request: Request, form: SentForm, services: UseServices) -> Response:
    """Begin a session. There is none yet, so that the browser's word alone says where the form is from."""
    answer = see("/app/today")
    login = as_model(Login, {"username": form.text("username"), "password": form.secret("password")})
    try:
        sign_in(services, request, answer, login)
    except (Unauthenticated, Throttled) as error:
        return _refused(request, services, error)
    return answer


@router.post("/logout")
def log_out(request: Request, who: ActingReader, services: UseServices) -> Response:
    """End the session."""
    answer = see("/app/login")
    sign_out(services, request, answer, who)
    return answer


@router.get("/password")
def ask_password(request: Request, who: Reader) -> Response:
    """Ask for the password once more, before what only admins may do."""
    return page(request, who, "password.html", failure=None)


@router.post("/password")
def prove(request: Request, who: ActingReader, form: SentForm, services: UseServices) -> Response:
    """Note that the password was typed."""
    login = as_model(Login, {"username": who.user.username, "password": form.secret("password")})
    answer = see("/app/today", "proved")
    try:
        authenticated(services, login, request, answer)
    except (Unauthenticated, Throttled) as error:
        return _refused(request, services, error)
    services.sessions.change(who.secret, proved_at=services.now(), used_at=services.now())
    return answer


@router.post("/names")
def hide_names(who: ActingReader, form: SentForm, services: UseServices) -> Response:
    """Show initials in place of names in this browser, or names again."""
    services.sessions.change(who.secret, hides_names=form.text("hide") == "yes")
    back = form.text("back")
    return see(back if is_own_path(back) else "/app/today")


def _refused(request: Request, services: Services, error: MwlError) -> Response:
    status, _ = next(found for kind, found in STATUS.items() if isinstance(error, kind))
    shown = {"failure": failure(status, error), "elsewhere": _elsewhere(services)}
    return page(request, None, "login.html", status=status, **shown)


def _elsewhere(services: Services) -> bool:
    return services.open_id_provider is not None
