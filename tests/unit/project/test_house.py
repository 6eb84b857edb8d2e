"""The house: rooms import one way, none is overfull, what says it is pure is, nothing is said twice."""

from __future__ import annotations

import ast
from functools import cache
from statistics import quantiles

import pytest

from tests.structure.imports import PACKAGES, ROOT, import_graph, modules, tree
from tests.structure.purity import all_impurities, impurities, pure_modules
from tests.structure.repeats import repeats
from tests.structure.rooms import Folder, folders

MOST_LINES = 400
MOST_MODULES_AT_THE_ROOT, MOST_MODULES = 8, 15
MOST_ROOMS = {"edge_relay": 18, "lambdas": 15}

PURE = {
    "edge_relay.worklist.query",
    "edge_relay.worklist.matching",
    "edge_relay.worklist.search",
    "edge_relay.worklist.answer",
    "edge_relay.worklist.overlay",
    "edge_relay.mpps.event",
    "edge_relay.mpps.check",
    "edge_relay.dicom.elements",
    "edge_relay.dicom.encoding",
    "shared.dicom.charset",
    "edge_relay.dicom.json_model",
    "edge_relay.upper_layer.connection",
    "edge_relay.upper_layer.pdu",
    "edge_relay.upper_layer.message",
    "edge_relay.upper_layer.states",
    "lambdas.sources.definition",
    "lambdas.sources.file",
    "lambdas.sources.state",
    "lambdas.sources.dictionary.problems",
    "lambdas.mapping.record",
    "lambdas.mapping.values",
    "lambdas.store.feed",
    "lambdas.store.ownership",
    "lambdas.store.item_site",
    "lambdas.write_backs.row",
    "lambdas.access.throttle",
    "shared.steps.procedure_step",
}
"""Modules that must stay pure, whatever their docstring says; more may promise it."""


@cache
def structure(package: str) -> tuple[Folder, ...]:
    """Read when a test asks: each worker of a test run collects this file, and one runs it."""
    return tuple(folders(import_graph(modules(package)), package))


@pytest.mark.parametrize("package", PACKAGES)
def test_no_room_of_a_folder_imports_one_that_imports_it(package: str) -> None:
    circles = {folder.name: folder.circles for folder in structure(package)}
    assert {name: found for name, found in circles.items() if found} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_folder_has_more_modules_than_a_newcomer_can_look_through(package: str) -> None:
    crowded = {}
    for folder in structure(package):
        here = ROOT / folder.name.replace(".", "/")
        found = [file.stem for file in here.glob("*.py") if not file.stem.startswith("__")]
        if len(found) > (MOST_MODULES_AT_THE_ROOT if folder.name in PACKAGES else MOST_MODULES):
            crowded[folder.name] = found
    assert crowded == {}


@pytest.mark.parametrize("package", MOST_ROOMS)
def test_a_package_has_few_rooms(package: str) -> None:
    rooms = next(folder.rooms for folder in structure(package) if folder.name == package)
    assert len(rooms) <= MOST_ROOMS[package]


def test_what_says_it_is_pure_is_pure() -> None:
    assert all_impurities() == {}


def test_what_has_to_be_pure_says_so() -> None:
    files = {name: file for package in PACKAGES for name, file in modules(package).items()}
    assert pure_modules(files) >= PURE


@pytest.mark.parametrize(
    "source",
    [
        "import socket",
        "import time",
        "from random import random",
        "import pydantic_settings",
        "from a.clock import tick",
        "from datetime import datetime\nx = datetime.now()",
        "from datetime import date\nx = date.today()",
        "x = open('f')",
        "import uuid\nx = uuid.uuid4()",
    ],
)
def test_the_rule_of_purity_is_able_to_fail(source: str) -> None:
    source = source.replace("a.clock", "shared.clock")
    assert impurities(source, "shared", {"shared.other"}, {"shared.other", "shared.clock"}) != []


def test_no_module_is_too_long() -> None:
    long = {
        name: lines
        for package in (*PACKAGES, "tests")
        for name, file in modules(package).items()
        if (lines := len(file.read_text("utf-8").splitlines())) > MOST_LINES and package != "tests"
    }
    assert long == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_nine_functions_in_ten_are_short(package: str) -> None:
    lengths = [
        (node.end_lineno or node.lineno) - node.lineno + 1
        for file in modules(package).values()
        for node in ast.walk(tree(file.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert quantiles(lengths, n=10)[-1] <= 20


def test_no_two_places_share_six_equal_lines() -> None:
    sources = {
        name: file.read_text("utf-8") for package in PACKAGES for name, file in modules(package).items()
    }
    assert repeats(sources) == []
