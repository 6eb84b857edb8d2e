"""Notices: who is told what needs somebody, and whether it arrives."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import Request, Response

from lambdas.api.dependencies import Router, UseServices
from lambdas.api.pages.changes import Changes
from lambdas.api.pages.forms import Form, SentForm
from lambdas.api.pages.rendering import page, see
from lambdas.api.pages.session import ActingAdmin, Admin
from lambdas.api.pages.site_reading import sites_of
from lambdas.api.pages.views.words import at
from lambdas.api.routes.telling.notices import NoticeView, list_notices
from lambdas.notices.condition import Kind
from lambdas.notices.subscription import Channel
from shared.text.time_zones import time_zone

router = Router(prefix="/notices")

KINDS = {
    Kind.MISSING: "a scan of today or soon is not on the list",
    Kind.RELAY: "a relay is silent",
    Kind.SOURCE: "REDCap cannot be read, or withdrawals wait",
    Kind.WRITE_BACK: "REDCap refuses a result",
    Kind.SELF_TEST: "a relay's test participant does not come through",
    Kind.UNENDED: "an exam was begun and never ended",
    Kind.DOUBTED: "an exam's images are under another Patient ID",
}
CHANNELS = {
    Channel.EMAIL: "E-mail",
    Channel.SLACK: "Slack",
    Channel.TEAMS: "Teams",
    Channel.WEBHOOK: "Webhook (JSON)",
}


@router.get("")
def show(request: Request, who: Admin, services: UseServices) -> Response:
    """Show every notice, those that do not arrive first."""
    now = datetime.fromtimestamp(services.now(), UTC)
    zone = time_zone(services.settings.site_time_zone)
    found = sorted(list_notices(services), key=lambda each: (not each.failure, each.site, each.target))
    return page(
        request,
        who,
        "notices.html",
        notices=[(each, _went(each, now), at(each.failing_since or now, now, zone)) for each in found],
        zone=services.settings.site_time_zone,
        delivered={
            each.notice_id: at(each.delivered_at, now, zone)
            for each in found
            if each.delivered_at is not None
        },
        sites=sites_of(services, who),
        kinds=KINDS,
        channels=CHANNELS,
    )


@router.post("/new")
def make(who: ActingAdmin, form: SentForm, services: UseServices) -> Response:
    """Make a notice."""
    Changes(services, who).make_notice(_fields(form))
    return see("/app/notices", "notice-made")


@router.post("/change")
def change(who: ActingAdmin, form: SentForm, services: UseServices) -> Response:
    """Try a notice, or remove it, as the button says."""
    notice_id = form.required("notice", "The notice")
    if form.text("do") == "remove":
        Changes(services, who).remove_notice(notice_id)
        return see("/app/notices", "notice-removed")
    Changes(services, who).try_notice(notice_id)
    return see("/app/notices", "notice-tested")


def _fields(form: Form) -> dict[str, object]:
    names = ("site", "channel", "target", "digest_at", "quiet_from", "quiet_to")
    kinds = [kind.value for kind in Kind if form.text(kind.value)]
    return {
        **{name: form.text(name) for name in names},
        "immediately": bool(form.text("immediately")),
        "kinds": kinds,
    }


def _went(notice: NoticeView, now: datetime) -> str:
    """Return how a notice goes, as the kind of its mark."""
    if notice.failing_since is not None and notice.failing_since <= now:
        return "late"
    return "done" if notice.delivered_at else "waiting"
