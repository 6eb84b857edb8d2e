"""What the API reads from its environment."""

from __future__ import annotations

from datetime import tzinfo
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from lambdas.access.single_sign_on.settings import SignOnSettings
from lambdas.settings import RedcapSettings
from shared.dicom.dicom_text import AE, CS
from shared.text.time_zones import ZoneName, time_zone
from shared.worklist_item import OptionalSiteName

if TYPE_CHECKING:
    from lambdas.store.models import Tables


class ApiSettings(RedcapSettings, SignOnSettings):
    """The API's settings; each is the environment variable of the same name in capitals."""

    accounts_table: str = Field(description="Name of AccountsTable.")
    signing_key_secret_id: str = Field(description="The secret with the keys that sign people's tokens.")
    write_back_queue_url: str = Field(
        default="",
        description="Queue that wakes the write-back. Empty: only the schedule finds steps that are due.",
    )
    sync_queue_url: str = Field(
        default="", description="SyncQueue, where a sync is asked for. Empty: only the schedule asks."
    )
    cors_allowed_origins: str = Field(
        default="", description="Origins whose web pages may call the API, separated by commas. Empty: none."
    )
    cors_allow_methods: str = Field(
        default="GET, HEAD, POST, PUT, PATCH, DELETE", description="Methods that such a page may use."
    )
    cors_allow_headers: str = Field(
        default="Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key",
        description="Request headers that such a page may send.",
    )
    cors_allow_credentials: bool = Field(
        default=False, description="Whether such a page may send cookies. Tokens need none."
    )
    access_token_max_minutes: int = Field(
        default=480, ge=1, le=1440, description="The longest life of a person's access token."
    )
    session_idle_minutes: int = Field(
        default=60, ge=5, le=720, description="After so long without use the dashboard asks to sign in again."
    )
    session_max_minutes: int = Field(
        default=720, ge=5, le=1440, description="The longest a sign-in at the dashboard lasts."
    )
    default_site: OptionalSiteName = Field(
        default="",
        description="The site of items and relays that name none. Empty: the only one there is.",
    )
    default_station_aetitle: AE = Field(
        default="UNASSIGNED",
        description="Scheduled station AE title of items made by hand that name none.",
    )
    default_modality: Annotated[CS | Literal[""], Field(union_mode="left_to_right")] = Field(
        default="", description="Modality of items made by hand that name none. Empty: it must be named."
    )
    site_time_zone: ZoneName = Field(
        default="UTC",
        description="Time zone of the dashboard, where no source says another for the site, and of the start "
        "of items made by hand that name no date or time: they start now.",
    )
    history_key_secret_id: str = Field(
        default="",
        description="The secret with the key of pseudonyms. Empty: teams cannot be shown their exams.",
    )
    quiet_poll_seconds: int = Field(
        default=60,
        ge=0,
        le=3600,
        description="Relays need not ask more often, in seconds, while their site is closed, no exam is near "
        "and nothing has changed for half an hour; 0: they ask at night as by day.",
    )
    app_version: str = Field(
        default="", description="What /health says the version is. Empty: the package's."
    )

    def time_zone(self) -> tzinfo:
        """Return the zone of `site_time_zone`."""
        return time_zone(self.site_time_zone)

    def tables(self) -> Tables:
        """Return the table models of this deployment, accounts included."""
        return self.bound(self.accounts_table)

    def origins(self) -> list[str]:
        """Return the origins of `cors_allowed_origins`."""
        return listed(self.cors_allowed_origins)


def listed(text: str) -> list[str]:
    """Return what a setting lists, separated by commas."""
    return [each.strip() for each in text.split(",") if each.strip()]
