"""The deployment that ``mwl-cloud`` administers, as the environment names it.

Who wants one store asks for that store: the services as a whole load REDCap's part and cryptography.
The environment is read first: what is not set is said before DynamoDB's library is loaded.
"""

from __future__ import annotations

import secrets
import time
import uuid
from typing import TYPE_CHECKING

from pydantic import Field

from infra.commands.environment import load
from lambdas.settings import StoreSettings

if TYPE_CHECKING:
    from lambdas.api.services import Services
    from lambdas.store.accounts.people import UserStore
    from lambdas.store.accounts.relays import RelayStore
    from lambdas.store.linking.completions import Completions
    from lambdas.store.models import Tables
    from lambdas.store.self_tests.self_tests import SelfTestStore
    from lambdas.store.steps import StepStore
    from lambdas.store.worklist import WorklistStore


class TableSettings(StoreSettings):
    """The names of both tables."""

    accounts_table: str = Field(description="Name of AccountsTable.")

    def tables(self) -> Tables:
        """Return the table models of the deployment, accounts included."""
        return self.bound(self.accounts_table)


def services() -> Services:
    """Return the deployment's services; raise `Rejected` naming the variables that are not set."""
    from infra.commands.admin_settings import AdminSettings

    settings = load(AdminSettings)
    from lambdas.api.services import services_from

    return services_from(settings)


def worklist_store() -> WorklistStore:
    """Return the store of the worklist; raise `Rejected` as `services`."""
    settings = load(TableSettings)
    from lambdas.store.worklist import WorklistStore

    return WorklistStore(
        settings.tables(),
        now=time.time,
        new_id=lambda: uuid.uuid4().hex,
        settle_seconds=settings.settle_seconds,
    )


def completions(worklist: WorklistStore) -> Completions:
    """Return what completes exams that no scanner reports; raise `Rejected` as `services`."""
    settings = load(TableSettings)
    from lambdas.store.accounts.doubted_images import DoubtedImageStore
    from lambdas.store.linking.completions import Completions

    return Completions(worklist, DoubtedImageStore(settings.tables(), now=time.time))


def user_store() -> UserStore:
    """Return the store of people's accounts; raise `Rejected` as `services`."""
    settings = load(TableSettings)
    from lambdas.store.accounts.people import UserStore

    return UserStore(settings.tables(), now=time.time)


def relay_store() -> RelayStore:
    """Return the store of the relays; raise `Rejected` as `services`."""
    settings = load(TableSettings)
    from lambdas.store.accounts.relays import RelayStore, random_code

    return RelayStore(
        settings.tables(),
        now=time.time,
        new_id=lambda: uuid.uuid4().hex,
        new_code=lambda: random_code(secrets.choice),
    )


def self_test_store() -> SelfTestStore:
    """Return the store of the relays' test participants; raise `Rejected` as `services`."""
    settings = load(TableSettings)
    from lambdas.store.self_tests.self_tests import SelfTestStore

    return SelfTestStore(settings.tables(), worklist_store().writer, now=time.time, new_uuid=uuid.uuid4)


def step_store() -> StepStore:
    """Return the store of the performed steps; raise `Rejected` as `services`."""
    settings = load(TableSettings)
    from lambdas.store.steps import StepStore

    return StepStore(settings.tables(), worklist_store(), now=time.time)
