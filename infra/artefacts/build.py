"""``python -m infra.artefacts.build FUNCTION FOLDER``: fill a function's folder with what it carries.

The same sources and packages give the same files, to the byte and to the second: two builds have one hash.
Lambda cannot write beside the code, so it is compiled here, or every cold start would do it again. That takes
the Python that the function will run on; where it is not at hand, the code is not compiled.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from infra.artefacts.carried import NEEDS_SERVICE, carried, is_wanted
from infra.artefacts.imports import Imported, imported_by
from infra.local.template import load
from infra.packages.notice import notice

ROOT: Final = Path(__file__).parents[2]
LONG_AGO: Final = 315_619_200
"""1980-01-02 00:00 UTC; a zip file knows no time before 1980, in any zone."""
_MACHINES: Final = {"arm64": "aarch64", "x86_64": "x86_64"}


@dataclass(frozen=True)
class Build:
    """What is built, and of what.

    :param packages: where everything that any function may need is installed, for the target.
    :param target: environment markers of where the function will run.
    :param compiler: the target's Python; empty: none.
    """

    packages: Path
    target: Mapping[str, str]
    version: str
    commit: str
    compiler: str = ""


def build(function: str, folder: Path, what: Build) -> None:
    """Fill a folder with what a function carries.

    :raises LookupError: the function, its handler or a package is not there.
    """
    handler = load()["Resources"][function]["Properties"]["Handler"]
    imported = imported_by(handler, source)
    found = carried(distributions(path=[str(what.packages)]), imported.others, _extras(), what.target)
    services = imported.aws_services | {NEEDS_SERVICE[name] for name in found if name in NEEDS_SERVICE}
    for distribution in found.values():
        _copy_package(distribution, folder, lambda file: is_wanted(file, services, imported.names))
    _copy_code(imported, folder)
    (folder / "NOTICE").write_text(notice(folder), "utf-8")
    shutil.copyfile(ROOT / "LICENSE", folder / "LICENSE")
    _describe(folder, what.version, what.commit)
    if what.compiler:
        _compile(folder, what.compiler)
    _settle(folder)


def source(module: str) -> str | None:
    """Return the source of a module of ours; None: there is no such module."""
    file = file_of(module)
    return file.read_text("utf-8") if file else None


def file_of(module: str) -> Path | None:
    """Return the file of a module of ours."""
    path = ROOT.joinpath(*module.split("."))
    files = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in files if file.is_file()), None)


def _extras() -> dict[str, frozenset[str]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    asked = [
        Requirement(text) for text in project["dependencies"] + project["optional-dependencies"]["lambda"]
    ]
    return {canonicalize_name(each.name): frozenset(each.extras) for each in asked}


def _copy_package(distribution: Distribution, folder: Path, is_wanted: Callable[[str], bool]) -> None:
    for file in distribution.files or []:
        path = Path(str(distribution.locate_file(file)))
        # pip notes in these what it wrote, how, and where from; no two builds need agree on that.
        if file.name in {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}:
            continue
        if path.is_file() and is_wanted(file.as_posix()):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / file)


def _copy_code(imported: Imported, folder: Path) -> None:
    files = {file for module in imported.modules if (file := file_of(module))}
    for file in files.copy():
        if file.name == "__init__.py":
            files |= _data_of(file.parent)
    for file in files:
        copy = folder / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)


def _data_of(package: Path) -> set[Path]:
    """Return the files of a package that are not code, such as templates; without those of packages in it."""
    found: set[Path] = set()
    for each in package.iterdir():
        if each.is_dir() and each.name != "__pycache__" and not (each / "__init__.py").exists():
            found |= {file for file in each.rglob("*") if file.is_file() and file.suffix != ".pyc"}
        elif each.is_file() and each.suffix not in {".py", ".pyc"}:
            found.add(each)
    return found


def _describe(folder: Path, version: str, commit: str) -> None:
    about = folder / f"mwl_relay-{version}.dist-info"
    about.mkdir()
    lines = ["Metadata-Version: 2.4", "Name: mwl-relay", f"Version: {version}", "License-Expression: MIT"]
    (about / "METADATA").write_text("\n".join(lines) + "\n", "utf-8")
    (about / "COMMIT").write_text(commit + "\n", "utf-8")
    listed = [f"{each.metadata['Name']}=={each.version}" for each in distributions(path=[str(folder)])]
    (folder / "PACKAGES").write_text(
        "\n".join(sorted(line for line in listed if "mwl-relay" not in line)) + "\n"
    )


def _compile(folder: Path, compiler: str) -> None:
    # "unchecked-hash", because zipping loses the time stamps that Python would compare. In order: what a file
    # compiles to depends a little on what was compiled before it.
    command = [compiler, "-m", "compileall", "-q", "-s", str(folder), "--invalidation-mode", "unchecked-hash"]
    files = sorted(str(file) for file in folder.rglob("*.py"))
    listed = "\n".join(files)
    subprocess.run([*command, "-i", "-"], input=listed, text=True, check=True)  # noqa: S603 - our own command


def _settle(folder: Path) -> None:
    """Give every file one time and the rights that Lambda needs, whoever built it and when."""
    for path in sorted(folder.rglob("*"), reverse=True):
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (LONG_AGO, LONG_AGO))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m infra.artefacts.build", description=__doc__)
    parser.add_argument("function", help="its name in template.yaml")
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--packages", type=Path, required=True, help="where pip installed what any function needs"
    )
    parser.add_argument("--python", required=True, help="such as 3.13")
    parser.add_argument("--machine", choices=_MACHINES, required=True)
    parser.add_argument("--compiler", default="", help="the Python that the function will run on")
    parser.add_argument("--version", required=True)
    parser.add_argument("--commit", required=True)
    options = parser.parse_args(arguments)
    target = {
        "python_version": options.python,
        "python_full_version": f"{options.python}.0",
        "platform_machine": _MACHINES[options.machine],
        "sys_platform": "linux",
        "os_name": "posix",
        "platform_system": "Linux",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    what = Build(options.packages, target, options.version, options.commit, options.compiler)
    try:
        build(options.function, options.folder, what)
    except LookupError as error:
        print(f"{options.function}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
