"""The notice of third parties: ``python -m infra.packages.notice FOLDER`` prints it for a folder's packages.

What is delivered (the relay's packages, the Lambda artefacts) carries other people's work. Their licences ask
that their names and terms go with it. Both are read from the metadata of the packages as installed, so that
none can be forgotten.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path, PurePath
from typing import Final

OWN: Final = "mwl-relay"
_LICENCE_FILES: Final = ("licen", "copying", "notice", "authors")
_RULE: Final = "=" * 78
# Filled in when a package's author left the field alone.
_NOTHING: Final = frozenset({"", "UNKNOWN"})


class NoLicence(Exception):
    """A package neither names its licence nor brings its text; somebody must look before it is delivered."""


def packages(folder: Path) -> list[Distribution]:
    """Return the packages installed in a folder, our own left out, by name."""
    found = {each.metadata["Name"].lower(): each for each in distributions(path=[str(folder)])}
    return [found[name] for name in sorted(found) if name != OWN]


def licence(package: Distribution) -> str:
    """Return the licence that a package names: an SPDX expression if it has one.

    :raises NoLicence: it names none, and brings no text either.
    """
    named = [*_stated(package, "License-Expression"), *_classified(package), *_stated(package, "License")]
    if named:
        return named[0]
    if texts := [name for name, _ in licence_texts(package)]:
        return f"see {texts[0]}"
    raise NoLicence(f"{_title(package)} names no licence and brings no text of one")


def licence_texts(package: Distribution) -> Iterator[tuple[str, str]]:
    """Yield the name and the words of each licence file that a package brings in its metadata folder."""
    folder = _metadata_folder(package)
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.name.lower().startswith(_LICENCE_FILES):
            yield str(PurePath(*file.relative_to(folder).parts)), file.read_text("utf-8", "replace").strip()


def notice(folder: Path) -> str:
    """Return the notice for the packages installed in a folder.

    :raises NoLicence: one of them says nothing about its licence.
    """
    found = packages(folder)
    lines = ["mwl-relay, MIT licence, Copyright (c) 2026 mwl-relay contributors.", ""]
    lines += [
        "It is delivered with these packages, which are their authors' and under their own licences:",
        "",
    ]
    lines += [f"  {_title(each)}: {licence(each)}" for each in found]
    for each in found:
        lines += [part for name, text in licence_texts(each) for part in _section(each, name, text)]
    return "\n".join([*lines, ""])


def _title(package: Distribution) -> str:
    return f"{package.metadata['Name']} {package.version}"


def _section(package: Distribution, name: str, text: str) -> list[str]:
    return ["", _RULE, f"{_title(package)}, {name}", _RULE, "", text]


def _stated(package: Distribution, field: str) -> list[str]:
    # "License" often holds the whole text; its first line is the name.
    values = [line.strip() for line in package.metadata.get_all(field) or ()]
    return [" ".join(value.splitlines()[0].split()) for value in values if value not in _NOTHING]


def _classified(package: Distribution) -> list[str]:
    classifiers = package.metadata.get_all("Classifier") or ()
    named = [line.split(" :: ")[-1] for line in classifiers if line.startswith("License ::")]
    exact = [name for name in named if name != "OSI Approved"]  # a group of licences, not one
    return [", ".join(exact)] if exact else []


def _metadata_folder(package: Distribution) -> Path:
    name = f"{package.metadata['Name']}-{package.version}".lower().replace("-", "_").replace(".", "_")
    base = Path(str(package.locate_file("")))
    for folder in base.glob("*.dist-info"):
        if folder.stem.lower().replace("-", "_").replace(".", "_") == name:
            return folder
    raise NoLicence(f"{_title(package)} has no metadata folder in {base}")


def main() -> None:
    """Print the notice for the folder that the command line names."""
    parser = argparse.ArgumentParser(
        description="Print the notice of third parties for the packages in a folder."
    )
    parser.add_argument("folder", type=Path, help="where the packages are installed")
    try:
        sys.stdout.write(notice(parser.parse_args().folder))
    except NoLicence as error:
        sys.exit(f"notice: {error}")


if __name__ == "__main__":
    main()
