"""Scans that are not on the worklist, for everybody who looks for one: where, when, and why not."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query
from pydantic import BaseModel

from lambdas.api.auth import Acting, MayRead, Within
from lambdas.api.dependencies import Router, UseServices
from lambdas.sources.missing_scans import by_day, is_soon
from lambdas.store.audit.entry import Subject
from shared.worklist_item import OptionalSiteName

router = Router(prefix="/missing", tags=["worklist"], dependencies=[MayRead])


class MissingScan(BaseModel):
    """A scan that is rejected or held back.

    `day` is `YYYYMMDD`, empty if it cannot be read; `site` is empty if it is not known; `soon`: it is of
    today or of the next hours, or nobody knows.
    """

    source_id: str
    site: str
    kind: Literal["rejected", "held"]
    record: str
    event: str
    instrument: str
    instance: int
    day: str
    soon: bool
    field: str
    reason: str


@router.get("")
def list_missing(
    services: UseServices, by: Acting, within: Within, site: Annotated[OptionalSiteName, Query()] = ""
) -> list[MissingScan]:
    """List the scans that are not on the worklist, and why.

    With `site` those of that site, and those whose site is not known. No name is shown, only the record's id.
    """
    within.check_choice(site)
    found = []
    for source in services.sources.all():
        if source.definition is None:
            continue
        for kind, row in by_day(source.state):
            here = row.site or next(filter(within.admits, sorted(source.definition.sites())), None)
            if here is not None and within.admits(here) and (not site or row.site in {site, ""}):
                soon = is_soon(source.definition, row, services.now())
                told = row.model_dump(exclude={"because_of"})
                found.append(
                    MissingScan.model_validate(
                        {**told, "source_id": source.source_id, "kind": kind, "soon": soon}
                    )
                )
    services.audit.record(by, [Subject(kind="missing", id=site, action="read")], site=site)
    return sorted(found, key=lambda scan: (not scan.soon, scan.day, scan.source_id, scan.record))
