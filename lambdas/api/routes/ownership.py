"""Giving fields back to REDCap, and undoing a deletion."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Field

from lambdas.api.auth import Acting, MayWrite, Within
from lambdas.api.dependencies import UseServices
from lambdas.api.guard import logger
from lambdas.api.preconditions import check_match, etag
from lambdas.api.routes.worklist import SHOWN, IfMatch
from lambdas.api.schemas import common as schemas
from lambdas.api.schemas.items import ItemView
from lambdas.api.services import Services
from lambdas.store.audit.item_history import since
from lambdas.store.ownership import StoredItem
from shared.errors import Unavailable

router = APIRouter(prefix="/worklist", tags=["worklist"], dependencies=[MayWrite])


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

    def check(there: StoredItem) -> None:
        within.check(there.item.site)
        check_match(if_match, there, partial(since, services.audit.entry, item_id, there.audited))

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
