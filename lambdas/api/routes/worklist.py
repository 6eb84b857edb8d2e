"""The worklist for people and programs."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from lambdas.api.auth import MayRead, MayWrite
from lambdas.api.dependencies import UseServices
from lambdas.api.schemas import common as schemas
from lambdas.api.schemas.items import ItemChanges, ItemView, NewItem
from lambdas.api.services import Services
from lambdas.store.worklist import ItemQuery, StoredItem
from shared.dicom.dicom_text import CS, LO, OptionalDA
from shared.errors import NotFound, Rejected
from shared.worklist_item import OptionalSiteName, Status

router = APIRouter(prefix="/worklist", tags=["worklist"])


class ListQuery(schemas.Request):
    """What to list: every condition given must hold; dates include both ends."""

    status: Annotated[
        list[Status],
        Field(default_factory=list, description="May be repeated. Left out: SCHEDULED and IN_PROGRESS."),
    ]
    patient_id: LO = ""
    modality: CS = ""
    site: OptionalSiteName = ""
    date_from: OptionalDA = ""
    date_to: OptionalDA = ""
    limit: Annotated[int, Field(ge=1, le=500)] = 100
    offset: Annotated[int, Field(ge=0, le=10_000)] = 0
    cursor: Annotated[str, Field(max_length=512, description="From the page before: its `Link` header")] = ""

    def to_query(self) -> ItemQuery:
        """Return the query the store understands."""
        conditions = ItemQuery(
            site=self.site or None,
            patient_id=self.patient_id or None,
            modality=self.modality or None,
            date_from=self.date_from or None,
            date_to=self.date_to or None,
            statuses=tuple(self.status) or ItemQuery.statuses,
        )
        if self.offset and self.cursor:
            raise Rejected("cannot be combined with cursor", where="offset")
        return conditions


@router.get("", dependencies=[MayRead])
def list_items(
    query: Annotated[ListQuery, Query()], request: Request, response: Response, services: UseServices
) -> list[ItemView]:
    """List items in order of their start. `Link: <...>; rel="next"` leads to the next page, if any."""
    page = services.worklist.list_items(
        query.to_query(), limit=query.limit, start=query.cursor or None, offset=query.offset
    )
    if page.next:
        response.headers["Link"] = f'<{_next_page(request, page.next)}>; rel="next"'
    return [ItemView.of(stored) for stored in page.items]


@router.post("", status_code=201, dependencies=[MayWrite])
def create_item(body: NewItem, response: Response, services: UseServices) -> ItemView:
    """Make an item by hand, one that comes from no source."""
    item = body.to_item(
        services.new_id(),
        site=services.site_or_default(body.site),
        now=services.local_now(),
        station_aetitle=services.settings.default_station_aetitle,
    )
    stored = services.worklist.create(item)
    response.headers["Location"] = f"/worklist/{item.id}"
    return ItemView.of(stored)


@router.get("/{item_id}", dependencies=[MayRead])
def get_item(item_id: str, services: UseServices) -> ItemView:
    """Show an item."""
    return ItemView.of(_existing(services, item_id))


@router.put("/{item_id}", dependencies=[MayWrite])
def change_item(item_id: str, body: ItemChanges, services: UseServices) -> ItemView:
    """Change the fields named. From then on they are yours: REDCap no longer changes them."""
    stored = _existing(services, item_id)
    changes = body.against(stored)
    return ItemView.of(services.worklist.edit(item_id, changes) if changes else stored)


@router.delete("/{item_id}", status_code=204, dependencies=[MayWrite])
def delete_item(item_id: str, services: UseServices) -> None:
    """Remove an item; its source will not bring it back."""
    services.worklist.remove(item_id)


def _existing(services: Services, item_id: str) -> StoredItem:
    stored = services.worklist.find(item_id)
    if stored is None:
        raise NotFound("no such worklist item", where="id")
    return stored


def _next_page(request: Request, cursor: str) -> str:
    kept = [pair for pair in request.query_params.multi_items() if pair[0] not in {"cursor", "offset"}]
    return f"{request.url.path}?{urlencode([*kept, ('cursor', cursor)])}"
