"""What admins look after besides: write-backs that REDCap refused, accounts, and the first steps."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from fastapi import Request, Response

from lambdas.access.role import Role
from lambdas.api.dependencies import Router, UseServices
from lambdas.api.pages.changes import Changes
from lambdas.api.pages.forms import SentForm, as_model
from lambdas.api.pages.rendering import page, see
from lambdas.api.pages.session import ActingAdmin, Admin, Visitor
from lambdas.api.pages.site_reading import read_site
from lambdas.api.pages.views.first_run import first_steps
from lambdas.api.pages.views.history import audit_lines
from lambdas.api.pages.views.words import with_dashes
from lambdas.api.routes.audit import AuditQuery, read_page
from lambdas.api.schemas.audit import as_csv
from lambdas.api.services import Services
from lambdas.api.settings import listed
from lambdas.store.audit.entry import Subject

router = Router()

MOST_PARKED: Final = 200
MOST_IN_A_FILE: Final = 1000
AUDIT_KINDS: Final = (
    "item",
    "step",
    "user",
    "login",
    "source",
    "relay",
    "scanners",
    "trigger",
    "notice",
    "calendar",
    "list",
    "audit",
)


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
    return page(
        request,
        who,
        "accounts.html",
        users=services.users.all(),
        roles=list(Role),
        sites=services.worklist.sites(),
        sources=[each.source_id for each in services.sources.all()],
    )


@router.post("/accounts/new")
def make_account(who: ActingAdmin, form: SentForm, services: UseServices) -> Response:
    """Make an account."""
    Changes(services, who).make_account(
        form.required("username", "The username"),
        form.secret("password"),
        form.text("role"),
        listed(form.text("sites")),
        listed(form.text("studies")),
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
    if what == "save" and form.was_sent("sites"):
        fields["sites"] = listed(form.text("sites"))
    if what == "save" and form.was_sent("studies"):
        fields["studies"] = listed(form.text("studies"))
    if what in {"disable", "enable"}:
        fields["disabled"] = what == "disable"
    if form.secret("password"):
        fields["password"] = form.secret("password")
    changes.change_account(username, **fields)
    return see("/app/accounts", "account-changed")


@router.get("/audit")
def show_audit(request: Request, who: Admin, services: UseServices) -> Response:
    """Show what was done lately."""
    return _audit(request, who, services, AuditQuery())


@router.post("/audit")
def ask_audit(request: Request, who: ActingAdmin, form: SentForm, services: UseServices) -> Response:
    """Show what was done by somebody, to something, in some days. A form: a username is in no address."""
    asked = {name: form.text(name) for name in ("actor", "kind", "date_from", "date_to")}
    if form.text("as") == "csv":
        return _audit_file(who, services, as_model(AuditQuery, {**asked, "limit": MOST_IN_A_FILE}))
    return _audit(request, who, services, as_model(AuditQuery, asked))


def _audit_file(who: Visitor, services: Services, query: AuditQuery) -> Response:
    """Return the entries as a file for a spreadsheet, with their values."""
    today = datetime.fromtimestamp(services.now(), UTC).date()
    records, _ = read_page(services.audit, query, today)
    services.audit.record(who.by, [Subject(kind="audit", action="read")])
    name = f'attachment; filename="audit-{today:%Y-%m-%d}.csv"'
    return Response(as_csv(records), media_type="text/csv", headers={"Content-Disposition": name})


def _audit(request: Request, who: Visitor, services: Services, query: AuditQuery) -> Response:
    today = datetime.fromtimestamp(services.now(), UTC).date()
    records, _ = read_page(services.audit, query, today)
    services.audit.record(who.by, [Subject(kind="audit", action="read")])
    state = read_site(services, "")
    return page(
        request,
        who,
        "audit.html",
        lines=audit_lines(records, state),
        kinds=AUDIT_KINDS,
        most=query.limit,
        zone=state.zone_name,
        asked=_asked(query),
    )


def _asked(query: AuditQuery) -> dict[str, str]:
    days = {name: with_dashes(getattr(query, name)) for name in ("date_from", "date_to")}
    return {"actor": query.actor, "kind": query.kind, **days}


@router.get("/first-run")
def show_first_run(request: Request, who: Admin, services: UseServices) -> Response:
    """Show what is still to be done before the first scan; what is done is ticked."""
    steps = first_steps(
        services.users.all(), services.sources.all(), services.relays.all(), services.relays.heartbeats()
    )
    return page(request, who, "first_run.html", steps=steps, done=all(step.done for step in steps))
