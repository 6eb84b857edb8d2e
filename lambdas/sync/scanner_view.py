"""What each scanner of a site would be shown, as far as the cloud can know.

A scanner's profile is written in its relay's own file, which the cloud does not have. What the cloud has
is what overrides that file, and the AE titles relays tell of. Where nothing is overridden the default
profile is assumed, and the view says so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date

from pydantic import BaseModel, ConfigDict

from lambdas.store.accounts.relays import RelayStore
from shared.dicom.character_sets import UTF8
from shared.scanners.identity import can_carry
from shared.scanners.scanner_profile import ScannerProfile, overridden
from shared.scanners.scanner_selection import shows
from shared.worklist_item import WorklistItem


@dataclass(frozen=True)
class Scanner:
    """A scanner behind a relay.

    :param assumed: the cloud says nothing of it, so ``profile`` is the default one.
    """

    relay_id: str
    relay: str
    site: str
    profile: ScannerProfile
    assumed: bool


class ScannerView(BaseModel):
    """What a scanner that asks for everything would be shown of a source.

    :param relay: the relay's name.
    :param assumed: the cloud does not know its profile; the relay's own file may show it less.
    :param count: how many items.
    :param items: their ids, in the order given.
    :param withheld: ids of those it would be shown, but its character set cannot carry what identifies them.
    """

    model_config = ConfigDict(frozen=True)

    relay_id: str
    relay: str
    site: str
    ae_title: str
    assumed: bool
    count: int
    items: tuple[str, ...]
    withheld: tuple[str, ...] = ()


def known_scanners(relays: RelayStore, sites: Collection[str]) -> list[Scanner]:
    """Return the scanners of the sites' relays that the cloud has heard of, by site, relay and AE title."""
    heartbeats = relays.heartbeats()
    found = []
    for relay in relays.all():
        if relay.site not in sites or relay.revoked_at is not None:
            continue
        configuration, _ = relays.configuration(relay.relay_id)
        overrides = {each.ae_title: each for each in configuration.overrides.scanners}
        heartbeat = heartbeats.get(relay.relay_id)
        reported = heartbeat.health.scanners if heartbeat else ()
        # Who never was let in has not asked either.
        heard = {each.ae_title for each in reported if each.last_query_at is not None}
        for title in sorted(heard | overrides.keys()):
            profile = ScannerProfile(ae_title=title)
            if title in overrides:
                profile = overridden(profile, overrides[title])
            assumed = title not in overrides
            found.append(Scanner(relay.relay_id, relay.name, relay.site, profile, assumed))
    return sorted(found, key=lambda each: (each.site, each.relay, each.relay_id, each.profile.ae_title))


def views(
    scanners: Iterable[Scanner], items: Collection[WorklistItem], today: date
) -> tuple[ScannerView, ...]:
    """Return what each scanner would be shown of some items.

    :param today: the sites' date.
    """
    return tuple(_view(scanner, items, today) for scanner in scanners)


def _view(scanner: Scanner, items: Iterable[WorklistItem], today: date) -> ScannerView:
    selected = [item for item in items if item.site == scanner.site and shows(scanner.profile, item, today)]
    charset = scanner.profile.charset or (UTF8,)  # as relays have it, unless their own file says otherwise
    own = [item.id for item in selected if can_carry(charset, item)]
    return ScannerView(
        relay_id=scanner.relay_id,
        relay=scanner.relay,
        site=scanner.site,
        ae_title=scanner.profile.ae_title,
        assumed=scanner.assumed,
        count=len(own),
        items=tuple(own),
        withheld=tuple(item.id for item in selected if not can_carry(charset, item)),
    )
