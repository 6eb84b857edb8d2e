"""What administration reads from its environment when it needs the services as a whole."""

from __future__ import annotations

from pydantic import Field

from lambdas.api.settings import ApiSettings


class AdminSettings(ApiSettings):
    """The API's settings, but for its signing key: administration signs nothing."""

    signing_key_secret_id: str = Field(default="", description="Not used here.")


class TriggerSettings(AdminSettings):
    """What making a trigger's URL needs besides."""

    api_url: str = Field(default="", description="The API's address; empty: the URL is shown without it.")
