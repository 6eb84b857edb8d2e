"""What pylantir reads from its environment."""

from __future__ import annotations

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings


class PylantirEnvironment(BaseSettings):
    """Where the project is; both are needed to ask it."""

    redcap_api_url: str = Field(default="", description="REDCap's API.")
    redcap_api_token: SecretStr = Field(default=SecretStr(""), description="Its token.")
