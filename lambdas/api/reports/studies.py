"""``GET /studies/{source}/exams``: a study's exams for its own team, as JSON or CSV; readings are audited."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import Header, Query, Response
from pydantic import Field

from lambdas.access.reach import Reach
from lambdas.access.role import Role
from lambdas.api.auth import Acting, MayReadStudies, Person, Within
from lambdas.api.dependencies import Router, UseServices
from lambdas.api.reports.study_exams import Named, StudyExam, View, page_of, study_exams
from lambdas.api.schemas import common as schemas
from lambdas.api.services import Services
from lambdas.history.facts.pseudonyms import Pseudonyms
from lambdas.sources.definition import SourceDefinition
from lambdas.store.accounts.people import User
from lambdas.store.audit.entry import Subject
from lambdas.store.ownership import StoredItem
from shared.dicom.dicom_text import OptionalDA
from shared.errors import Forbidden, NotFound, Rejected, Unavailable
from shared.text.spreadsheet import harmless

router = Router(prefix="/studies", tags=["studies"], dependencies=[MayReadStudies])

_FIRST, _LAST = "00000000", "99999999"
COLUMNS: Final = tuple(name for name in StudyExam.model_fields if name != "named")
NAMED: Final = tuple(Named.model_fields)


class StudyQuery(schemas.Request):
    """Which exams, and how. Days are those of the planned start, both ends included."""

    named: Annotated[bool, Field(description="With names: for who may read the worklist too.")] = False
    date_from: OptionalDA = ""
    date_to: OptionalDA = ""
    limit: Annotated[int, Field(ge=1, le=5000)] = 1000
    cursor: Annotated[str, Field(max_length=64, description="From the page before: its `Link` header")] = ""


@router.get(
    "/{source_id}/exams",
    response_model=list[StudyExam],
    responses={200: {"content": {"text/csv": {}}}},
)
def list_study_exams(
    source_id: str,
    query: Annotated[StudyQuery, Query()],
    response: Response,
    services: UseServices,
    user: Person,
    by: Acting,
    within: Within,
    accept: Annotated[str, Header()] = "",
) -> list[StudyExam] | Response:
    """List the exams of a study, without names; as CSV with `Accept: text/csv`.

    For accounts whose `studies` name it, and admins. Exams and participants have keys (HMAC), those of the
    history for analysis. If the study moves its dates, so are these, and days cannot be asked for.
    `named=true` is for roles that may read the worklist. `Link: <...>; rel="next"` leads to the next page.
    """
    definition = _study(services, user, source_id, named=query.named)
    shifted = definition.history.shift_dates and not query.named
    if shifted and (query.date_from or query.date_to):
        raise Rejected("the study's dates are moved, so days cannot be asked for", where="date_from")
    view = View(_pseudonyms(services), shifted, query.named)
    exams, after = page_of(
        study_exams(_items(services, definition, query, within), view), query.cursor, query.limit
    )
    _note(services, by, source_id, exams, named=query.named)
    link = _link(source_id, query, after) if after else {}
    if "text/csv" in accept:
        return Response(as_csv(exams, named=query.named), media_type="text/csv", headers=link)
    response.headers.update(link)
    return exams


def as_csv(exams: Sequence[StudyExam], *, named: bool) -> str:
    """Return exams as CSV (RFC 4180); what is not known is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*COLUMNS, *(NAMED if named else ())])
    for each in exams:
        row: dict[str, Any] = each.model_dump(mode="json")
        who: Mapping[str, Any] = row["named"] or {}
        cells = [row[name] for name in COLUMNS] + [who.get(name) for name in (NAMED if named else ())]
        writer.writerow(["" if cell is None else harmless(str(cell)) for cell in cells])
    return text.getvalue()


def _study(services: Services, user: User, source_id: str, *, named: bool) -> SourceDefinition:
    """Return a study that somebody may see: that another one exists is nobody else's business."""
    theirs = user.role is Role.ADMIN or source_id in user.studies
    if not theirs:
        raise NotFound("no such study", where="source_id")
    if named and not user.role.covers(Role.READ):
        raise Forbidden("names are for roles that may read the worklist", where="named", hint="ask an admin")
    return services.sources.get(source_id)


def _pseudonyms(services: Services) -> Pseudonyms:
    key = services.pseudonym_key()
    if not key:
        raise Unavailable(
            "this deployment has no key for pseudonyms",
            where="HISTORY_KEY_SECRET_ID",
            hint="an admin deploys it with the parameter History=true",
        )
    return Pseudonyms(key.encode())


def _items(
    services: Services, definition: SourceDefinition, query: StudyQuery, within: Reach
) -> list[StoredItem]:
    def is_of_study(item: Mapping[str, Any]) -> bool:
        return bool(item.get("source") == definition.id)

    first, last = query.date_from or _FIRST, query.date_to or _LAST
    sites = sorted(site for site in definition.sites() if within.admits(site))
    return [each for site in sites for each in services.worklist.of_days(site, first, last, is_of_study)]


def _note(services: Services, by: Acting, source_id: str, exams: Sequence[StudyExam], *, named: bool) -> None:
    """Note that a study was read, and of whom with names; if it cannot be written down, it is not shown."""
    ids = tuple(each.named.item_id for each in exams if each.named)
    kind = "study with names" if named else "study"
    services.audit.record(by, [Subject(kind=kind, id=source_id, action="read", ids=ids)])


def _link(source_id: str, query: StudyQuery, after: str) -> dict[str, str]:
    given = query.model_dump(exclude={"cursor"}, exclude_defaults=True) | {"cursor": after}
    if query.named:
        given["named"] = "true"
    return {"Link": f'</studies/{source_id}/exams?{urlencode(given)}>; rel="next"'}
