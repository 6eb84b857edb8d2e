"""What relays themselves call: enrolment, their site's feed down, scanners' events up, heartbeats."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header, Path, Query, Response

from lambdas.access.tokens import RELAY_AUDIENCE, parse_public_key
from lambdas.api.auth import PollingRelay, ThisRelay, check_not_revoked
from lambdas.api.dependencies import Router, UseServices
from lambdas.api.guard import logger
from lambdas.api.mpps_intake import MppsIntake, seconds_for, wake_write_back
from lambdas.api.schemas.common import (
    Enroll,
    Enrolled,
    FoundImages,
    FoundImagesResults,
    MppsEvents,
    MppsLacking,
    MppsReferences,
    MppsResults,
    RecordedStep,
)
from lambdas.api.services import Services
from lambdas.store.audit.entry import Actor
from lambdas.store.site_hours.spans import RECENT_SECONDS, poll_interval
from lambdas.store.unfinished_write_backs import completion_of
from shared.errors import NotFound
from shared.feed import POLL_INTERVAL, FeedPage
from shared.relay_health import HeartbeatAnswer, RelayHealth
from shared.scanners.shown_items import ShownItems, ShownKept
from shared.steps.self_test import SelfTestReport
from shared.steps.study_images import ImagesOutcome, ImagesResult

router = Router(prefix="/relay", tags=["for relays"])


@router.post("/enroll", status_code=201)
def enroll(body: Enroll, services: UseServices) -> Enrolled:
    """Enrol with a code and a new public key; the private one stays with the relay."""
    public_key = parse_public_key(body.public_key)
    relay = services.relays.enroll(body.code, public_key=public_key, name=body.name)
    return Enrolled(relay_id=relay.relay_id, site=relay.site, audience=RELAY_AUDIENCE)


@router.get("/worklist", response_model=FeedPage, responses={304: {"description": "nothing new"}})
def worklist(
    polled: PollingRelay,
    services: UseServices,
    cursor: Annotated[str, Query(max_length=1024)] = "",
    limit: Annotated[int, Query(ge=1, le=2000)] = 500,
    if_none_match: Annotated[str, Header()] = "",
) -> Response:
    """Return what changed at the relay's site after its cursor.

    The answer's `ETag` stands for its `cursor`: sent back together, they get 304 as long as nothing is new.
    Its `Poll-Interval` says for how many seconds there is no need to ask again; 0 while something is expected
    at the site.
    """
    relay = polled.relay
    if cursor and _names(if_none_match, cursor):
        quiet = services.worklist.quiet_seconds(relay.site, cursor, polled.head)
        if quiet is not None:
            headers = {"ETag": _etag(cursor), POLL_INTERVAL: str(_interval(services, relay.site, quiet))}
            return Response(status_code=304, headers=headers)
    check_not_revoked(services, relay)
    page = services.worklist.changes_after(relay.site, cursor or None, limit)
    own = tuple(each for each in page.self_tests if each.relay_id == relay.relay_id)
    page = page.model_copy(update={"self_tests": own})
    if cursor and page.snapshot and not services.worklist.knows(relay.site, cursor):
        logger.warning(
            "the worklist table was restored: this relay knew a later state of it, and begins anew",
            extra={"relay": relay.relay_id, "site": relay.site},
        )
    headers = {"ETag": _etag(page.cursor), POLL_INTERVAL: "0"}  # news seldom comes alone
    return Response(page.model_dump_json(), media_type="application/json", headers=headers)


@router.post("/mpps")
def mpps(
    body: MppsEvents, relay: ThisRelay, services: UseServices, prefer: Annotated[str, Header()] = ""
) -> MppsResults:
    """Record scanners' events in the order given. What is refused is refused for good; the rest goes on.

    Work ends after 8 seconds, or after `Prefer: wait=SECONDS` (RFC 7240) if that is less. An event without a
    result is to be sent again, and everything after a 503: what had been recorded is not recorded twice.
    """
    intake = MppsIntake(services, relay, now=services.now)
    try:
        results = intake.record_all(body.events, seconds_for(prefer))
    finally:
        intake.send_wake_up_messages()
    return MppsResults(results=results)


@router.post("/mpps/lacking")
def lacking(body: MppsReferences, relay: ThisRelay, services: UseServices) -> MppsLacking:
    """Say which of these events are not recorded. A relay asks after a snapshot: the table may be a restored
    one, and what was recorded since is gone from it."""
    missing = services.steps.lacking(body.events, site=relay.site)
    if missing:
        logger.warning(
            "events that a relay had sent are not recorded; it sends them again",
            extra={"relay": relay.relay_id, "site": relay.site, "events": len(missing)},
        )
    return MppsLacking(lacking=missing)


@router.get("/mpps/{sop_instance_uid}")
def recorded_step(sop_instance_uid: str, relay: ThisRelay, services: UseServices) -> RecordedStep:
    """Return what is recorded of a procedure step of the relay's site, for a journal that lost it."""
    events = services.steps.events_at(sop_instance_uid, site=relay.site)
    if not events:
        raise NotFound("no such procedure step", where="sop_instance_uid")
    return RecordedStep(events=events)


@router.post("/images")
def images(body: FoundImages, relay: ThisRelay, services: UseServices) -> FoundImagesResults:
    """Take what archives (PACS) have of exams whose scanners report nothing; it completes the open ones.

    Images under another Patient ID, or of another study, complete nothing. The same again changes nothing.
    """
    actor = Actor(kind="relay", name=relay.relay_id)
    results = [
        ImagesResult(
            item_id=told.item_id, outcome=services.completions.images_found(relay.site, told, by=actor)
        )
        for told in body.studies
    ]
    completed = [completion_of(each.item_id) for each in results if each.outcome is ImagesOutcome.COMPLETED]
    if completed:
        wake_write_back(services, completed)
    return FoundImagesResults(results=results)


@router.post("/self-tests/{test_id}", status_code=204)
def self_test(
    test_id: Annotated[str, Path(max_length=64, description="As the worklist names the test participant.")],
    body: SelfTestReport,
    relay: ThisRelay,
    services: UseServices,
) -> None:
    """Keep how far the relay's test participant has come."""
    services.self_tests.report(relay, test_id, body)


@router.post("/heartbeat")
def heartbeat(body: RelayHealth, relay: ThisRelay, services: UseServices) -> HeartbeatAnswer:
    """Keep how the relay is doing; answer with all that is overridden of its scanners' profiles."""
    shared = services.relays.heard(relay.relay_id, body)
    configuration, version = services.relays.configuration(relay.relay_id)
    overrides = configuration.overrides.model_dump(mode="json")["scanners"]
    discards = services.relays.discards(relay.relay_id, body)
    return HeartbeatAnswer(
        scanners=overrides,
        version=version,
        identity_shared=shared,
        discards=discards,
        retries=services.relays.take_retries(relay.relay_id, body),
        discards_recorded=services.relays.record_discards(relay, body.discarded_events),
    )


@router.post("/shown")
def shown(body: ShownItems, relay: ThisRelay, services: UseServices) -> ShownKept:
    """Keep which scanners of the relay were shown which items, and when.

    Each count is since the relay began, so that telling it again changes nothing.
    """
    return ShownKept(kept=services.shown_items.keep(relay, body.items))


def _interval(services: Services, site: str, quiet: float) -> int:
    """Return for how many seconds a relay of a site need not ask again."""
    longest, now = services.settings.quiet_poll_seconds, services.now()
    awake = not longest or quiet < RECENT_SECONDS  # whatever the hours are, which would have to be read
    spans = None if awake else services.site_hours.of_site(site, now)
    return int(poll_interval(spans, now, quiet, longest))


def _etag(cursor: str) -> str:
    return f'"{cursor}"'


def _names(if_none_match: str, cursor: str) -> bool:
    tags = (tag.strip().removeprefix("W/").strip('"') for tag in if_none_match.split(","))
    return any(tag in (cursor, "*") for tag in tags)
