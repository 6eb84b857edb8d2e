"""Everything that can happen in a history. An action's arguments are numbers and words, so that it can be
played in any world: which record or item is meant, is what there is at that moment, counted through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import Any, Final

from infra.redcap_simulator.api.wire import Params
from infra.redcap_simulator.faults import FaultKind
from infra.redcap_simulator.project.records import RowKey
from lambdas.store.ownership import StoredItem
from shared.steps.procedure_step import EventKind
from tests.fuzz.histories.study import PERSON
from tests.fuzz.histories.world import LEASE_OVER, Begun, Disturbance, Killed, World, without_rows
from tests.rigs.builders import an_event
from tests.rigs.write_back import because

MISLEADING: Final = frozenset({"truncated"})
FAULTS: Final[tuple[FaultKind, ...]] = (
    "empty_500", "html_200", "banned", "cut_json", "truncated", "dropped", "revoked", "unknown_error",
)  # fmt: skip
WRONG_ENTRY: Final = "110514"

# ---------------------------------------------------------------------------------------- the study team


def creates(world: World, values: dict[str, str], dag: str, again: bool) -> None:
    """A participant is entered, with a first scan; ``again``: under an id that was deleted."""
    free = sorted(set(world.names) - set(world.records()) - world.given_up)
    name = free[0] if again and free else _new_name(world, "R")
    person = {key: text for key, text in values.items() if key in PERSON}
    _save(world, name, world.study.person_form, {"mrn": f"mrn-{name}", **person})
    _save(world, name, world.study.scan_form, {k: v for k, v in values.items() if k not in PERSON}, 1)
    if world.study.has_groups:
        world.rig.simulator.form_filler.move_dag(world.project, name, dag)
    world.note(name)


def describes(world: World, number: int, values: dict[str, str]) -> None:
    """The form that describes a participant is saved: the name, the consent, the Patient ID."""
    if name := _record(world, number):
        _save(world, name, world.study.person_form, values)


def schedules(world: World, number: int, instance: int, values: dict[str, str]) -> None:
    """A scan is booked, moved, called off, or its weight is typed."""
    if name := _record(world, number):
        _save(world, name, world.study.scan_form, values, instance)


def changes_and_changes_back(
    world: World, number: int, values: dict[str, str], others: dict[str, str]
) -> None:
    """A form is saved and synced, then saved again; a trigger tells of that, and then it is taken back."""
    name = _record(world, number)
    found = world.project.records.get(name) if name else None
    if name is None or found is None:
        return
    before = {**found.rows.get(RowKey(world.study.person_event), {}), **values}
    _save(world, name, world.study.person_form, values)
    world.sync()
    _save(world, name, world.study.person_form, others)
    world.hint(name)
    _save(world, name, world.study.person_form, {field: before.get(field, "") for field in others})


def deletes(world: World, number: int, how_many: int) -> None:
    """Records are deleted."""
    for _ in range(how_many):
        if name := _record(world, number):
            _forget_rows(world, name)
            world.rig.simulator.form_filler.delete(world.project, name)
            world.note(name)


def erases_a_scan(world: World, number: int, instance: int) -> None:
    """One scan's row is deleted."""
    name = _record(world, number)
    found = world.project.records.get(name) if name else None
    if name is None or found is None:
        return
    key = _scan_key(world, instance)
    if key in found.rows and len(found.rows) > 1:
        _forget_rows(world, name)
        rest = found.copy()
        del rest.rows[key]
        world.project.records.put(name, rest, world.rig.simulator.clock())
        world.note(name)


def renames(world: World, number: int) -> None:
    """A record gets another id. What has begun follows it; what nobody has touched begins anew."""
    name = _record(world, number)
    touched = {*world.begun, *world.edits, *world.removed}
    own = [id_ for id_ in sorted(touched) if name and world.known[id_].item.source_record == name]
    if name and all(world.is_begun(id_) and world.can_be_followed(id_) for id_ in own):
        new = _new_name(world, "A")
        for item in (world.known[id_].item for id_ in own):
            key = (item.source_event, item.source_instrument, item.source_instance)
            world.identities.follow((name, *key), (new, *key))
        world.renamed.add(name)
        world.given_up |= {name} if own else set()
        world.rig.simulator.form_filler.rename(world.project, name, new)
        world.note(name)
        world.note(new)


def renames_what_has_begun(world: World, number: int) -> None:
    """A record of which a scan has begun gets another id."""
    begun = sorted(id_ for id_ in world.begun if world.is_begun(id_) and world.can_be_followed(id_))
    names = world.records()
    if begun:
        name = world.known[begun[number % len(begun)]].item.source_record
        if name in names:
            renames(world, names.index(name))


def moves(world: World, number: int, dag: str, hinted: bool) -> None:
    """A record goes to another group, and so to another site, or to none; perhaps a form is saved, too."""
    shown = _shown(world, number)
    name = shown.item.source_record if shown else ""
    if name not in world.records():
        name = _record(world, number) or ""
    if world.study.has_groups and name:
        world.rig.simulator.form_filler.move_dag(world.project, name, dag)
        world.note(name)
        if hinted:
            world.hint(name)


def time_passes(world: World, seconds: int) -> None:
    """Nothing happens for a while."""
    world.pass_time(seconds)


def redefines(world: World, change: dict[str, Any]) -> None:
    """An administrator applies a changed definition."""
    world.redefine(replace(world.variant, **change))


# --------------------------------------------------------------------------------------- scanners and people


def scans(world: World, number: int, site: int) -> None:
    """A scanner begins an exam, perhaps one that was taken off the list a moment ago."""
    if stored := _known(world, number):
        places = sorted(world.places[stored.item.id])
        begun = world.begun.get(stored.item.id)
        at = begun.site if begun else places[site % len(places)]
        uid = f"2.25.{int(world.new_id(), 16)}"
        _report(world, stored, at, uid, "IN_PROGRESS", an_event(stored.item, uid, **_heard(world)))


def ends(world: World, number: int, how: str) -> None:
    """A scanner completes an exam, gives it up, or says that it was the wrong entry."""
    running = [
        (item, uid)
        for item in sorted(world.begun)
        for uid, status in world.begun[item].steps.items()
        if status == "IN_PROGRESS"
    ]
    if running:
        item, uid = running[number % len(running)]
        if how == "SCHEDULED" and not world.may_give_back(item):
            return
        event = an_event(
            None, uid, EventKind.N_SET, "COMPLETED" if how == "COMPLETED" else "DISCONTINUED", **_heard(world)
        )
        if how == "SCHEDULED":
            event = event.model_copy(update={"dataset": {**event.dataset, **because(WRONG_ENTRY)}})
        _report(world, world.known[item], world.begun[item].site, uid, how, event)


def edits(world: World, number: int, changes: dict[str, str]) -> None:
    """A person changes fields of an item, who owns them from then on."""
    if stored := _shown(world, number):
        world.worklist.edit(stored.item.id, changes)
        world.edits.setdefault(stored.item.id, {}).update(changes)


def removes(world: World, number: int) -> None:
    """A person takes an item off the list for good."""
    if (stored := _shown(world, number)) and not world.is_begun(stored.item.id):
        world.worklist.remove(stored.item.id)
        world.removed.add(stored.item.id)
        world.changes += 1


def tells_redcap(world: World) -> None:
    """REDCap is told what the scanners did."""
    world.write_back()


# ------------------------------------------------------------------------------------------------- the sync


def syncs(world: World) -> None:
    """A sync, undisturbed."""
    world.sync()


def syncs_in_slices(world: World) -> None:
    """A sync that has time for a few records only."""
    world.sync(remaining=0, range_size=2)


def hint(world: World, number: int) -> None:
    """REDCap's trigger says that a record was saved; below 0: the one that was changed last."""
    if name := world.touched if number < 0 else _record(world, number):
        world.hint(name)


def syncs_with_faults(world: World, kind: FaultKind, skip: int, times: int) -> None:
    """REDCap is in trouble."""
    world.misled = world.misled or kind in MISLEADING
    world.lied_to = kind in MISLEADING and times > 1  # asked again, REDCap says the same
    world.rig.simulator.add_fault(kind, skip=skip, times=times)
    world.sync()
    world.rig.simulator.faults.clear()


def syncs_without_a_record(world: World, number: int) -> None:
    """REDCap lists a record, and does not return it."""
    if name := _record(world, number):
        world.rig.simulator.add_fault("left_out", content="record", record=name, times=None)
        world.sync()
        world.rig.simulator.faults.clear()


def syncs_with_half_an_answer(world: World, number: int, seed: int, hinted: bool) -> None:
    """Just after a form was saved, one answer lacks rows of a record, and says that all is well."""

    def half(params: Params, answer: Callable[[], Any]) -> Any:
        response = answer()
        if len(params.array("fields")) > 1 and without_rows(response, world.study.id_field, Random(seed)):
            world.misled = True
        else:
            world.disturbance = Disturbance(redcap_in=0, at_redcap=half)
        return response

    name = _record(world, number)
    if name is None:
        return
    _save(world, name, world.study.person_form, {"consent": "yes"})
    world.sync()
    _save(world, name, world.study.person_form, {"first_name": "B"})
    world.disturbance = Disturbance(redcap_in=0, at_redcap=half)
    if hinted:
        world.hint(name)
    else:
        world.sync()


def is_killed(world: World, at: int, done: bool, sliced: bool) -> None:
    """A sync is killed at a request to DynamoDB, before or after it took effect."""

    def kill(ask: Callable[[], Any]) -> Any:
        if done:
            ask()
        raise Killed

    world.disturbance = Disturbance(table_in=at, at_table=kill)
    try:
        world.sync(remaining=0 if sliced else 300, range_size=2 if sliced else 250)
    except Killed:
        world.pass_time(LEASE_OVER)


def meanwhile_at_redcap(world: World, at: int, after: bool, action: str, arguments: tuple[Any, ...]) -> None:
    """The study team does something while a sync is under way."""

    def race(_params: object, answer: Callable[[], Any]) -> Any:
        response = answer() if after else None
        ACTIONS[action](world, *arguments)
        return response if after else answer()

    world.disturbance = Disturbance(redcap_in=at, at_redcap=race)
    world.sync()


def meanwhile_at_the_table(world: World, at: int, action: str, arguments: tuple[Any, ...]) -> None:
    """A scanner or a person does something while a sync is under way."""

    def race(ask: Callable[[], Any]) -> Any:
        with world.undisturbed():
            world.changes += 1
            ACTIONS[action](world, *arguments)
        return ask()

    world.disturbance = Disturbance(table_in=at, at_table=race)
    world.sync()


def confirms(world: World) -> None:
    """A person agrees that however many items go."""
    world.sync(confirmed=True)


# ----------------------------------------------------------------------------------------------- who is meant


def _record(world: World, number: int) -> str | None:
    """Return the record that is meant; people wait with one until the list shows its name."""
    names = [name for name in world.records() if not world.is_settling(name)]
    return names[number % len(names)] if names else None


def _new_name(world: World, letter: str) -> str:
    name = f"{letter}{len(world.names):02}"
    world.names.append(name)
    return name


def _shown(world: World, number: int) -> StoredItem | None:
    found = {
        id_: each for id_, each in world.stored().items() if each.item.source_record not in world.renamed
    }
    ids = sorted(found)
    return found[ids[number % len(ids)]] if ids else None


def _known(world: World, number: int) -> StoredItem | None:
    world.stored()
    ids = sorted(id_ for id_, each in world.known.items() if each.item.source_record not in world.renamed)
    return world.known[ids[number % len(ids)]] if ids else None


def _scan_key(world: World, instance: int) -> RowKey:
    kind = world.study.kind
    if kind == "single":
        return RowKey("")
    return RowKey("", "mri", instance) if kind == "classic" else RowKey(world.study.scan_event, "", instance)


def _save(world: World, name: str, form: str, values: dict[str, str], instance: int = 0) -> None:
    is_scan = form == world.study.scan_form
    event = world.study.scan_event if is_scan else world.study.person_event
    repeats = is_scan and world.study.kind != "single"
    world.rig.simulator.save_form(
        world.study.project_id, name, form, values, event=event, instance=instance if repeats else None
    )
    world.note(name)


def _forget_rows(world: World, name: str) -> None:
    """Remember that what REDCap was told of a record's scans is gone with their rows."""
    found = world.project.records.get(name)
    for key in found.rows if found else ():
        world.erased.add(world.identities.of((name, key.event, key.instrument, key.instance or 1)))


def _heard(world: World) -> dict[str, Any]:
    world.heard += 1  # no two at one moment: which was the last, would be anybody's guess
    moment = datetime.fromtimestamp(world.now() + world.heard / 1000, UTC)
    return {"received_at": moment, "event_id": world.new_id()}


def _report(world: World, stored: StoredItem, site: str, uid: str, status: str, event: Any) -> None:
    outcome = world.steps.record_event(event, site=site, relay_id="relay-1").outcome
    assert outcome == "recorded", outcome
    id_ = stored.item.id
    begun = world.begun.setdefault(id_, Begun(site))
    begun.heard(uid, status)
    world.changes += 1
    world.removed.discard(id_)  # the scan is real
    if not world.is_begun(id_):  # given back to the source, wherever it is by now: the next sync sees to it
        world.allowed.setdefault(stored.item.source_record, set()).add(site)


ACTIONS: Final[dict[str, Callable[..., None]]] = {
    action.__name__: action
    for action in (
        creates, describes, schedules, changes_and_changes_back, deletes, erases_a_scan, renames, moves,
        renames_what_has_begun,
        time_passes, redefines,
        scans, ends, edits, removes, tells_redcap,
        syncs, syncs_in_slices, hint, syncs_with_faults, syncs_without_a_record, syncs_with_half_an_answer,
        is_killed, meanwhile_at_redcap, meanwhile_at_the_table, confirms,
    )
}  # fmt: skip
