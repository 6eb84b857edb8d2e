"""What the pages read of a site, in as few requests as there are kinds of rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lambdas.api.pages.session import Visitor
from lambdas.api.pages.views.site import SiteState, site_state
from lambdas.api.services import Services
from lambdas.store.ownership import StoredItem
from lambdas.store.unfinished_write_backs import PerformedStep
from lambdas.sync.scanner_view import ScannerView, known_scanners, views
from shared.errors import NotFound
from shared.scanners.shown_items import ShownTo


def sites_of(services: Services, who: Visitor) -> list[str]:
    """Return the sites that who looks can choose."""
    return [site for site in services.worklist.sites() if who.within.admits(site)]


def chosen_site(services: Services, asked: str, sites: Sequence[str]) -> str:
    """Return the site to show: the one asked for, else the default, else the first; empty if there is none.

    :raises NotFound: there is no such site.
    """
    if asked and asked not in sites:
        raise NotFound("there is no such site")
    default = services.settings.default_site
    return asked or (default if default in sites else "") or next(iter(sites), default)


def read_site(services: Services, site: str) -> SiteState:
    """Return what is known of a site now."""
    return site_state(
        site,
        services.now(),
        services.relays.all(),
        services.relays.heartbeats(),
        services.sources.all(),
        services.settings.site_time_zone,
    )


def performed_of(services: Services, items: Iterable[StoredItem]) -> dict[str, PerformedStep]:
    """Return the performed steps of some items, by SOP Instance UID."""
    return services.steps.performed([uid for each in items for uid in each.progress.steps])


def shown_to(services: Services, state: SiteState, items: Iterable[StoredItem]) -> dict[str, list[ShownTo]]:
    """Return which scanners were shown each of some items, by id, as the site's relays tell."""
    relays = [relay.relay_id for relay, _ in state.relays]
    return services.shown_items.of_items([each.item.id for each in items], relays)


def shown_by(services: Services, state: SiteState, stored: StoredItem) -> tuple[ScannerView, ...]:
    """Return what each scanner of the site would be shown of one item."""
    scanners = known_scanners(services.relays, [state.site])
    return views(scanners, [stored.item], state.local_now.date())
