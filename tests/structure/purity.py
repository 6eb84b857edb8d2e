"""Which modules are pure: no network, no disk, no clock, no chance, nothing that runs beside them.

A module is pure if its docstring says so (the word "Pure."): what it says is held here. A pure module imports
only pure modules of ours, and nothing of the standard library or of other packages that reaches outside.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.structure.imports import PACKAGES, ROOT, imports, modules, tree

MAY_USE = frozenset(
    [
        "__future__",
        "abc",
        "ast",
        "base64",
        "binascii",
        "bisect",
        "calendar",
        "collections",
        "colorsys",
        "contextlib",
        "copy",
        "csv",
        "dataclasses",
        "datetime",
        "decimal",
        "difflib",
        "email",
        "enum",
        "errno",
        "fractions",
        "functools",
        "graphlib",
        "hashlib",
        "hmac",
        "html",
        "io",
        "ipaddress",
        "itertools",
        "json",
        "keyword",
        "math",
        "numbers",
        "operator",
        "re",
        "statistics",
        "string",
        "struct",
        "textwrap",
        "tomllib",
        "types",
        "typing",
        "unicodedata",
        "urllib",
        "uuid",
        "warnings",
        "weakref",
        "xml",
        "zlib",
        "zoneinfo",
    ]
) | {"pydantic", "pydantic_core", "pydicom", "typing_extensions"}
"""Packages a pure module may use."""

CODECS = frozenset({"pynetdicom.pdu", "pynetdicom.pdu_primitives", "pynetdicom.presentation"})
"""Modules of larger packages that read and write bytes, and open nothing."""

MAY_NOT_USE = frozenset({"urllib.request", "urllib.robotparser"})

CLOCKS_AND_CHANCE = frozenset(
    {
        "datetime.now",
        "datetime.utcnow",
        "datetime.today",
        "date.today",
        "uuid.uuid1",
        "uuid.uuid4",
        "uuid1",
        "uuid4",
        "open",
        "input",
        "print",
    }
)
"""Calls that read a clock, draw at random, or reach outside, though their module may be used."""

_ALL_PURE = ("shared",)
"""Packages of which every module is pure, whatever it says."""


def says_it_is_pure(source: str) -> bool:
    """Tell whether a module's docstring promises that it is pure."""
    return re.search(r"\bPure( \(|[.;:,])", ast.get_docstring(tree(source)) or "") is not None


def pure_modules(files: Mapping[str, Path]) -> frozenset[str]:
    """Return the modules that promise to be pure, and those of `shared`."""
    return frozenset(
        name
        for name, file in files.items()
        if name.split(".")[0] in _ALL_PURE or says_it_is_pure(file.read_text("utf-8"))
    )


def impurities(source: str, package: str, pure: Iterable[str], ours: Iterable[str]) -> list[str]:
    """Return what a pure module does and must not.

    :param pure: the pure modules.
    :param ours: all modules of ours.
    """
    pure, ours = set(pure), set(ours)
    found = []
    unread = _for_types_alone(source)
    for line, name in imports(source, package):
        top = name.split(".")[0]
        if line in unread:
            continue
        if top in PACKAGES:
            # A package's own __init__ is text alone; a name in a module is judged with its module.
            if name in ours and name not in pure and not any(each.startswith(name + ".") for each in ours):
                found.append(f"line {line}: imports {name}, which is not pure")
        elif _is_codec(name):
            continue
        elif top not in MAY_USE or name in MAY_NOT_USE:
            found.append(f"line {line}: imports {name}")
    calls = (node for node in ast.walk(tree(source)) if isinstance(node, ast.Call))
    found += [
        f"line {node.lineno}: calls {name}()"
        for node in calls
        if (name := ast.unparse(node.func)) in CLOCKS_AND_CHANCE
    ]
    return found


def _is_codec(name: str) -> bool:
    return any(name == each or name.startswith(each + ".") for each in CODECS)


def _for_types_alone(source: str) -> set[int]:
    """Return the lines that are read by type checkers and not when the module runs."""
    return {
        line
        for node in ast.walk(tree(source))
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }


def all_impurities(root: Path = ROOT) -> dict[str, list[str]]:
    """Return module -> what it does and must not, for every pure module of ours that breaks its promise."""
    files = {name: file for package in PACKAGES for name, file in modules(package, root).items()}
    pure = pure_modules(files)
    found = {}
    for name in sorted(pure):
        file = files[name]
        package = name if file.name == "__init__.py" else name.rpartition(".")[0]
        if wrong := impurities(file.read_text("utf-8"), package, pure, files):
            found[name] = wrong
    return found
