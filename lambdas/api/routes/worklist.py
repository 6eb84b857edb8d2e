"""The worklist for people and programs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import Header, Query, Request, Response
from pydantic import Field

from lambdas.access.reach import Reach
from lambdas.api import reading
from lambdas.api.auth import Acting, MayRead, MayWrite, Within
from lambdas.api.dependencies import Router, UseServices
from lambdas.api.idempotency import Once
from lambdas.api.preconditions import check_match, check_status_is_meant, etag, is_known, merged
from lambdas.api.schemas import common as schemas
from lambdas.api.schemas.items import ItemChanges, ItemView, NewItem
from lambdas.api.services import Services
from lambdas.store.audit.item_history import since
from lambdas.store.worklist import ItemQuery, StoredItem
from shared.dicom.dicom_text import CS, LO, OptionalDA
from shared.errors import NotFound, Rejected
from shared.worklist_item import OptionalSiteName, Status

router = Router(prefix="/worklist", tags=["worklist"])

IfMatch = Annotated[
    str, Header(max_length=1024, description="Only if the item is still this version: an `ETag`, or `*`.")
]
IdempotencyKey = Annotated[
    str,
    Header(max_length=255, description="A text of your own, new for each item."),
]
_ETAG: Final = {"ETag": {"description": "The item's version.", "schema": {"type": "string"}}}
SHOWN: Final[dict[int | str, dict[str, Any]]] = {200: {"headers": _ETAG}}


class ListQuery(schemas.Request):
    """What to list: every condition given must hold; dates include both ends."""

    status: Annotated[
        list[Status],
        Field(default_factory=list, description="May be repeated. Left out: SCHEDULED and IN_PROGRESS."),
    ]
    patient_id: Annotated[LO, Field(description="A part of the id, in any case.")] = ""
    modality: CS = ""
    site: OptionalSiteName = ""
    date_from: OptionalDA = ""
    date_to: OptionalDA = ""
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    offset: Annotated[int, Field(ge=0, le=10_000)] = 0
    cursor: Annotated[str, Field(max_length=512, description="From the page before: its `Link` header")] = ""

    def to_query(self, within: Reach) -> ItemQuery:
        """Return the query the store understands."""
        within.check_choice(self.site)
        conditions = ItemQuery(
            sites=within.sites,
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
    query: Annotated[ListQuery, Query()],
    request: Request,
    response: Response,
    services: UseServices,
    by: Acting,
    within: Within,
) -> list[ItemView]:
    """List items in order of their start. `Link: <...>; rel="next"` leads to the next page, if any."""
    page = services.worklist.list_items(
        query.to_query(within), limit=query.limit, start=query.cursor or None, offset=query.offset
    )
    if page.next:
        response.headers["Link"] = f'<{_next_page(request, page.next)}>; rel="next"'
    reading.list_read(services.audit, by, page.items)
    return [ItemView.of(stored) for stored in page.items]


@router.post("", status_code=201, dependencies=[MayWrite])
def create_item(
    body: NewItem,
    response: Response,
    services: UseServices,
    by: Acting,
    within: Within,
    idempotency_key: IdempotencyKey = "",
) -> ItemView:
    """Make an item by hand, one that comes from no source.

    With `Idempotency-Key` the same request again, within 24 hours, gives the same item and makes no other;
    with another body it is refused (422).
    """
    once = Once.of(services, by, idempotency_key, body)
    if once and (made := once.made(services)):
        within.check(made.item.site)
        response.headers["Location"] = f"/worklist/{made.item.id}"
        return _tagged(made, response)
    site = services.site_or_default(body.site)
    within.check_choice(site)
    item = body.to_item(
        once.item_id if once else services.new_id(),
        site=site,
        now=services.local_now(),
        station_aetitle=services.settings.default_station_aetitle,
        modality=services.settings.default_modality,
    )
    stored = once.create(services, item, by) if once else services.worklist.create(item, by=by)
    response.headers["Location"] = f"/worklist/{stored.item.id}"
    return _tagged(stored, response)


@router.get(
    "/{item_id}",
    response_model=ItemView,
    responses={**SHOWN, 304: {"description": "You have this version."}},
    dependencies=[MayRead],
)
def get_item(
    item_id: str,
    response: Response,
    services: UseServices,
    by: Acting,
    within: Within,
    if_none_match: Annotated[str, Header()] = "",
) -> ItemView | Response:
    """Show an item. Its `ETag` is its version, which `If-None-Match` may name: then 304 if it is the same."""
    stored = _existing(services, item_id)
    within.check(stored.item.site)
    if is_known(if_none_match, stored):
        return Response(status_code=304, headers={"ETag": etag(stored)})
    reading.item_read(services.audit, by, stored)
    return _tagged(stored, response)


@router.put("/{item_id}", responses=SHOWN, dependencies=[MayWrite])
def change_item(
    item_id: str,
    body: ItemChanges,
    response: Response,
    services: UseServices,
    by: Acting,
    within: Within,
    if_match: IfMatch = "",
) -> ItemView:
    """Change the fields that differ. From then on they are yours: REDCap no longer changes them.

    With `If-Match` an item that has changed since is answered with 412. With `version` in the body, what you
    did not change stays as others have changed it, and 412 is the answer if you both changed the same field.
    Without them, a status that a scanner has reported is changed only if it is sent alone (428).
    """

    def changes(there: StoredItem) -> Mapping[str, Any]:
        within.check(there.item.site)
        check_status_is_meant(body, if_match, there)
        return _checked(services, body, if_match, there)

    return _tagged(services.worklist.edit(item_id, changes, by=by), response)


@router.patch("/{item_id}", responses=SHOWN, dependencies=[MayWrite])
def patch_item(
    item_id: str,
    body: ItemChanges,
    response: Response,
    services: UseServices,
    by: Acting,
    within: Within,
    if_match: IfMatch = "",
) -> ItemView:
    """Change the fields named, and no other: a merge patch (RFC 7396), in which null empties a field."""

    def changes(there: StoredItem) -> Mapping[str, Any]:
        within.check(there.item.site)
        return _checked(services, body, if_match, there)

    return _tagged(services.worklist.edit(item_id, changes, by=by), response)


@router.delete("/{item_id}", dependencies=[MayWrite])
def delete_item(
    item_id: str, services: UseServices, by: Acting, within: Within, if_match: IfMatch = ""
) -> schemas.Deleted:
    """Remove an item; its source will not bring it back, `POST /worklist/{id}/restore` does."""

    def check(there: StoredItem) -> None:
        within.check(there.item.site)
        check_match(if_match, there)

    services.worklist.remove(item_id, check, by=by)
    return schemas.Deleted(message=f"Worklist item {item_id} deleted successfully")


def _checked(services: Services, body: ItemChanges, if_match: str, there: StoredItem) -> Mapping[str, Any]:
    """Return what to change of an item as it stands; raise `Outdated` if the caller saw another."""
    known = partial(since, services.audit.entry, there.item.id, there.audited)
    check_match(if_match, there, known)
    return body.against(there) if if_match else merged(body, there, known)


def _tagged(stored: StoredItem, response: Response) -> ItemView:
    response.headers["ETag"] = etag(stored)
    return ItemView.of(stored)


def _existing(services: Services, item_id: str) -> StoredItem:
    stored = services.worklist.find(item_id)
    if stored is None:
        raise NotFound("no such worklist item", where="id")
    return stored


def _next_page(request: Request, cursor: str) -> str:
    kept = [pair for pair in request.query_params.multi_items() if pair[0] not in {"cursor", "offset"}]
    return f"{request.url.path}?{urlencode([*kept, ('cursor', cursor)])}"
