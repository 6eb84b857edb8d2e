"""The settings of single sign-on; without an issuer there is none."""

from __future__ import annotations

import json
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, model_validator
from pydantic_settings import BaseSettings, NoDecode

from lambdas.access.single_sign_on.group_rights import GroupRights

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def is_safe_address(address: str) -> bool:
    """Tell whether what is sent to an address cannot be overheard: https, or this machine."""
    parts = urlsplit(address)
    return (parts.scheme == "https" and bool(parts.hostname)) or (
        parts.scheme == "http" and parts.hostname in _LOOPBACK
    )


def _parsed(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError('must be a JSON array: [{"group": "...", "role": "read"}, ...]') from None


class SignOnSettings(BaseSettings):
    """Which OpenID provider vouches for people, and what its groups may do."""

    oidc_issuer: str = Field(
        default="", description="Address of the OpenID provider, its `issuer`. Empty: no single sign-on."
    )
    oidc_client_id: str = Field(default="", description="What the provider calls the dashboard.")
    oidc_client_secret_id: str = Field(
        default="", description='The secret with {"client_secret": "..."}, in Secrets Manager.'
    )
    oidc_program_client_ids: str = Field(
        default="",
        description="Clients of the provider whose ID tokens POST /auth/exchange takes, separated by commas. "
        "Empty: none.",
    )
    oidc_scopes: str = Field(
        default="openid profile email", description="What to ask the provider for, separated by spaces."
    )
    oidc_username_claim: str = Field(
        default="preferred_username", description="The claim that becomes the username of a new account."
    )
    oidc_groups_claim: str = Field(default="groups", description="The claim that lists a person's groups.")
    oidc_groups: Annotated[tuple[GroupRights, ...], NoDecode, BeforeValidator(_parsed)] = Field(
        default=(),
        description='What groups may do, JSON: [{"group": "...", "role": "write", "sites": ["north"]}, ...].',
    )

    @model_validator(mode="after")
    def _all_or_none(self) -> Self:
        if not self.oidc_issuer:
            return self
        if not is_safe_address(self.oidc_issuer):
            raise ValueError("OIDC_ISSUER must begin with https://")
        needed = ("oidc_client_id", "oidc_client_secret_id", "oidc_groups")
        missing = [name.upper() for name in needed if not getattr(self, name)]
        if missing:
            raise ValueError(f"with OIDC_ISSUER these are needed too: {', '.join(missing)}")
        return self
