"""A folder's rooms: its modules and its folders, and which imports run from one to another. Pure.

In a good house imports run one way: a room may use the rooms below it, and none of those uses it. Rooms that
use each other, straight or by way of others, are a circle; the imports that would have to go to open it are
those that run back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

Graph = Mapping[str, frozenset[str]]
"""Module -> the modules it imports."""


class Folder(NamedTuple):
    """One folder's structure.

    :param rooms: names of its modules (but ``__init__``) and folders.
    :param arrows: (room, room it imports) -> number of imports.
    :param circles: sets of rooms that import each other.
    :param backward: the fewest arrows found that make the circles, with their imports.
    """

    name: str
    rooms: tuple[str, ...]
    arrows: Mapping[tuple[str, str], int]
    circles: tuple[tuple[str, ...], ...]
    backward: Mapping[tuple[str, str], int]


def folders(graph: Graph, package: str) -> list[Folder]:
    """Return the structure of a package and of every folder in it."""
    names = {package}
    for module in graph:
        parts = module.split(".")
        names.update(".".join(parts[:depth]) for depth in range(1, len(parts)))
    return [folder(graph, name) for name in sorted(names) if f"{name}.".startswith(package + ".")]


def folder(graph: Graph, name: str) -> Folder:
    """Return the structure of one folder."""
    inside = [module for module in graph if module.startswith(name + ".")]
    rooms = tuple(sorted({_room(module, name) for module in inside}))
    arrows: Counter[tuple[str, str]] = Counter()
    for module in inside:
        for target in graph[module]:
            if target.startswith(name + ".") and _room(module, name) != _room(target, name):
                arrows[_room(module, name), _room(target, name)] += 1
    circles = _circles(rooms, arrows)
    return Folder(name, rooms, arrows, circles, _backward(circles, arrows))


def _room(module: str, folder_name: str) -> str:
    return module[len(folder_name) + 1 :].split(".", maxsplit=1)[0]


def _circles(rooms: tuple[str, ...], arrows: Mapping[tuple[str, str], int]) -> tuple[tuple[str, ...], ...]:
    reach = {room: _reachable(room, arrows) for room in rooms}
    found = {tuple(sorted(other for other in reach[room] if room in reach[other])) for room in rooms}
    return tuple(sorted(circle for circle in found if len(circle) > 1))


def _reachable(room: str, arrows: Mapping[tuple[str, str], int]) -> set[str]:
    found: set[str] = set()
    ahead = [room]
    while ahead:
        here = ahead.pop()
        further = {target for source, target in arrows if source == here} - found
        found |= further
        ahead += further
    return found


def _backward(
    circles: tuple[tuple[str, ...], ...], arrows: Mapping[tuple[str, str], int]
) -> dict[tuple[str, str], int]:
    """Take the thinnest arrow out of a circle until none is left."""
    taken: dict[tuple[str, str], int] = {}
    for circle in circles:
        left = {arrow: count for arrow, count in arrows.items() if {*arrow} <= {*circle}}
        while around := _one_circle(left):
            thinnest = min(around, key=lambda arrow: (left[arrow], arrow))
            taken[thinnest] = left.pop(thinnest)
    return taken


def _one_circle(arrows: Mapping[tuple[str, str], int]) -> list[tuple[str, str]]:
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for source, target in arrows:
        sorter.add(source, target)
    try:
        sorter.prepare()
    except CycleError as error:
        path: list[str] = error.args[1]  # each is needed by the next
        return [(path[at + 1], path[at]) for at in range(len(path) - 1)]
    return []
