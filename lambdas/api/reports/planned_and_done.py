"""``GET /reports/planned-and-done``: how the scanners were used, as JSON or CSV, for whoever may read."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final

from fastapi import Header, Query, Response
from pydantic import BaseModel, Field

from lambdas.api.auth import MayRead, Within
from lambdas.api.dependencies import Router, UseServices
from lambdas.api.reports.csv_text import as_csv
from lambdas.api.reports.figures import Rules
from lambdas.api.reports.groups import Grouping, Report, report
from lambdas.api.reports.reading import read_exams
from lambdas.api.schemas import common as schemas
from lambdas.api.services import Services
from lambdas.sources.stored import at_site, zone_name
from shared.dicom.dicom_text import OptionalDA
from shared.errors import Rejected
from shared.text.time_zones import time_zone
from shared.worklist_item import OptionalSiteName

USUAL_DAYS: Final = 28
MOST_DAYS: Final = 366

router = Router(prefix="/reports", tags=["reports"], dependencies=[MayRead])


class ReportQuery(schemas.Request):
    """What a report is about. Days are the site's, both ends included; left out: the last four weeks."""

    site: OptionalSiteName = ""
    date_from: OptionalDA = ""
    date_to: OptionalDA = ""
    by: Annotated[Grouping, Field(description="What there is a line for.")] = Grouping.SCANNER
    late_hours: Annotated[
        int, Field(ge=0, le=720, description="A cancellation less than so many hours before is late.")
    ] = 24
    assumed_minutes: Annotated[
        int | None,
        Field(ge=1, le=720, description="How long a booking without a planned end is taken to last."),
    ] = None

    def days(self, today: date) -> tuple[date, date]:
        """Return the first and the last day; raise `Rejected` if they are too many or the wrong way round."""
        last = _date(self.date_to) if self.date_to else today
        first = _date(self.date_from) if self.date_from else last - timedelta(days=USUAL_DAYS - 1)
        if first > last:
            raise Rejected("is after date_to", where="date_from")
        if (last - first).days >= MOST_DAYS:
            raise Rejected(f"is more than {MOST_DAYS} days before date_to", where="date_from")
        return first, last


class PlannedAndDone(BaseModel):
    """A report. [docs/reports.md](reports.md) defines every figure.

    :param zone: the time zone of its days and times.
    :param lines: the figures of each group, in order of their names.
    :param total: the figures of everything together.
    """

    site: str
    zone: str
    date_from: str
    date_to: str
    by: Grouping
    late_hours: int
    assumed_minutes: int | None
    report: Report


@router.get(
    "/planned-and-done",
    response_model=PlannedAndDone,
    responses={200: {"content": {"text/csv": {}}}},
)
def planned_and_done(
    query: Annotated[ReportQuery, Query()],
    services: UseServices,
    within: Within,
    accept: Annotated[str, Header()] = "",
) -> PlannedAndDone | Response:
    """Compare what was booked with what was done, by scanner, study or week; as CSV with `Accept: text/csv`.

    No name and no id of a participant is in it. At most 366 days.
    """
    within.check_choice(query.site)
    made = make_report(query, services, services.site_or_default(query.site))
    return Response(as_csv(made.report), media_type="text/csv") if "text/csv" in accept else made


def make_report(query: ReportQuery, services: Services, site: str) -> PlannedAndDone:
    """Return a report of a site; raise `Rejected` if it is too large."""
    sources = at_site(services.sources.all(), site)
    name = zone_name(sources, services.settings.site_time_zone)
    zone = time_zone(name)
    today = datetime.fromtimestamp(services.now(), UTC).astimezone(zone).date()
    first, last = query.days(today)
    rules = Rules(
        today=today,
        late=timedelta(hours=query.late_hours),
        assumed=timedelta(minutes=query.assumed_minutes) if query.assumed_minutes else None,
    )
    exams = read_exams(services, site, first, last, zone, sources)
    return PlannedAndDone(
        site=site,
        zone=name,
        date_from=f"{first:%Y%m%d}",
        date_to=f"{last:%Y%m%d}",
        by=query.by,
        late_hours=query.late_hours,
        assumed_minutes=query.assumed_minutes,
        report=report(exams, query.by, rules),
    )


def _date(day: str) -> date:
    return datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC).date()
