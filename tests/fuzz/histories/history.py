"""A history by its seed: what happens in it, played, judged, and cut down to what matters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from tests.fuzz.histories.actions import ACTIONS, FAULTS
from tests.fuzz.histories.study import (
    BIRTH_DATES,
    DATES,
    GROUPS,
    LAST_NAMES,
    MRNS,
    NO_DATES,
    SEXES,
    SITE_MAPS,
    TIMES,
    WEIGHTS,
)
from tests.fuzz.histories.verdict import at_any_moment, at_rest, what_redcap_was_told
from tests.fuzz.histories.world import LEASE_OVER, World
from tests.rigs.redcap import Stack

LENGTH: Final = 16
AT_FIRST: Final = 5
"""Records entered before the first sync."""


@dataclass(frozen=True)
class Action:
    """Something that happens, by its name in `ACTIONS`."""

    name: str
    arguments: tuple[Any, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(repr, self.arguments))})"


def story(seed: int) -> list[Action]:
    """Return what happens in the history of a seed."""
    random = Random(seed)
    first = [Action("creates", (_everything(random), _group(random), False)) for _ in range(AT_FIRST)]
    names, weights = zip(*((name, weight) for name, (weight, _) in _DRAWN.items()), strict=True)
    drawn = random.choices(names, weights, k=LENGTH)
    return [*first, Action("syncs"), *(_action(name, random) for name in drawn)]


def play(stack: Stack, seed: int, actions: Sequence[Action]) -> list[str]:
    """Play a history; return what is wrong, at the first moment at which anything is."""
    world = World(stack, Random(seed))
    with world.running():
        for action in actions:
            ACTIONS[action.name](world, *action.arguments)
            if wrong := [*world.findings, *at_any_moment(world)]:
                return [f"after {action}: {each}" for each in wrong]
        return list(_at_the_end(world))


def _at_the_end(world: World) -> Iterator[str]:
    world.pass_time(LEASE_OVER)
    world.write_back()
    if not _comes_to_rest(world):
        yield f"no sync ends well: {world.rig.state().report}"
        return
    world.pass_time(LEASE_OVER)
    world.write_back()  # what was in vain under a record's old name is due again under the new one
    yield from (f"after incremental syncs: {each}" for each in _judged(world, after_a_full_read=False))
    if world.rig.state().withheld:
        world.sync(confirmed=True)
        yield from (f"after the confirmation: {each}" for each in _judged(world, after_a_full_read=False))
    was_misled = world.misled
    world.pass_time(8 * 86400)
    if not _comes_to_rest(world, times=1):
        yield f"no full read ends well: {world.rig.state().report}"
        return
    if (world.last.written or world.last.withdrawn) and not was_misled:
        yield f"the full read found what the others should have seen: {world.last}"
    yield from (f"after a full read: {each}" for each in _judged(world, after_a_full_read=True))


def _comes_to_rest(world: World, times: int = 2) -> bool:
    """Sync until that many syncs have ended well; return whether it came to that."""
    for _ in range(12):
        times -= world.sync()
        if times == 0:
            return True
        world.pass_time(301)
    return False


def _judged(world: World, *, after_a_full_read: bool) -> Iterator[str]:
    yield from world.findings
    yield from at_rest(world, after_a_full_read=after_a_full_read)
    yield from what_redcap_was_told(world)


def shortest(stack: Stack, seed: int) -> tuple[list[Action], list[str]]:
    """Return a history with as little in it as still goes wrong, and what; nothing if all is well."""
    actions = story(seed)
    wrong = play(stack, seed, actions)
    position = len(actions) - 1
    while wrong and position >= 0:
        fewer = actions[:position] + actions[position + 1 :]
        if still := play(stack, seed, fewer):
            actions, wrong = fewer, still
        position = min(position, len(actions)) - 1
    return actions if wrong else [], wrong


def told(seed: int, actions: Sequence[Action], wrong: Sequence[str]) -> str:
    """Return a finding in words."""
    lines = [f"history {seed}:", *(f"    {each}" for each in actions), *(f"  ! {each}" for each in wrong)]
    return "\n".join(lines)


# ---------------------------------------------------------------------------------------- what is drawn

Draw = Callable[[Random], tuple[Any, ...]]


def _any(random: Random, texts: Any) -> str:
    return str(random.choice(list(texts)))


def _mostly(random: Random, usual: str, texts: Any) -> str:
    return usual if random.random() < 0.8 else _any(random, texts)


def _person(random: Random) -> dict[str, str]:
    values = {
        "last_name": _any(random, LAST_NAMES),
        "first_name": _any(random, ("Zoë", "A")),
        "consent": _mostly(random, "yes", ("yes", "no", "")),
        "youth_dob": _mostly(random, "2014-02-28", BIRTH_DATES),
        "demo_sex": _any(random, SEXES),
    }
    return values | ({"mrn": _any(random, MRNS)} if random.random() < 0.25 else {})


def _scan(random: Random) -> dict[str, str]:
    return {
        "mri_date": _mostly(random, "2026-12-07", (*DATES, *NO_DATES)),
        "mri_time": _mostly(random, "09:30", TIMES),
        "mri_wt_lbs": _mostly(random, "150", WEIGHTS),
    }


def _everything(random: Random) -> dict[str, str]:
    return {**_person(random), **_scan(random)}


def _group(random: Random) -> str:
    return random.choice(("montreal", "quebec", "montreal", "quebec", *GROUPS))


def _day(random: Random) -> str:
    return _any(random, (*DATES, *NO_DATES))


def _some(random: Random, values: dict[str, str]) -> dict[str, str]:
    chosen = random.sample(sorted(values), random.choice((1, 1, 2)))
    return {name: values[name] for name in chosen}


def _another(random: Random) -> dict[str, str]:
    return {**_some(random, _person(random)), "first_name": "C"}


def _number(random: Random) -> int:
    return random.randrange(12)


def _instance(random: Random) -> int:
    return random.choice((1, 1, 1, 2, 3))


_TEAM: Final[dict[str, Draw]] = {
    "creates": lambda r: (_everything(r), _group(r), r.random() < 0.3),
    "describes": lambda r: (_number(r), _some(r, _person(r) | {"mrn": _any(r, (*MRNS, "", "M4"))})),
    "schedules": lambda r: (_number(r), _instance(r), _some(r, _scan(r) | {"mri_date": _day(r)})),
    "deletes": lambda r: (_number(r), r.choice((1, 1, 1, 7))),
    "erases_a_scan": lambda r: (_number(r), _instance(r)),
    "renames": lambda r: (_number(r),),
    "moves": lambda r: (_number(r), _group(r), r.random() < 0.6),
}  # fmt: skip
_EDITS: Final = ({"protocol_name": "by hand"}, {"scheduled_start_time": "111500"})
_OTHERS: Final[dict[str, Draw]] = {
    "scans": lambda r: (_number(r), r.randrange(3)),
    "ends": lambda r: (_number(r), _any(r, ("COMPLETED", "DISCONTINUED", "SCHEDULED"))),
    "edits": lambda r: (_number(r), r.choice(_EDITS)),
    "removes": lambda r: (_number(r),),
}  # fmt: skip


def _meanwhile(random: Random, among: dict[str, Draw]) -> tuple[str, tuple[Any, ...]]:
    name = _any(random, among)
    return name, among[name](random)


_VARIANTS: Final[tuple[dict[str, Any], ...]] = (
    {"gated": True}, {"gated": False}, {"protocol": "P1"}, {"protocol": "P2"},
    *({"sites": number} for number in range(len(SITE_MAPS))), {"may_share": True}, {"may_share": False},
)  # fmt: skip

_DRAWN: Final[dict[str, tuple[float, Draw]]] = {
    **{name: (2.0, draw) for name, draw in _TEAM.items()},
    **{name: (1.0, draw) for name, draw in _OTHERS.items()},
    "moves": (3.0, _TEAM["moves"]),
    "renames_what_has_begun": (2.0, _TEAM["renames"]),
    "scans": (2.5, _OTHERS["scans"]),
    "ends": (2.0, _OTHERS["ends"]),
    "describes": (4.0, _TEAM["describes"]),
    "schedules": (4.0, _TEAM["schedules"]),
    "changes_and_changes_back": (2.5, lambda r: (_number(r), _some(r, _person(r)), _another(r))),
    "time_passes": (3.0, lambda r: (r.choice((1, 30, 299, 301, 700, 1500, 1500, 4000)),)),
    "redefines": (0.7, lambda r: (r.choice(_VARIANTS),)),
    "tells_redcap": (1.0, lambda _: ()),
    "syncs": (6.0, lambda _: ()),
    "syncs_in_slices": (1.0, lambda _: ()),
    "hint": (3.0, lambda r: (r.choice((-1, _number(r))),)),
    "syncs_with_faults": (1.5, lambda r: (r.choice(FAULTS), r.randrange(6), r.choice((1, 4, 9)))),
    "syncs_without_a_record": (1.0, lambda r: (_number(r),)),
    "syncs_with_half_an_answer": (4.0, lambda r: (_number(r), r.randrange(99), r.random() < 0.3)),
    "is_killed": (2.0, lambda r: (r.randrange(26), r.random() < 0.5, r.random() < 0.3)),
    "meanwhile_at_redcap": (2.0, lambda r: (r.randrange(6), r.random() < 0.5, *_meanwhile(r, _TEAM))),
    "meanwhile_at_the_table": (1.0, lambda r: (r.randrange(26), *_meanwhile(r, _OTHERS))),
    "confirms": (0.3, lambda _: ()),
}  # fmt: skip


def _action(name: str, random: Random) -> Action:
    return Action(name, _DRAWN[name][1](random))
