"""What scanners did: steps without a booking or of the wrong one, and putting that right."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final

from fastapi import Query
from pydantic import Field

from lambdas.access.reach import Reach
from lambdas.api.auth import Acting, MayRead, MayWrite, Within
from lambdas.api.candidates import candidates
from lambdas.api.dependencies import Router, UseServices
from lambdas.api.schemas import common as schemas
from lambdas.api.schemas.steps import CandidateView, ItemChoice, StepDetail, StepProblem, StepView
from lambdas.api.services import Services
from lambdas.store.audit.entry import Subject
from lambdas.store.linking.step_links import FoundStep
from lambdas.store.worklist import ItemQuery, StoredItem
from shared.dicom.dicom_text import AE, OptionalDA
from shared.errors import Unavailable
from shared.worklist_item import OptionalSiteName, Status

USUAL_DAYS: Final = 7
OPEN_HOURS: Final = 4
_MOST_ITEMS: Final = 500

router = Router(prefix="/procedure-steps", tags=["procedure steps"], dependencies=[MayRead])


class StepQuery(schemas.Request):
    """Which steps to list. Days are those they began on, both ends included; left out: the last seven."""

    problem: Annotated[
        list[StepProblem],
        Field(default_factory=list, description="May be repeated. Left out: steps with any problem."),
    ]
    all: Annotated[bool, Field(description="Also steps that nothing is wrong with.")] = False
    site: OptionalSiteName = ""
    station: Annotated[AE | Annotated[str, Field(max_length=0)], Field(description="The scanner.")] = ""
    date_from: OptionalDA = ""
    date_to: OptionalDA = ""
    open_hours: Annotated[int, Field(ge=1, le=168)] = OPEN_HOURS
    limit: Annotated[int, Field(ge=1, le=500)] = 100

    def days(self, today: date) -> tuple[str, str]:
        """Return the first and the last day."""
        last = self.date_to or f"{today + timedelta(days=1):%Y%m%d}"
        return self.date_from or f"{today - timedelta(days=USUAL_DAYS):%Y%m%d}", last

    def admits(self, view: StepView) -> bool:
        """Tell whether a step is to be listed."""
        wrong = set(self.problem) & set(view.problems) if self.problem else view.problems
        return bool(wrong or self.all) and self.station in {"", view.station_aetitle}


@router.get("")
def list_steps(
    query: Annotated[StepQuery, Query()], services: UseServices, by: Acting, within: Within
) -> list[StepView]:
    """List steps that need a person: unmatched, mismatched, or open too long; the latest first."""
    within.check_choice(query.site)
    found = list(_listed(query, services, within))
    ids = tuple(dict.fromkeys(item_id for view in found for item_id in view.items))
    services.audit.record(by, [Subject(kind="steps", action="read", ids=ids)], site=query.site)
    return found


@router.get("/{sop_instance_uid}")
def show_step(sop_instance_uid: str, services: UseServices, by: Acting, within: Within) -> StepDetail:
    """Show a step, with the items it may be of: ranked, and why."""
    found = _reached(services, sop_instance_uid, within)
    ranked = candidates(
        found.step,
        patient_name=found.patient_name,
        patient_id=found.patient_id,
        items=_near(services, found),
    )
    ids = (*found.step.item_ids, *(each.stored.item.id for each in ranked))
    read = Subject(kind="step", id=sop_instance_uid, action="read", ids=ids)
    services.audit.record(by, [read], site=found.site)
    return StepDetail(step=_view(services, found), candidates=[CandidateView.of(each) for each in ranked])


@router.post("/{sop_instance_uid}/link", dependencies=[MayWrite])
def link_step(
    sop_instance_uid: str, body: ItemChoice, services: UseServices, by: Acting, within: Within
) -> StepView:
    """Say that a step is of an item: the item gets its status, and REDCap is told. `unlink` undoes it."""
    _reached(services, sop_instance_uid, within)
    found = services.step_links.link(sop_instance_uid, body.item_id, by=by)
    _wake(services, sop_instance_uid)
    return _view(services, found)


@router.post("/{sop_instance_uid}/unlink", dependencies=[MayWrite])
def unlink_step(
    sop_instance_uid: str, body: ItemChoice, services: UseServices, by: Acting, within: Within
) -> StepView:
    """Say that a step is not of an item: it is to be scanned again, and REDCap is told. `link` undoes it."""
    _reached(services, sop_instance_uid, within)
    found = services.step_links.unlink(sop_instance_uid, body.item_id, by=by)
    _wake(services, sop_instance_uid)
    return _view(services, found)


def _listed(query: StepQuery, services: Services, within: Reach) -> Iterator[StepView]:
    first, last = query.days(services.local_now().date())
    now = datetime.fromtimestamp(services.now(), UTC)
    left = query.limit
    for site in filter(within.admits, [query.site] if query.site else services.worklist.sites()):
        for found in services.step_links.between(site, first, last):
            view = StepView.of(found, now=now, open_hours=query.open_hours)
            if query.admits(view):
                yield view
                left -= 1
            if not left:
                return


def _reached(services: Services, uid: str, within: Reach) -> FoundStep:
    found = services.step_links.find(uid)
    within.check(found.site, "procedure step")
    return found


def _view(services: Services, found: FoundStep) -> StepView:
    return StepView.of(found, now=datetime.fromtimestamp(services.now(), UTC), open_hours=OPEN_HOURS)


def _near(services: Services, found: FoundStep) -> list[StoredItem]:
    """Return the site's items of the day before the step to the day after it."""
    began = found.step.started_at or found.step.reported_at
    day = timedelta(days=1)
    query = ItemQuery(
        statuses=tuple(Status),
        site=found.site,
        date_from=f"{began - day:%Y%m%d}",
        date_to=f"{began + day:%Y%m%d}",
    )
    return services.worklist.list_items(query, limit=_MOST_ITEMS).items


def _wake(services: Services, uid: str) -> None:
    try:
        services.wake_up_messages.send([uid])
    except Unavailable:
        return  # the schedule finds what is due
