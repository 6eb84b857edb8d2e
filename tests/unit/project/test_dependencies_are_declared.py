"""Every dependency is declared where it is used, explained once and locked; no registry is named."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import packages_distributions
from typing import Any

import pytest

from tests.structure.imports import ROOT, tree

USES = {
    "shared": set[str](),
    "lambdas": {"lambda", "parquet", "history", "spark"},
    "edge_relay": {"edge"},
    "infra": {"lambda", "cloud", "edge", "local", "parquet", "history"},
    "tests": {"lambda", "cloud", "edge", "local", "parquet", "history", "dev"},
}
"""The extras whose packages a folder may import, beside the dependencies that all have."""

COMES_WITH = {
    "bcrypt": "pwdlib",  # its extra "bcrypt": tests make hashes as another program would
    "botocore": "boto3",  # whose documented exceptions are botocore's
    "cryptography": "pyjwt",  # its extra "crypto": keys are handed over as cryptography's objects
    "joserfc": "authlib",  # takes its keys, and raises its errors
    "pydantic_core": "pydantic",  # its JSON writer and reader
    "requests": "pycap",  # raises its exceptions
    "starlette": "fastapi",  # is built of it, and says so
    "werkzeug": "moto",  # logs for moto's server
}
"""Part of another package's public interface, so declared with that."""


def normal(name: str) -> str:
    """Return a distribution's name in the form that all its spellings share."""
    return re.sub(r"[-_.]+", "-", name).lower()


def required(requirement: str) -> str:
    """Return the name in a requirement: ``PyCap==2.7.0`` is ``pycap``."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found, requirement
    return normal(found[0])


@cache
def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def declared(extra: str | None) -> set[str]:
    """Return what an extra declares itself; None is what everything depends on."""
    project = pyproject()["project"]
    listed = project["optional-dependencies"][extra] if extra else project["dependencies"]
    return {required(line) for line in listed} - {project["name"]}


def lines_of(path: str) -> list[str]:
    lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def everything_declared() -> set[str]:
    builds = {required(line) for line in pyproject()["build-system"]["requires"]}
    own = ("checkov", "client", "sam", "sbom", "ministack")
    tools = {required(line) for name in own for line in lines_of(f"requirements/{name}.in")}
    extras = pyproject()["project"]["optional-dependencies"]
    return builds | tools | declared(None) | {name for extra in extras for name in declared(extra)}


def locked(lock: str) -> set[str]:
    return {required(line) for line in lines_of(f"requirements/{lock}.txt") if not line.startswith(" ")}


# -------------------------------------------------------------- explained


def test_every_dependency_has_one_line_that_says_why() -> None:
    explained = re.findall(
        r"^- `([^`]+)`: \S", (ROOT / "docs/dependencies.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert sorted(map(normal, explained)) == sorted(everything_declared())


# ------------------------------------------------------------------- used


@cache
def imported(source: str) -> frozenset[str]:
    """Return the top names a module imports when it runs."""
    return frozenset(_imported(tree(source)))


def _imported(node: ast.AST) -> Iterator[str]:
    """Yield the names. Imports are statements, so no expression is looked into: that would take long."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name.split(".")[0] for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and child.module and not child.level:
            yield child.module.split(".")[0]
        elif isinstance(child, ast.stmt | ast.excepthandler | ast.match_case) and not _is_for_types(child):
            yield from _imported(child)


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


@cache
def distributions() -> Mapping[str, list[str]]:
    """Return which distributions of this environment a top name comes from."""
    return {**packages_distributions(), "pyspark": ["pyspark"]}  # it may not be here


@pytest.mark.parametrize("folder", USES)
def test_a_folder_imports_only_what_its_extras_declare(folder: str) -> None:
    may = declared(None).union(*(declared(extra) for extra in USES[folder]))
    wrong = {
        f"{file.relative_to(ROOT)}: {name}"
        for file in (ROOT / folder).rglob("*.py")
        for name in imported(file.read_text(encoding="utf-8"))
        if name not in sys.stdlib_module_names
        and name not in USES
        and not {COMES_WITH.get(name, ""), *map(normal, distributions().get(name, []))} & may
    }
    assert sorted(wrong) == []


def packages_imported(folder: str) -> set[str]:
    found = {
        name for file in (ROOT / folder).rglob("*.py") for name in imported(file.read_text(encoding="utf-8"))
    }
    return {
        normal(each)
        for name in found
        for each in ([COMES_WITH[name]] if name in COMES_WITH else distributions().get(name, []))
    }


def test_what_everybody_gets_is_what_both_sides_import() -> None:
    shared = packages_imported("shared")
    both = (packages_imported("lambdas") | shared) & (packages_imported("edge_relay") | shared)
    assert declared(None) == both - {"mwl-relay"}


# ----------------------------------------------------------------- locked


@pytest.mark.parametrize(
    ("lock", "extras"),
    [
        ("cloud", {"lambda"}),
        ("edge", {"edge"}),
        ("history", {"lambda", "parquet"}),
        ("local", {"lambda", "cloud", "edge", "local"}),
        ("dev", {"lambda", "cloud", "edge", "local", "dev"}),
    ],
)
def test_a_lock_file_has_what_its_extra_declares(lock: str, extras: set[str]) -> None:
    # That it fits exactly, down to the last indirect dependency, `make lint` checks; it has to ask the index.
    assert declared(None).union(*(declared(extra) for extra in extras)) <= locked(lock)


@pytest.mark.parametrize(
    "lock", ["build", "client", "cloud", "edge", "history", "local", "dev", "sam", "sbom"]
)
def test_a_lock_file_pins_everything_by_version_and_hash(lock: str) -> None:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8").replace("\\\n", " ")
    pins = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    assert [pin for pin in pins if "==" not in pin or "--hash=sha256:" not in pin] == []


def test_what_is_deployed_was_tested_in_the_same_version() -> None:
    tested = {line.split(" ")[0] for line in lines_of("requirements/dev.txt")}
    for lock in ("cloud", "edge", "history", "local"):
        pins = {
            line.split(" ")[0] for line in lines_of(f"requirements/{lock}.txt") if not line.startswith(" ")
        }
        assert pins <= tested


def test_what_builds_the_project_is_locked_as_pyproject_says() -> None:
    assert lines_of("requirements/build.in") == pyproject()["build-system"]["requires"]
    assert locked("dev") >= {required(line) for line in pyproject()["build-system"]["requires"]}


# ------------------------------------------------------------------- kept

# In pieces, so that this file does not contain what it looks for.
REGISTRIES = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pypi", "python", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("crates", "io"),
        ("proxy", "golang", "org"),
        ("maven", "org"),
        ("maven", "apache", "org"),
        ("deb", "debian", "org"),
    )
]


@pytest.mark.skipif(
    shutil.which("git") is None or not (ROOT / ".git").exists(), reason="only git knows which files are ours"
)
def test_no_file_names_the_host_of_a_registry() -> None:
    # Where packages come from is the business of whoever installs, not of what is installed.
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    naming = [
        f"{name}: {host}"
        for name in filter(None, listed.decode().split("\0"))
        if (ROOT / name).is_file()
        for host in REGISTRIES
        if host.encode() in (ROOT / name).read_bytes()
    ]
    assert naming == []
