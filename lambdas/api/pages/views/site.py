"""What is known of a site at one moment: its scanners, its relays and how REDCap is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cached_property

from lambdas.api.pages.views.words import SILENT_SECONDS, ago, at
from lambdas.sources.stored import StoredSource, at_site, zone_name
from lambdas.store.accounts.relays import Heartbeat, Relay
from lambdas.sync.status import SourceStatus, status_of
from shared.scanners.scanner_hours import ScannerHours, hours_of
from shared.text.quantity import quantity
from shared.text.time_zones import time_zone


@dataclass(frozen=True)
class SiteState:
    """What is known of a site.

    :param now: aware.
    :param relays: those that are not revoked, each with its last heartbeat.
    :param sources: those that write to the site.
    """

    site: str
    now: datetime
    zone: tzinfo
    zone_name: str
    relays: tuple[tuple[Relay, Heartbeat | None], ...] = ()
    sources: tuple[StoredSource, ...] = ()

    @cached_property
    def local_now(self) -> datetime:
        """The site's time, naive, as scanners report theirs."""
        return self.now.astimezone(self.zone).replace(tzinfo=None)

    @cached_property
    def today(self) -> str:
        """The site's day, ``YYYYMMDD``."""
        return f"{self.local_now:%Y%m%d}"

    def said_at(self, moment: datetime) -> str:
        """Return a moment in words, in the site's zone."""
        return at(moment, self.now, self.zone)

    def scanner_hours(self, scanner: str) -> ScannerHours | None:
        """Return a scanner's hours, as the first source says that says any; None: none does."""
        said = (hours_of(scanner, each.definition.scanner_hours) for each in self.sources if each.definition)
        return next(filter(None, said), None)

    def last_query(self, ae_title: str) -> datetime | None:
        """Return when a scanner last asked for its list, as far as relays have told; None: never."""
        heard = (
            activity.last_query_at
            for _, heartbeat in self.relays
            for activity in (heartbeat.health.scanners if heartbeat else ())
            if activity.ae_title == ae_title and activity.last_query_at
        )
        return max(heard, default=None)


def site_state(
    site: str,
    now: float,
    relays: Iterable[Relay],
    heartbeats: Mapping[str, Heartbeat],
    sources: Iterable[StoredSource],
    default_zone: str,
) -> SiteState:
    """Return what is known of a site; its zone is that of its first source.

    :param now: seconds since 1970.
    """
    own = at_site(sources, site)
    name = zone_name(own, default_zone)
    served = tuple(
        (relay, heartbeats.get(relay.relay_id))
        for relay in relays
        if relay.site == site and relay.revoked_at is None
    )
    moment = datetime.fromtimestamp(now, UTC)
    return SiteState(site, moment, time_zone(name), name, served, own)


def troubles(state: SiteState) -> tuple[str, ...]:
    """Return what is wrong with a site as a whole, in sentences for everybody; empty if nothing is."""
    return tuple([*_of_relays(state), *_of_sources(state)])


def _of_relays(state: SiteState) -> Iterable[str]:
    for relay, heartbeat in state.relays:
        if heartbeat is None:
            yield f"The relay {relay.name} has not been heard of yet: scanners behind it have no list."
        elif (state.now - heartbeat.seen_at).total_seconds() > SILENT_SECONDS:
            as_of = heartbeat.health.pull.succeeded_at
            shown = f"show a list as of {state.said_at(as_of)}" if as_of else "have no list"
            yield (
                f"The relay {relay.name} is silent since {state.said_at(heartbeat.seen_at)}: "
                f"its scanners may {shown}. Tell your IT engineer."
            )
        else:
            yield from (f"Relay {relay.name}: {problem}" for problem in heartbeat.health.all_problems)


def _of_sources(state: SiteState) -> Iterable[str]:
    now = state.now.timestamp()
    for source in state.sources:
        status = status_of(source, now)
        if status in {SourceStatus.FAILED, SourceStatus.BANNED, SourceStatus.UNREADABLE}:
            # The watermark is the server's time at the start of the last sync that succeeded.
            good = source.state.watermark
            since = f"This list is as of {state.said_at(good)}: " if good else ""
            yield f"{since}{source.source_id} cannot be read from REDCap just now. Scanners go on."
        elif status is SourceStatus.UNCONFIRMED and source.state.withheld:
            exams = quantity(source.state.withheld.count, "exam has", "exams have")
            yield (
                f"{exams} vanished from {source.source_id} in REDCap. What has vanished "
                "stays on the list until an admin confirms, at Sources, that it may go."
            )


def summary(state: SiteState) -> str:
    """Return when REDCap was last read, in a sentence."""
    read = [source.state.report.finished_at for source in state.sources if source.state.report]
    if not state.sources:
        return "No REDCap project is set up for this site yet."
    return f"REDCap was read {ago(max(read), state.now)}." if read else "REDCap has not been read yet."


def scanners_heard(state: SiteState) -> Sequence[str]:
    """Return the AE titles that have asked for a list."""
    found = {
        activity.ae_title
        for _, heartbeat in state.relays
        for activity in (heartbeat.health.scanners if heartbeat else ())
        if activity.last_query_at
    }
    return sorted(found)
