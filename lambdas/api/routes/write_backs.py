"""Write-backs that REDCap refused: listing and retrying them, for admins."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel

from lambdas.api.auth import Acting, MayAdminister
from lambdas.api.dependencies import Router, UseServices
from lambdas.store.unfinished_write_backs import ParkedWriteBack

router = Router(prefix="/write-backs", tags=["write-backs"], dependencies=[MayAdminister])


class ParkedView(BaseModel):
    """A step whose write-back REDCap refuses.

    :param items: the worklist items it is linked to.
    :param reason: what REDCap said, without values.
    """

    sop_instance_uid: str
    site: str
    sources: tuple[str, ...]
    items: tuple[str, ...]
    reason: str
    attempts: int
    parked_at: datetime

    @classmethod
    def of(cls, parked: ParkedWriteBack) -> ParkedView:
        """Return the view of a parked write-back."""
        return cls(
            sop_instance_uid=parked.sop_instance_uid,
            site=parked.site,
            sources=parked.sources(),
            items=tuple(item.id for item in parked.items),
            reason=parked.reason,
            attempts=parked.attempts,
            parked_at=parked.parked_at,
        )


@router.get("")
def list_parked(services: UseServices, limit: Annotated[int, Query(ge=1, le=500)] = 100) -> list[ParkedView]:
    """List the steps REDCap refused for good, the longest parked first."""
    return [ParkedView.of(parked) for parked in services.steps.parked_write_backs(limit)]


@router.post("/{sop_instance_uid}/retry", status_code=202)
def retry(sop_instance_uid: str, services: UseServices, by: Acting) -> None:
    """Try once more to tell REDCap of a step; trying for nothing does no harm."""
    services.steps.retry_write_back(sop_instance_uid, by=by)
    services.wake_up_messages.send([sop_instance_uid])
