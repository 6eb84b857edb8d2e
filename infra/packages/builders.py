"""Writing a package from the staged files: with dpkg-deb, which Debian has, or nfpm, which also writes rpm.

Each builder writes to a temporary name and renames, so that a package that has its name is whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from infra.packages.description import DETAILS, MAINTAINER, NAME, SECTION, SETTINGS, SUMMARY, Description
from infra.packages.stage import DOCUMENTS, HOME, ROOT, contents
from infra.packages.tools import output

Format = Literal["deb", "rpm"]

SCRIPTS: Final = ROOT / "infra/packages"
DEB_SCRIPTS: Final = {"postinstall": "postinst", "preremove": "prerm", "postremove": "postrm"}
RPM_SCRIPTS: Final = ("preinstall", "postinstall", "preremove", "postremove")
# What rpm removes with the package; a folder that it does not list would stay, empty.
_OWN_FOLDERS: Final = (HOME, DOCUMENTS, Path(SETTINGS).parent)


def with_dpkg(stage: Path, about: Description, target: Path) -> None:
    """Write a .deb with dpkg-deb.

    :raises CannotBuild: dpkg-deb is missing or failed.
    """
    with tempfile.TemporaryDirectory(prefix="mwl-relay-deb-") as folder:
        root = Path(folder) / "root"
        shutil.copytree(stage, root, symlinks=True)
        control = root / "DEBIAN"
        control.mkdir()
        for script in DEB_SCRIPTS.values():
            shutil.copyfile(SCRIPTS / "deb" / script, control / script)
            (control / script).chmod(0o755)
        (control / "control").write_text(_control(stage, about), "utf-8")
        (control / "conffiles").write_text(f"/{SETTINGS}\n", "utf-8")
        (control / "md5sums").write_text(_sums(stage), "utf-8")
        for path in (root, control, *control.iterdir()):
            os.utime(path, (about.epoch, about.epoch))
        command = ("dpkg-deb", "--root-owner-group", "-Zxz", "--build", str(root))
        _write(target, lambda new: output(*command, str(new), SOURCE_DATE_EPOCH=str(about.epoch)))


def with_nfpm(nfpm: Path, kind: Format, stage: Path, about: Description, target: Path) -> None:
    """Write a .deb or an .rpm with nfpm.

    :param nfpm: the program.
    :raises CannotBuild: it is missing or failed.
    """
    with tempfile.TemporaryDirectory(prefix="mwl-relay-nfpm-") as folder:
        config = Path(folder) / "nfpm.yaml"
        config.write_text(json.dumps(_nfpm_config(kind, stage, about)), "utf-8")  # JSON is YAML too
        command = (str(nfpm), "package", "--packager", kind, "--config", str(config), "--target")
        _write(target, lambda new: output(*command, str(new), SOURCE_DATE_EPOCH=str(about.epoch)))


def _write(target: Path, write: Callable[[Path], object]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".package-", dir=target.parent) as folder:
        unfinished = Path(folder) / target.name
        write(unfinished)
        unfinished.replace(target)


# ----------------------------------------------------------------------------------------------- for dpkg-deb


def _control(stage: Path, about: Description) -> str:
    size = sum(-(-file.lstat().st_size // 1024) for file in contents(stage))
    return f"""\
Package: {NAME}
Version: {about.version}
Architecture: {about.architecture}
Section: {SECTION}
Priority: optional
Maintainer: {MAINTAINER}
Installed-Size: {size}
Depends: {", ".join(about.deb_needs)}
Description: {SUMMARY}
{textwrap.indent(DETAILS, " ")}
"""


def _sums(stage: Path) -> str:
    return "".join(
        f"{hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()}  {file.relative_to(stage)}\n"
        for file in contents(stage)
        if file.is_file() and not file.is_symlink()
    )


# --------------------------------------------------------------------------------------------------- for nfpm


def _nfpm_config(kind: Format, stage: Path, about: Description) -> dict[str, Any]:
    when = datetime.fromtimestamp(about.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "name": NAME,
        "arch": about.architecture,
        "version": about.version,
        "version_schema": "none",  # it is not of the form 1.2.3-beta that nfpm would take apart
        "section": SECTION,
        "priority": "optional",
        "maintainer": MAINTAINER,
        "license": "MIT",
        "description": f"{SUMMARY}\n{DETAILS}",
        "mtime": when,
        "contents": list(_nfpm_contents(stage, when)),
        "depends": list(about.deb_needs if kind == "deb" else about.rpm_needs),
        "scripts": _nfpm_scripts(kind),
        "deb": {"compression": "xz"},
        # Without a name here, that of the building machine would be in it, and differ.
        "rpm": {
            "compression": "xz",
            "summary": SUMMARY,
            "buildhost": "localhost",
        },
    }


def _nfpm_scripts(kind: Format) -> dict[str, str]:
    if kind == "deb":
        return {moment: str(SCRIPTS / "deb" / script) for moment, script in DEB_SCRIPTS.items()}
    return {moment: str(SCRIPTS / "rpm" / moment) for moment in RPM_SCRIPTS}


def _nfpm_contents(stage: Path, when: str) -> Iterator[dict[str, Any]]:
    for path in contents(stage):
        inside = path.relative_to(stage)
        place = f"/{inside}"
        info = {"owner": "root", "group": "root", "mtime": when}
        if path.is_symlink():
            yield {
                "src": str(path.readlink()),
                "dst": place,
                "type": "symlink",
                "file_info": {**info, "mode": 0o777},
            }
        elif path.is_dir():
            if any(inside.is_relative_to(own) for own in _OWN_FOLDERS):
                yield {"dst": place, "type": "dir", "file_info": {**info, "mode": 0o755}}
        else:
            kind = "config|noreplace" if str(inside) == SETTINGS else ""
            mode = path.stat().st_mode & 0o777
            yield {"src": str(path), "dst": place, "type": kind, "file_info": {**info, "mode": mode}}
