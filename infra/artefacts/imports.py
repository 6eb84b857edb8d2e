"""What a handler imports in the end: read from the source, nothing is run.

Imports inside functions count, those under ``if TYPE_CHECKING`` do not.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

OUR_PACKAGES: Final = ("lambdas", "shared")

Source = Callable[[str], str | None]
"""Returns the source of a module of ours by its dotted name; None: there is no such module."""


@dataclass(frozen=True)
class Imported:
    """What a handler imports in the end.

    :param modules: ours, by dotted name, packages included.
    :param others: the first names of other people's modules, Python's own left out.
    :param names: everything that is imported, by its whole name.
    :param aws_services: AWS's services by botocore's names: what ``client("...")``, ``make_client("...")`` or
        another function whose name ends in ``client`` is called with.
    """

    modules: frozenset[str]
    others: frozenset[str]
    names: frozenset[str]
    aws_services: frozenset[str]


def imported_by(handler: str, source: Source) -> Imported:
    """Return what a handler imports.

    :param handler: as Lambda is told it, such as ``lambdas.schedule.handler``.
    :raises LookupError: there is no such module.
    """
    start = handler.rpartition(".")[0]
    if source(start) is None:
        raise LookupError(f"{handler}: there is no module {start}")
    modules: set[str] = set()
    names: set[str] = set()
    services: set[str] = set()
    waiting = [start]
    while waiting:
        for name in _with_packages(waiting.pop()):
            text = None if name in modules else source(name)
            if text is None:
                continue
            modules.add(name)
            tree = ast.parse(text)
            found = set(_imports(tree))
            waiting += [each for each in found if each.split(".")[0] in OUR_PACKAGES]
            names |= found
            services |= set(_services(tree))
    others = {each.split(".")[0] for each in names} - set(OUR_PACKAGES) - sys.stdlib_module_names
    return Imported(frozenset(modules), frozenset(others), frozenset(names), frozenset(services))


def _with_packages(module: str) -> Iterator[str]:
    """Importing ``a.b.c`` imports ``a`` and ``a.b`` first."""
    parts = module.split(".")
    yield from (".".join(parts[: end + 1]) for end in range(len(parts)))


def _imports(tree: ast.Module) -> Iterator[str]:
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)  # it may be a module, too
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
        else:
            waiting += ast.iter_child_nodes(node)


def _services(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and node.args and _name(node.func).endswith("client")):
            continue
        name = node.args[0]
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            yield name.value


def _name(called: ast.expr) -> str:
    """Return the last name of what is called: ``boto3.client``, or a function of ours that makes one."""
    if isinstance(called, ast.Attribute):
        return called.attr
    return called.id if isinstance(called, ast.Name) else ""
