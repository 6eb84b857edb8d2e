"""What pages change, each by the function that the API's own route calls: one rule for both.

Whatever the API asks of a caller, who it is and which version was looked at, is handed over here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import Response

from lambdas.api.pages.forms import as_model
from lambdas.api.pages.session import Visitor
from lambdas.api.routes import ownership, procedure_steps, relays, sources, users, worklist, write_backs
from lambdas.api.routes.telling import calendars, notices
from lambdas.api.schemas.common import DiscardReason, EnrollmentCode, Invitation
from lambdas.api.schemas.items import ItemChanges
from lambdas.api.schemas.sources import PreviewRequest, SyncRequest
from lambdas.api.schemas.steps import ItemChoice
from lambdas.api.schemas.users import NewUser, UserChanges
from lambdas.api.services import Services
from lambdas.store.ownership import StoredItem
from shared.errors import NotFound
from shared.scanners.scanner_profile import ScannerOverride, ScannerOverrides


class Changes:
    """What one visitor does."""

    def __init__(self, services: Services, who: Visitor) -> None:
        self._services, self._by, self._within = services, who.by, who.within

    def edit_item(self, item_id: str, fields: dict[str, Any], version: str) -> None:
        """Change fields of an item; raise `Outdated` if it is not the version that was looked at."""
        body = as_model(ItemChanges, {**fields, "version": version})
        worklist.patch_item(item_id, body, Response(), self._services, self._by, self._within, f'"{version}"')

    def remove_item(self, item_id: str, version: str) -> None:
        """Take an item off the list; raise `Outdated` as above."""
        worklist.delete_item(item_id, self._services, self._by, self._within, f'"{version}"')

    def release_item(self, item_id: str, version: str) -> None:
        """Give all that people changed of an item back to REDCap; raise `Outdated` as above."""
        ownership.release_item(
            item_id, Response(), self._services, self._by, self._within, None, f'"{version}"'
        )

    def complete_item(self, item_id: str, version: str, *, done: bool) -> None:
        """Say that an exam was done though no scanner says so, or was not; raise `Outdated` as above."""
        change = ownership.complete_item if done else ownership.reopen_item
        change(item_id, Response(), self._services, self._by, self._within, f'"{version}"')

    def restore_item(self, item_id: str) -> None:
        """Bring back an item that a person removed."""
        ownership.restore_item(item_id, Response(), self._services, self._by, self._within)

    def link_step(self, sop_instance_uid: str, item_id: str, *, linked: bool) -> None:
        """Say that a step is of an item, or that it is not."""
        choice = as_model(ItemChoice, {"item_id": item_id})
        change = procedure_steps.link_step if linked else procedure_steps.unlink_step
        change(sop_instance_uid, choice, self._services, self._by, self._within)

    def invite_relay(self, site: str) -> EnrollmentCode:
        """Make a code that enrols a relay."""
        return relays.create_enrollment(self._services, self._by, as_model(Invitation, {"site": site}))

    def test_relay(self, relay_id: str) -> None:
        """Send a test participant to a relay; raise `Rejected` if it cannot be tested."""
        relays.begin_test(relay_id, self._services, self._by)

    def let_in(self, relay_id: str, ae_title: str, *, own_exams_only: bool) -> None:
        """Let a scanner call a relay; raise `Rejected` if its AE title is none."""
        configuration, _ = self._services.relays.configuration(relay_id)
        others = [each for each in configuration.overrides.scanners if each.ae_title != ae_title]
        fields = {"ae_title": ae_title} | ({"restrict_to_station": True} if own_exams_only else {})
        scanners = {"scanners": (*others, as_model(ScannerOverride, fields))}
        relays.override_scanners(relay_id, as_model(ScannerOverrides, scanners), self._services, self._by)

    def retry_parked(self, relay_id: str, event_id: str) -> None:
        """Have a relay send a parked event again."""
        relays.retry_parked_event(relay_id, event_id, self._services, self._by)

    def give_up_parked(self, relay_id: str, event_id: str, because: str) -> None:
        """Give up a parked event."""
        reason = as_model(DiscardReason, {"because": because})
        relays.discard_parked_event(relay_id, event_id, reason, self._services, self._by)

    def revoke_relay(self, relay_id: str) -> None:
        """End a relay's access."""
        relays.revoke_relay(relay_id, self._services, self._by)

    def store_source(self, source_id: str, definition: dict[str, Any]) -> None:
        """Store a source's definition, checked against its project."""
        sources.put_source(source_id, definition, self._services, self._by)

    def preview_source(self, source_id: str, definition: dict[str, Any] | None) -> bytes:
        """Return what a sync would do, as the API's JSON."""
        body = as_model(PreviewRequest, {"definition": definition})
        return bytes(sources.preview_source(source_id, self._services, self._by, body).body)

    def sync_source(self, source_id: str, *, confirm_withdrawals: bool) -> None:
        """Ask for a sync now."""
        body = SyncRequest(confirm_withdrawals=confirm_withdrawals)
        sources.sync_source(source_id, self._services, self._by, body)

    def retry_write_back(self, sop_instance_uid: str) -> None:
        """Tell REDCap of a step once more."""
        write_backs.retry(sop_instance_uid, self._services, self._by)

    def make_notice(self, fields: dict[str, Any]) -> None:
        """Tell somebody from now on."""
        notices.create_notice(as_model(notices.NewNotice, fields), self._services, self._by)

    def remove_notice(self, notice_id: str) -> None:
        """Tell them nothing any more."""
        notices.delete_notice(notice_id, self._services, self._by)

    def try_notice(self, notice_id: str) -> None:
        """Send a test."""
        notices.try_notice(notice_id, self._services, self._by)

    def make_calendar(self, site: str, scanner: str) -> calendars.MadeCalendar:
        """Make a calendar of a scanner."""
        body = as_model(calendars.NewCalendar, {"site": site, "scanner": scanner})
        return calendars.create_calendar(body, self._services, self._by)

    def revoke_calendar(self, calendar_id: str) -> None:
        """End a calendar."""
        calendars.revoke_calendar(calendar_id, self._services, self._by)

    def make_account(
        self,
        username: str,
        password: str,
        role: str,
        sites: Sequence[str] = (),
        studies: Sequence[str] = (),
    ) -> None:
        """Make an account.

        :param sites: those it may see; none: all.
        :param studies: the sources whose exams it may see without names, by the API; none: no study.
        """
        who = {"username": username, "password": password, "role": role}
        body = as_model(NewUser, {**who, "sites": tuple(sites), "studies": tuple(studies)})
        users.create_user(body, Response(), self._services, self._by)

    def change_account(self, username: str, **fields: Any) -> None:
        """Change what is given of an account."""
        users.change_user(username, as_model(UserChanges, fields), self._services, self._by)

    def remove_account(self, username: str) -> None:
        """Delete an account."""
        users.delete_user(username, self._services, self._by)


def existing_item(services: Services, who: Visitor, item_id: str) -> StoredItem:
    """Return an item, a removed one too; raise `NotFound`, also for one of a site that is out of reach."""
    stored = services.worklist.find(item_id, gone=True)
    if stored is None or not who.within.admits(stored.item.site):
        raise NotFound("There is no such exam on the list")
    return stored
