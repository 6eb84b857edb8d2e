"""What ``mwl-cloud keys`` reads from its environment."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class KeySettings(BaseSettings):
    """Where the signing keys are."""

    model_config = SettingsConfigDict(extra="ignore", hide_input_in_errors=True)

    signing_key_secret_id: str = Field(
        min_length=1, description="The secret with the keys: the stack's output SigningKeySecretId."
    )
    aws_region: str = Field(default="us-east-1", description="AWS region of the deployment.")
