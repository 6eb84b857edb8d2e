"""What admins look after besides: write-backs that REDCap refused, accounts, and the first steps."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from lambdas.access.role import Role
from lambdas.api.dependencies import UseServices
from lambdas.api.pages.changes import Changes
from lambdas.api.pages.forms import SentForm
from lambdas.api.pages.rendering import page, see
from lambdas.api.pages.session import ActingAdmin, Admin
from lambdas.api.pages.views.first_run import first_steps

router = APIRouter()

MOST_PARKED = 200


@router.get("/write-backs")
def list_write_backs(request: Request, who: Admin, services: UseServices) -> Response:
    """List what REDCap refused, the longest parked first."""
    return page(request, who, "write_backs.html", parked=services.steps.parked_write_backs(MOST_PARKED))


@router.post("/write-backs/retry")
def retry(who: ActingAdmin, form: SentForm, services: UseServices) -> Response:
    """Tell REDCap once more."""
    Changes(services, who).retry_write_back(form.required("step", "The step"))
    return see("/app/write-backs", "retry")


@router.get("/accounts")
def list_accounts(request: Request, who: Admin, services: UseServices) -> Response:
    """List who may do what."""
    return page(request, who, "accounts.html", users=services.users.all(), roles=list(Role))


@router.post("/accounts/new")
def make_account(who: ActingAdmin, form: SentForm, services: UseServices) -> Response:
    """Make an account."""
    Changes(services, who).make_account(
        form.required("username", "The username"), form.secret("password"), form.text("role")
    )
    return see("/app/accounts", "account-made")


@router.post("/accounts/change")
def change_account(who: ActingAdmin, form: SentForm, services: UseServices) -> Response:
    """Change an account: role, password, whether it may sign in; or delete it. The name is in no address."""
    username, what = form.required("username", "The username"), form.text("do")
    changes = Changes(services, who)
    if what == "delete":
        changes.remove_account(username)
        return see("/app/accounts", "account-removed")
    fields: dict[str, Any] = {"role": form.text("role")} if form.text("role") else {}
    if what in {"disable", "enable"}:
        fields["disabled"] = what == "disable"
    if form.secret("password"):
        fields["password"] = form.secret("password")
    changes.change_account(username, **fields)
    return see("/app/accounts", "account-changed")


@router.get("/first-run")
def show_first_run(request: Request, who: Admin, services: UseServices) -> Response:
    """Show what is still to be done before the first scan; what is done is ticked."""
    steps = first_steps(
        services.users.all(), services.sources.all(), services.relays.all(), services.relays.heartbeats()
    )
    return page(request, who, "first_run.html", steps=steps, done=all(step.done for step in steps))
