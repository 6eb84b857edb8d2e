"""What requests and answers look like, but for worklist items, which are in `lambdas.api.schemas.items`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from lambdas.store.accounts.relays import Configuration, Heartbeat, Relay
from shared.dicom.dicom_text import LO
from shared.relay_health import MOST_BECAUSE, RelayHealth, RelaySummary
from shared.scanners.scanner_profile import ScannerOverride
from shared.steps.procedure_step import (
    MOST_EVENTS,
    MOST_REFERENCES,
    EventReference,
    EventResult,
    ProcedureStepEvent,
)
from shared.steps.study_images import MOST_FINDINGS, ImagesResult, StudyImages
from shared.text.storable import StorableModel
from shared.worklist_item import OptionalSiteName

Password = Annotated[SecretStr, Field(max_length=1024)]


class Request(StorableModel):
    """Base of what is sent to us: a misspelt name is an error, and errors never show values."""

    model_config = ConfigDict(extra="forbid")


class Login(Request):
    """Who logs in, and for how long they wish to be."""

    username: Annotated[str, Field(max_length=256)]
    password: Password
    access_token_expire_minutes: Annotated[int, Field(ge=1)] | None = None


class Exchange(Request):
    """An ID token that the OpenID provider gave a program, and how long the access token should be good."""

    id_token: Annotated[SecretStr, Field(min_length=1, max_length=16_384)]
    access_token_expire_minutes: Annotated[int, Field(ge=1)] | None = None


class AccessToken(BaseModel):
    """A token for `Authorization: Bearer`; `expires_in` seconds from now it is no longer good."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - RFC 6750's name of the scheme
    expires_in: int


class Deleted(BaseModel):
    """What was deleted, in words."""

    message: str


class Invitation(Request):
    """For which site a relay is to be enrolled."""

    site: OptionalSiteName = ""


class DiscardReason(Request):
    """Why a parked event need not reach the cloud."""

    because: Annotated[str, Field(min_length=1, max_length=MOST_BECAUSE)]


class EnrollmentCode(BaseModel):
    """A code that enrols one relay until `expires_at`. It is shown this once."""

    code: str
    site: str
    expires_at: datetime


class RelayView(BaseModel):
    """A relay as shown; `last_seen_at` and `health` are of its last heartbeat.

    `identity_shared_at`: when two machines were last seen to use its identity; null if that never happened.
    """

    relay_id: str
    site: str
    name: str
    enrolled_at: datetime
    revoked_at: datetime | None
    last_seen_at: datetime | None
    identity_shared_at: datetime | None = None
    health: RelaySummary | None

    @classmethod
    def of(cls, relay: Relay, heartbeat: Heartbeat | None) -> RelayView:
        """Return what is shown of a relay in a list."""
        health = heartbeat.health.model_dump(exclude={"scanners"}) if heartbeat else None
        return cls.model_validate(_shown(relay, heartbeat) | {"health": health})


class RelayDetail(RelayView):
    """A relay as shown by itself, with what its scanners did."""

    health: RelayHealth | None

    @classmethod
    def of(cls, relay: Relay, heartbeat: Heartbeat | None) -> RelayDetail:
        """Return what is shown of a relay."""
        return cls.model_validate(
            _shown(relay, heartbeat) | {"health": heartbeat.health if heartbeat else None}
        )


def _shown(relay: Relay, heartbeat: Heartbeat | None) -> dict[str, Any]:
    seen_at = heartbeat.seen_at if heartbeat else None
    shared_at = heartbeat.runs.shared_at if heartbeat else None
    return relay.model_dump(exclude={"public_key"}) | {
        "last_seen_at": seen_at,
        "identity_shared_at": shared_at,
    }


class ScannersView(BaseModel):
    """What is overridden of a relay's scanners, and what the relay last said of it.

    `held_version` is the version it had taken at its last heartbeat, null if there was none; `not_taken`
    says which overrides it could not take, and why.
    """

    scanners: tuple[ScannerOverride, ...]
    version: str
    changed_at: datetime | None
    changed_by: str
    held_version: str | None
    not_taken: tuple[str, ...]

    @classmethod
    def of(cls, configuration: Configuration, version: str, heartbeat: Heartbeat | None) -> ScannersView:
        """Return what is shown of the overrides of a relay."""
        health = heartbeat.health if heartbeat else None
        return cls(
            scanners=configuration.overrides.scanners,
            version=version,
            changed_at=configuration.changed_at,
            changed_by=configuration.changed_by,
            held_version=health.profiles_version if health else None,
            not_taken=health.profile_problems if health else (),
        )


class Enroll(Request):
    """A relay's own request to be enrolled."""

    code: Annotated[str, Field(min_length=1, max_length=64)]
    public_key: Annotated[str, Field(max_length=1000, description="Ed25519, PEM")]
    name: Annotated[LO, Field(min_length=1)]


class Enrolled(BaseModel):
    """Who the relay is from now on, and the `aud` its tokens must carry."""

    relay_id: str
    site: str
    audience: str


class MppsEvents(BaseModel):
    """Events of a relay, oldest first. Each is judged by itself, so none is more here than its id says."""

    model_config = ConfigDict(hide_input_in_errors=True)

    events: Annotated[list[dict[str, Any]], Field(max_length=MOST_EVENTS)]


class MppsResults(BaseModel):
    """A result for each event judged, in the order they were sent; the others are to be sent again."""

    results: list[EventResult]


class FoundImages(BaseModel):
    """What archives have of a site's exams, as a relay asked them."""

    model_config = ConfigDict(hide_input_in_errors=True)

    studies: Annotated[list[StudyImages], Field(max_length=MOST_FINDINGS)]


class FoundImagesResults(BaseModel):
    """What became of each, in the order they were told."""

    results: list[ImagesResult]


class MppsReferences(BaseModel):
    """Events that a relay once sent, and asks about."""

    model_config = ConfigDict(hide_input_in_errors=True)

    events: Annotated[list[EventReference], Field(max_length=MOST_REFERENCES)]


class MppsLacking(BaseModel):
    """The ids of those that are not recorded: send them again."""

    lacking: list[str]


class RecordedStep(BaseModel):
    """What is recorded of one procedure step, in order."""

    events: list[ProcedureStepEvent]


class Health(BaseModel):
    """`degraded` if a check failed; each check says `ok`, or what kind of trouble there is."""

    status: Literal["ok", "degraded"]
    version: str
    commit: str = Field(description="The commit that was built; `unknown` where nobody built it.")
    checks: dict[str, str]
