"""The table against the oracle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lambdas.sources.unshown_rows import UnshownRow
from lambdas.store.ownership import StoredItem
from tests.fuzz.histories.oracle import Place, Scan, are_two_people
from tests.fuzz.histories.world import World

Texts = Mapping[str, str]


def at_any_moment(world: World) -> Iterator[str]:
    """Yield who is shown at two sites, or at a wrong one; and scans that have begun and are not there."""
    places: dict[str, list[str]] = {}
    for site, stored in world.sites_of_items():
        item = stored.item
        places.setdefault(item.id, []).append(site)
        if item.id in world.removed:
            yield f"{item.source_record} was removed by a person, and is on the list"
        elif not world.is_begun(item.id) and site not in world.allowed.get(item.source_record, set()):
            yield f"{item.source_record} is shown at {site}, and may not be"
    for id_, sites in places.items():
        if len(sites) > 1 and not world.is_begun(id_):
            yield f"{world.known[id_].item.source_record} is shown at {' and '.join(sites)}"
    for id_, begun in world.begun.items():
        if world.is_begun(id_) and begun.site not in places.get(id_, []):
            yield f"the scan of {world.known[id_].item.source_record} has begun, and is not on the list"


def at_rest(world: World, *, after_a_full_read: bool) -> Iterator[str]:
    """Yield what is wrong once the sync has nothing left to do.

    :param after_a_full_read: then REDCap's answers may not excuse anything.
    """
    strict = after_a_full_read or not world.misled
    stored, wanted = world.stored(), world.scans()
    yield from at_any_moment(world)
    for site, each in world.sites_of_items():
        if world.is_begun(each.item.id) and site != world.begun[each.item.id].site:
            yield f"{each.item.source_record} has been scanned elsewhere, and is offered at {site}"
    for scan in wanted.values():
        if scan.verdict == "item":
            yield from _wrong_item(world, scan, stored, strict=strict)
    waiting = world.rig.state().withheld
    for id_ in sorted(stored.keys() - {each for each, scan in wanted.items() if scan.verdict == "item"}):
        excused = world.is_begun(id_) or waiting or (not strict and id_ not in wanted)
        if not excused:
            verdict = wanted[id_].verdict if id_ in wanted else "gone"
            yield f"{stored[id_].item.source_record} is {verdict}, and on the list"
    for id_, begun in world.begun.items():
        if id_ in stored and stored[id_].item.performed_procedure_step_status != begun.status:
            yield f"{world.known[id_].item.source_record} must be {begun.status}"
    if strict:
        yield from _wrong_reports(world, wanted, stored)


def _wrong_item(world: World, scan: Scan, stored: Mapping[str, StoredItem], *, strict: bool) -> Iterator[str]:
    id_, name = scan.item_id, " ".join(map(str, scan.place))
    if id_ in world.removed:
        return
    others = {key: _texts(each) for key, each in stored.items() if each.item.site == scan.site and key != id_}
    rival = (
        any(are_two_people(scan.fields, other) for other in others.values()) and not world.variant.may_share
    )
    if id_ not in stored:
        if strict and not rival:
            yield f"{name} is missing"
        return
    if world.is_begun(id_) and rival:
        return  # what it was corrected to is somebody else's: it stays as it was
    if rival:
        yield f"{name} has the Patient ID of another person"
    if not world.is_begun(id_) and stored[id_].item.site != scan.site:
        yield f"{name} is shown at {stored[id_].item.site}, and belongs to {scan.site}"
    if strict:
        yield from _wrong_fields(world, name, scan, stored[id_])


def _wrong_fields(world: World, name: str, scan: Scan, stored: StoredItem) -> Iterator[str]:
    edits, own = world.edits.get(scan.item_id, {}), _texts(stored)
    for field, text in scan.fields.items():
        allowed = {edits.get(field, text)} | ({text} if scan.item_id in world.unsure else set())
        if own[field] not in allowed:
            yield f"{name}: {field} is {own[field]!r}, and must be {' or '.join(map(repr, sorted(allowed)))}"


def _wrong_reports(
    world: World, wanted: Mapping[str, Scan], stored: Mapping[str, StoredItem]
) -> Iterator[str]:
    """Yield scans that are not on the list, and of which nobody is told, or the wrong thing."""
    state = world.rig.state()
    rejected, held = _places(state.rejected), _places(state.held)
    ought = {scan.place for scan in wanted.values() if scan.verdict == "rejected"}
    if rejected != ought:
        yield f"rejected are {sorted(rejected)}, and must be {sorted(ought)}"
    ought = {scan.place for scan in wanted.values() if scan.verdict == "held"}
    missing = {scan.place for id_, scan in wanted.items() if scan.verdict == "item" and id_ not in stored}
    missing -= {scan.place for id_, scan in wanted.items() if id_ in world.removed}
    if not ought | missing <= held:
        yield f"nobody is told why {sorted((ought | missing) - held)} is not on the list"
    for place in sorted(held - ought - missing):
        own = world.identities.of(place)
        if not (world.is_begun(own) or own in world.removed):
            yield f"{place} is said to be held, and is not"


def what_redcap_was_told(world: World) -> Iterator[str]:
    """Yield rows whose status in REDCap is not what the scanner did."""
    for id_, begun in world.begun.items():
        item = world.known[id_].item
        record = world.project.records.get(item.source_record)
        if record is None or id_ in world.erased:
            continue
        for key, row in record.rows.items():
            at = (key.event, key.instrument, key.instance or 1)
            if at == (item.source_event, item.source_instrument, item.source_instance):
                told = row.get("mri_status", "")
                if told != begun.status:
                    yield f"REDCap says {told!r} of {item.source_record}, and the scanner {begun.status}"


def _places(rows: tuple[UnshownRow, ...]) -> set[Place]:
    return {(row.record, row.event, row.instrument, row.instance) for row in rows}


def _texts(stored: StoredItem) -> Texts:
    return {name: str(value) for name, value in stored.item.model_dump().items()}
