"""The deployment that ``mwl-cloud`` administers, as the environment names it.

Who wants only the accounts asks for their store: the services as a whole load REDCap's part and cryptography.
"""

from __future__ import annotations

import secrets
import time
import uuid
from typing import TYPE_CHECKING

from pydantic import Field

from lambdas.api.settings import ApiSettings
from lambdas.settings import load

if TYPE_CHECKING:
    from lambdas.api.services import Services
    from lambdas.store.accounts.people import UserStore
    from lambdas.store.accounts.relays import RelayStore
    from lambdas.store.worklist import WorklistStore


class AdminSettings(ApiSettings):
    """What administration reads from its environment."""

    signing_key_secret_id: str = Field(default="", description="Not used here.")


def services() -> Services:
    """Return the deployment's services; raise `Rejected` naming the variables that are not set."""
    from lambdas.api.services import services_from

    return services_from(load(AdminSettings))


def worklist_store() -> WorklistStore:
    """Return the store of the worklist; raise `Rejected` as `services`."""
    from lambdas.store.worklist import WorklistStore

    settings = load(AdminSettings)
    return WorklistStore(
        settings.tables(),
        now=time.time,
        new_id=lambda: uuid.uuid4().hex,
        settle_seconds=settings.settle_seconds,
    )


def user_store() -> UserStore:
    """Return the store of people's accounts; raise `Rejected` as `services`."""
    from lambdas.store.accounts.people import UserStore

    return UserStore(load(AdminSettings).tables(), now=time.time)


def relay_store() -> RelayStore:
    """Return the store of the relays; raise `Rejected` as `services`."""
    from lambdas.store.accounts.relays import RelayStore, random_code

    return RelayStore(
        load(AdminSettings).tables(),
        now=time.time,
        new_id=lambda: uuid.uuid4().hex,
        new_code=lambda: random_code(secrets.choice),
    )
