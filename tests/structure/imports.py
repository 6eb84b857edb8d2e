"""Which module of ours imports which, read from the source; nothing of it is run."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("shared", "lambdas", "edge_relay", "infra")


@cache
def tree(source: str) -> ast.Module:
    """Return a module's source as a tree; many look at the same ones, and nobody changes them."""
    return ast.parse(source)


@cache
def imports(source: str, package: str) -> tuple[tuple[int, str], ...]:
    """Return line and full name of everything a module imports: modules, and names that may be modules.

    :param package: the package it is in, with dots, for relative imports.
    """
    return tuple(_imports(source, package))


def _imports(source: str, package: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*parents, *filter(None, [node.module])])
            yield node.lineno, module
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and _is_import_call(node):
            yield node.lineno, ast.unparse(node.args[0]).strip("'")


def _is_import_call(node: ast.Call) -> bool:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return name in {"import_module", "__import__"} and bool(node.args)


def module_name(file: Path, root: Path = ROOT) -> str:
    """Return a file's name as a module; a package's is its folder's."""
    parts = file.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules(package: str, root: Path = ROOT) -> dict[str, Path]:
    """Return every module of a package and its file, by name; ``__init__`` under the name of its folder."""
    return {module_name(file, root): file for file in sorted((root / package).rglob("*.py"))}


def import_graph(files: Mapping[str, Path]) -> dict[str, frozenset[str]]:
    """Return module -> the modules among the given ones that it imports.

    ``from package import name`` counts as the module ``package.name`` where there is one.
    """
    return {name: _imported(name, file, files) for name, file in files.items()}


def _imported(name: str, file: Path, files: Mapping[str, Path]) -> frozenset[str]:
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    by_line: dict[int, set[str]] = {}
    for line, each in imports(file.read_text("utf-8"), package):
        if each in files:
            by_line.setdefault(line, set()).add(each)
    found = set()
    for names in by_line.values():
        # Of "from a.b import c", a.b.c is meant if it is a module, and a.b alone if c is a name in it.
        found |= {each for each in names if not any(other.startswith(each + ".") for other in names)}
    return frozenset(found - {name})
