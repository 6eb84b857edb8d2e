"""What people say of an exam besides its fields: giving back to REDCap, bringing back, done without MPPS."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import Response
from pydantic import Field

from lambdas.access.reach import Reach
from lambdas.api.auth import Acting, MayWrite, Within
from lambdas.api.dependencies import Router, UseServices
from lambdas.api.guard import logger
from lambdas.api.mpps_intake import wake_write_back
from lambdas.api.preconditions import check_match, etag
from lambdas.api.routes.worklist import SHOWN, IfMatch
from lambdas.api.schemas import common as schemas
from lambdas.api.schemas.items import ItemView
from lambdas.api.services import Services
from lambdas.store.audit.item_history import since
from lambdas.store.ownership import StoredItem
from lambdas.store.unfinished_write_backs import completion_of
from lambdas.store.worklist import Check
from shared.errors import Unavailable

router = Router(prefix="/worklist", tags=["worklist"], dependencies=[MayWrite])


class Release(schemas.Request):
    """Which fields REDCap is to own again; none: all that people changed, the status too."""

    fields: Annotated[tuple[str, ...], Field(max_length=64)] = ()


@router.post("/{item_id}/release", responses=SHOWN)
def release_item(
    item_id: str,
    response: Response,
    services: UseServices,
    by: Acting,
    within: Within,
    body: Release | None = None,
    if_match: IfMatch = "",
) -> ItemView:
    """Give fields back to REDCap, which people had changed.

    They keep their values until REDCap has been asked, in about a second; then they have REDCap's.
    """
    check = _looked_at(services, item_id, within, if_match)
    fields = body.fields if body else ()
    return _asked_anew(services, services.worklist.release(item_id, fields, check, by=by), response)


@router.post("/{item_id}/restore", responses=SHOWN)
def restore_item(
    item_id: str, response: Response, services: UseServices, by: Acting, within: Within
) -> ItemView:
    """Bring back an item that a person removed. One that is there stays as it is."""
    return _asked_anew(
        services,
        services.worklist.restore(item_id, lambda there: within.check(there.item.site), by=by),
        response,
    )


@router.post("/{item_id}/complete", responses=SHOWN)
def complete_item(
    item_id: str,
    response: Response,
    services: UseServices,
    by: Acting,
    within: Within,
    if_match: IfMatch = "",
) -> ItemView:
    """Say that an exam was done, for a scanner that does not say so itself. REDCap is told.

    A later report of a scanner overrules it; `POST /worklist/{id}/reopen` takes it back. An exam that a
    scanner reports is refused (422): it says itself when it is completed.
    """
    stored = services.completions.complete(item_id, _looked_at(services, item_id, within, if_match), by=by)
    wake_write_back(services, [completion_of(item_id)])
    response.headers["ETag"] = etag(stored)
    return ItemView.of(stored)


@router.post("/{item_id}/reopen", responses=SHOWN)
def reopen_item(
    item_id: str,
    response: Response,
    services: UseServices,
    by: Acting,
    within: Within,
    if_match: IfMatch = "",
) -> ItemView:
    """Take back that an exam is completed, where a person or an archive (PACS) said so: it is to be done.

    The archive does not complete it again, unless its status is given back to REDCap.
    """
    stored = services.completions.reopen(item_id, _looked_at(services, item_id, within, if_match), by=by)
    wake_write_back(services, [completion_of(item_id)])
    return _asked_anew(services, stored, response)


def _looked_at(services: Services, item_id: str, within: Reach, if_match: str) -> Check:
    """Return what raises if an item is out of reach, or not the version that was looked at."""

    def check(there: StoredItem) -> None:
        within.check(there.item.site)
        check_match(if_match, there, partial(since, services.audit.entry, item_id, there.audited))

    return check


def _asked_anew(services: Services, stored: StoredItem, response: Response) -> ItemView:
    """Show an item, and have its record read anew: what REDCap says of it may have changed meanwhile."""
    if stored.item.source:
        try:
            services.syncs.send(stored.item.source, record=stored.item.source_record)
        except Unavailable as error:
            # What was asked for is done; the next full read of the source does the rest.
            logger.warning("record not read anew", extra={"reason": str(error)})
    response.headers["ETag"] = etag(stored)
    return ItemView.of(stored)
