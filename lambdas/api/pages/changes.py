"""What pages change, each by the function that the API's own route calls: one rule for both.

Whatever the API asks of a caller, who it is and which version was looked at, is handed over here.
"""

from __future__ import annotations

from typing import Any

from fastapi import Response

from lambdas.api.pages.forms import as_model
from lambdas.api.pages.session import Visitor
from lambdas.api.routes import relays, sources, users, worklist, write_backs
from lambdas.api.schemas.common import EnrollmentCode, Invitation, NewUser, UserChanges
from lambdas.api.schemas.items import ItemChanges
from lambdas.api.schemas.sources import PreviewRequest, SyncRequest
from lambdas.api.services import Services
from lambdas.store.ownership import StoredItem
from shared.errors import NotFound


class Changes:
    """What one visitor does."""

    def __init__(self, services: Services, who: Visitor) -> None:
        self._services, self._who = services, who

    def edit_item(self, item_id: str, fields: dict[str, Any], version: str) -> None:
        """Change fields of an item; raise `Outdated` if it is not the version that was looked at."""
        body = as_model(ItemChanges, {**fields, "version": version})
        worklist.patch_item(item_id, body, Response(), self._services, f'"{version}"')

    def remove_item(self, item_id: str, version: str) -> None:
        """Take an item off the list; raise `Outdated` as above."""
        worklist.delete_item(item_id, self._services, f'"{version}"')

    def invite_relay(self, site: str) -> EnrollmentCode:
        """Make a code that enrols a relay."""
        return relays.create_enrollment(self._services, as_model(Invitation, {"site": site}))

    def revoke_relay(self, relay_id: str) -> None:
        """End a relay's access."""
        relays.revoke_relay(relay_id, self._services)

    def store_source(self, source_id: str, definition: dict[str, Any]) -> None:
        """Store a source's definition, checked against its project."""
        sources.put_source(source_id, definition, self._services, self._who.user)

    def preview_source(self, source_id: str, definition: dict[str, Any] | None) -> bytes:
        """Return what a sync would do, as the API's JSON."""
        body = as_model(PreviewRequest, {"definition": definition})
        return bytes(sources.preview_source(source_id, self._services, self._who.user, body).body)

    def sync_source(self, source_id: str, *, confirm_withdrawals: bool) -> None:
        """Ask for a sync now."""
        body = SyncRequest(confirm_withdrawals=confirm_withdrawals)
        sources.sync_source(source_id, self._services, self._who.user, body)

    def retry_write_back(self, sop_instance_uid: str) -> None:
        """Tell REDCap of a step once more."""
        write_backs.retry(sop_instance_uid, self._services)

    def make_account(self, username: str, password: str, role: str) -> None:
        """Make an account."""
        body = as_model(NewUser, {"username": username, "password": password, "role": role})
        users.create_user(body, self._services)

    def change_account(self, username: str, **fields: Any) -> None:
        """Change what is given of an account."""
        users.change_user(username, as_model(UserChanges, fields), self._services)

    def remove_account(self, username: str) -> None:
        """Delete an account."""
        users.delete_user(username, self._services)


def existing_item(services: Services, item_id: str) -> StoredItem:
    """Return an item; raise `NotFound`."""
    stored = services.worklist.find(item_id)
    if stored is None:
        raise NotFound("There is no such exam on the list")
    return stored
