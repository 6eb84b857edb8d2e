"""What REDCap itself calls: the Data Entry Trigger, a form POST whenever somebody saves a form.

It carries no proof but the secret in its URL, is sent once and never again, and whatever it says may be old
news: so it wakes a sync of the one record, which asks REDCap, and believes nothing else. What it lacks the
schedule finds. Neither the record nor the URL is ever logged.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from lambdas.api.dependencies import Router, UseServices
from lambdas.api.services import Services
from lambdas.sync.status import may_be_asked
from shared.errors import NotFound, Rejected

MOST_BYTES: Final = 16 * 1024
MOST_FIELDS: Final = 100
MOST_CHARACTERS: Final = 100
"""Of a record id: REDCap's own limit."""

FORM: Final = "application/x-www-form-urlencoded"

router = Router(prefix="/hooks", tags=["for REDCap"])


class Woken(BaseModel):
    """A sync was asked for, or will not be needed."""

    status: Literal["accepted"] = "accepted"


async def _body(request: Request) -> bytes:
    """Return the body of a form; before the secret is looked at, so the answer tells nothing of it."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise HTTPException(415)
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise HTTPException(413)
    return body


@router.post(
    "/redcap/{source_id}/{secret}",
    status_code=202,
    openapi_extra={"requestBody": {"content": {FORM: {"schema": {"type": "object"}}}, "required": True}},
)
def data_entry_trigger(
    source_id: str, secret: str, body: Annotated[bytes, Depends(_body)], services: UseServices
) -> Woken:
    """Sync the record of which REDCap says that a form was saved. An unknown source or secret is 404."""
    trigger = services.triggers.known(source_id, secret)
    form = _form(body)
    record = form.get("record", "")
    if not record or len(record) > MOST_CHARACTERS:
        raise Rejected(f"must be a text of 1 to {MOST_CHARACTERS} characters", where="record")
    if trigger.project_id and form.get("project_id") != trigger.project_id:
        raise Rejected("belongs to another project", where="project_id", hint="each project has its own URL")
    if _is_awake(services, source_id):
        services.syncs.send(source_id, record=record, saved_at=services.now())
    return Woken()


def _form(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(body.decode("ascii"), errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:  # also what is no ASCII, or no UTF-8 once its percent signs are read
        raise Rejected("is not a form") from None
    return dict(pairs)


def _is_awake(services: Services, source_id: str) -> bool:
    """Tell whether a sync would be of use now; if not, the schedule finds the record when it is."""
    try:
        return may_be_asked(services.sources.find(source_id), services.now())
    except NotFound:
        return False  # deleted this moment
