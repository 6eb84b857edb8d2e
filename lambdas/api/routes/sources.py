"""Sources for admins: their definitions, how their syncs go, what a sync would do, and asking for one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import Path, Response
from pydantic import BeforeValidator

from lambdas.api.auth import Acting, MayAdminister
from lambdas.api.dependencies import Router, UseServices
from lambdas.api.guard import logger
from lambdas.api.schemas.sources import PreviewRequest, SourceDetail, SourceView, SyncQueued, SyncRequest
from lambdas.api.services import Services
from lambdas.sources.definition import SourceDefinition
from lambdas.sources.file import definition_from
from lambdas.sources.state import SourceState
from lambdas.store.audit.entry import Subject
from lambdas.store.dry_worklist import DryWorklist
from lambdas.sync.preview import MOST_ROWS, Preview, Scope, preview
from lambdas.sync.project_check import check_project
from lambdas.sync.scanner_view import known_scanners
from shared.errors import Forbidden, NotFound, Rejected, Unavailable
from shared.text.storable import storable

if TYPE_CHECKING:
    from lambdas.redcap.project import RedcapProject

PREVIEW_SECONDS: Final = 15.0
"""After so long a preview begins no further request: with one under way, less than API Gateway's 30."""

SHARED_IDS_RECORDS, SHARED_IDS_SECONDS = 300, 5.0
"""How many records are looked at when a definition is stored, and for how long."""

MOST_BYTES: Final = 5 * 1024 * 1024
"""Less than Lambda's own 6 MB."""

SourceId = Annotated[str, Path(max_length=64)]

router = Router(prefix="/sources", tags=["sources"], dependencies=[MayAdminister])


@router.get("")
def list_sources(services: UseServices) -> list[SourceView]:
    """List all sources, with how their syncs go."""
    return [SourceView.of(source, services.now()) for source in services.sources.all()]


@router.get("/{source_id}")
def show_source(source_id: SourceId, services: UseServices, by: Acting) -> SourceDetail:
    """Show a source: its definition, and the rows that give no item, with the reason."""
    shown = _shown(services, source_id)
    services.audit.record(by, [Subject(kind="source", id=source_id, action="read")])
    return shown


@router.put("/{source_id}")
def put_source(
    source_id: SourceId,
    body: Annotated[dict[str, Any], BeforeValidator(storable)],
    services: UseServices,
    by: Acting,
) -> SourceDetail:
    """Create or replace a definition, checked against its REDCap project if that answers.

    If it does not, the definition is stored all the same, and `not_checked` says so: each full sync checks
    it too. `shared_patient_ids` says which scans of the first records will be held because their Patient ID
    is somebody else's.
    """
    definition = _definition(source_id, body)
    not_checked, shared, checked = "", list[str](), None
    try:
        with _redcap_says(), closing(services.connect(definition)) as redcap:
            checked = check_project(definition, redcap, services.now()).check
            shared = _shared_patient_ids(definition, redcap, services)
    except Unavailable as error:
        not_checked = str(error)
    services.sources.put(definition, by=by, checked=checked)
    logger.info("source stored", extra={"source_id": source_id, "by": by.name})
    return _shown(services, source_id, not_checked=not_checked, shared_patient_ids=shared)


@router.delete("/{source_id}", status_code=204)
def delete_source(source_id: SourceId, services: UseServices, by: Acting, withdraw: bool = False) -> None:
    """Delete a source. One with open items is refused, unless `withdraw` says that they go too.

    Exams that a scanner has reported on stay.
    """
    withdrawn = services.remove_source(source_id, withdraw=withdraw, by=by)
    facts = {"source_id": source_id, "by": by.name, "withdrawn": withdrawn}
    logger.info("source deleted", extra=facts)


@router.post("/{source_id}/preview", response_model=Preview)
def preview_source(
    source_id: SourceId, services: UseServices, by: Acting, body: PreviewRequest | None = None
) -> Response:
    """Show what a sync would do now: items, changes, rows that give none, and what each scanner would see.

    Nothing is written. `cut` says if there was no time for everything; `mwl-cloud sources preview` has time.
    """
    asked = body or PreviewRequest()
    definition, state = _to_preview(services, source_id, asked)
    deadline = monotonic() + PREVIEW_SECONDS
    scope = Scope(
        record=asked.record or "",
        limit=asked.limit,
        most_rows=MOST_ROWS,
        out_of_time=lambda: monotonic() > deadline,
    )
    logger.info("source previewed", extra={"source_id": source_id, "by": by.name})
    services.audit.record(by, [Subject(kind="preview", id=source_id, action="read")])
    with _redcap_says(), closing(services.connect(definition)) as redcap:
        found = preview(
            definition,
            redcap,
            DryWorklist(services.settings.tables(), now=services.now),
            scanners=known_scanners(services.relays, definition.sites()),
            today=definition.local(datetime.fromtimestamp(services.now(), UTC)).date(),
            left=state.sites,
            scope=scope,
        )
    answer = found.model_dump_json().encode()
    if len(answer) > MOST_BYTES:
        raise Rejected("the result is too large for one answer", where="limit", hint="make it smaller")
    return Response(answer, media_type="application/json")


@router.post("/{source_id}/sync", status_code=202)
def sync_source(
    source_id: SourceId, services: UseServices, by: Acting, body: SyncRequest | None = None
) -> SyncQueued:
    """Ask for a sync now; how it went shows at the source."""
    asked = body or SyncRequest()
    services.sources.find(source_id)
    confirmed = {"confirm_withdrawals": True} if asked.confirm_withdrawals else {}
    services.audit.record(by, [Subject(kind="sync", id=source_id, action="asked-for", after=confirmed)])
    services.syncs.send(source_id, record=asked.record or "", confirm_withdrawals=asked.confirm_withdrawals)
    facts = {"source_id": source_id, "by": by.name, "confirmed": asked.confirm_withdrawals}
    logger.info("sync asked for", extra=facts)
    return SyncQueued(source_id=source_id)


def _shared_patient_ids(definition: SourceDefinition, redcap: RedcapProject, services: Services) -> list[str]:
    if definition.allow_shared_patient_id:
        return []
    deadline = monotonic() + SHARED_IDS_SECONDS
    worklist = DryWorklist(services.settings.tables(), now=services.now)
    today = definition.local(datetime.fromtimestamp(services.now(), UTC)).date()
    scope = Scope(limit=SHARED_IDS_RECORDS, out_of_time=lambda: monotonic() > deadline)
    return preview(definition, redcap, worklist, today=today, scope=scope).shared_patient_ids()


def _shown(
    services: Services, source_id: str, *, not_checked: str = "", shared_patient_ids: Sequence[str] = ()
) -> SourceDetail:
    source = services.sources.find(source_id)
    has_trigger = services.triggers.find(source_id) is not None
    return SourceDetail.showing(
        source,
        services.now(),
        has_trigger=has_trigger,
        not_checked=not_checked,
        shared_patient_ids=shared_patient_ids,
    )


def _definition(source_id: str, data: dict[str, Any]) -> SourceDefinition:
    definition = definition_from({"id": source_id, **data})
    if definition.id != source_id:
        raise Rejected("is not the id in the address; it can never change", where="id")
    return definition


def _to_preview(
    services: Services, source_id: str, asked: PreviewRequest
) -> tuple[SourceDefinition, SourceState]:
    try:
        source = services.sources.find(source_id)
    except NotFound:
        if asked.definition is None:
            raise
        return _definition(source_id, asked.definition), SourceState()
    if source.state.banned_until > services.now():
        raise Unavailable("REDCap has banned this address; try again later", where=source_id)
    if asked.definition is not None:
        return _definition(source_id, asked.definition), source.state
    return services.sources.get(source_id), source.state


@contextmanager
def _redcap_says() -> Iterator[None]:
    """Tell REDCap's no from ours: a token without rights is not a person without rights."""
    try:
        yield
    except Forbidden as error:
        raise Rejected(error.what, where=error.where, hint=error.hint) from error
