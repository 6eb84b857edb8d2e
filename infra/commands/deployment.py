"""The deployment that ``mwl-cloud`` administers, as the environment names it."""

from __future__ import annotations

from pydantic import Field

from lambdas.api.services import Services, services_from
from lambdas.api.settings import ApiSettings
from lambdas.settings import load


class AdminSettings(ApiSettings):
    """What administration reads from its environment."""

    signing_key_secret_id: str = Field(default="", description="Not used here.")


def services() -> Services:
    """Return the deployment's services; raise `Rejected` naming the variables that are not set."""
    return services_from(load(AdminSettings))
