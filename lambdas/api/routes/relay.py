"""What relays themselves call: enrolment, their site's feed down, scanners' events up, heartbeats."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from pydantic import ValidationError

from lambdas.access.tokens import RELAY_AUDIENCE, parse_public_key
from lambdas.api.auth import ThisRelay
from lambdas.api.guard import logger
from lambdas.api.problems import flaws
from lambdas.api.schemas.common import Enroll, Enrolled, MppsIntake, MppsResults
from lambdas.api.services import Services, UseServices
from lambdas.store.accounts.relays import Relay
from shared.errors import Conflict, Rejected, Unavailable
from shared.feed import FeedPage
from shared.procedure_step import EventResult, ProcedureStepEvent
from shared.relay_health import HeartbeatAnswer, RelayHealth

router = APIRouter(prefix="/relay", tags=["for relays"])


@router.post("/enroll", status_code=201)
def enroll(body: Enroll, services: UseServices) -> Enrolled:
    """Enrol with a code and a new public key; the private one stays with the relay."""
    public_key = parse_public_key(body.public_key)
    relay = services.relays.enroll(body.code, public_key=public_key, name=body.name)
    return Enrolled(relay_id=relay.relay_id, site=relay.site, audience=RELAY_AUDIENCE)


@router.get("/worklist", response_model=FeedPage, responses={304: {"description": "nothing new"}})
def worklist(
    relay: ThisRelay,
    services: UseServices,
    cursor: Annotated[str, Query(max_length=1024)] = "",
    limit: Annotated[int, Query(ge=1, le=2000)] = 500,
    if_none_match: Annotated[str, Header()] = "",
) -> Response:
    """Return what changed at the relay's site after its cursor.

    The answer's `ETag` stands for its `cursor`: sent back together, they get 304 as long as nothing is new.
    """
    if cursor and _names(if_none_match, cursor) and services.worklist.is_current(relay.site, cursor):
        return Response(status_code=304, headers={"ETag": _etag(cursor)})
    page = services.worklist.changes_after(relay.site, cursor or None, limit)
    return Response(
        page.model_dump_json(), media_type="application/json", headers={"ETag": _etag(page.cursor)}
    )


@router.post("/mpps")
def mpps(body: MppsIntake, relay: ThisRelay, services: UseServices) -> MppsResults:
    """Record scanners' events in the order given. What is refused is refused for good; the rest goes on.

    After a 503, send the same again: what had been recorded is not recorded twice.
    """
    event_ids = [_event_id(event, number) for number, event in enumerate(body.events)]
    intake = _Intake(services, relay)
    try:
        results = [
            intake.record(event_id, event) for event_id, event in zip(event_ids, body.events, strict=True)
        ]
    except Conflict as error:
        raise Unavailable("an event could not be recorded", hint="send the same again") from error
    finally:
        intake.send_wake_up_messages()
    return MppsResults(results=results)


@router.post("/heartbeat")
def heartbeat(body: RelayHealth, relay: ThisRelay, services: UseServices) -> HeartbeatAnswer:
    """Keep how the relay is doing; answer with all that is overridden of its scanners' profiles."""
    services.relays.heard(relay.relay_id, body)
    configuration, version = services.relays.configuration(relay.relay_id)
    overrides = configuration.overrides.model_dump(mode="json")["scanners"]
    return HeartbeatAnswer(scanners=overrides, version=version)


class _Intake:
    """Events of one request."""

    def __init__(self, services: Services, relay: Relay) -> None:
        self._services, self._relay = services, relay
        self._news: list[str] = []

    def record(self, event_id: str, raw: dict[str, Any]) -> EventResult:
        """Record one event; raise `Conflict` or `Unavailable` only if nothing is known of it."""
        try:
            event = ProcedureStepEvent.model_validate(raw)
        except ValidationError as error:
            found = flaws(error.errors(include_input=False, include_url=False, include_context=False))
            reason = "; ".join(f"{flaw.where}: {flaw.detail}" for flaw in found)
            return EventResult(event_id=event_id, outcome="refused", reason=reason)
        result = self._services.steps.record_event(
            event, site=self._relay.site, relay_id=self._relay.relay_id
        )
        if result.outcome != "refused":
            # Also for a replay: the first time may have ended between the record and the message.
            self._news.append(event.sop_instance_uid)
        return result

    def send_wake_up_messages(self) -> None:
        """Wake the write-back; should that fail, the schedule will, so the intake does not."""
        try:
            self._services.wake_up_messages.send(self._news)
        except Unavailable as error:
            logger.warning("wake-up messages not sent", extra={"reason": str(error)})


def _event_id(event: dict[str, Any], number: int) -> str:
    """Return an event's id: without one, no answer could say which event it means."""
    event_id = event.get("event_id")
    if not isinstance(event_id, str) or not 1 <= len(event_id) <= 64:
        raise Rejected("must be a text of 1 to 64 characters", where=f"events.{number}.event_id")
    return event_id


def _etag(cursor: str) -> str:
    return f'"{cursor}"'


def _names(if_none_match: str, cursor: str) -> bool:
    tags = (tag.strip().removeprefix("W/").strip('"') for tag in if_none_match.split(","))
    return any(tag in (cursor, "*") for tag in tags)
