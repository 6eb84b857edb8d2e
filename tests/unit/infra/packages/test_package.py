"""A package is written whole or not at all, the same from the same sources, and alike by either tool."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.packages import builders, package
from infra.packages.builders import Format
from infra.packages.tools import CannotBuild

ROOT = Path(__file__).resolve().parents[4]
VERSION = "1.2.3rc1"
EPOCH = 1_700_000_000


def _nfpm() -> Path | None:
    built = ROOT / "build/tools/nfpm"
    found = str(built) if built.exists() else shutil.which("nfpm")
    return Path(found) if found else None


NFPM = _nfpm()
needs_nfpm = pytest.mark.skipif(NFPM is None, reason="nfpm is missing: make nfpm (needs Go)")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="packages are built on Debian"),
]


@pytest.fixture(scope="module")
def site_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One small package, installed as pip does it."""
    folder = tmp_path_factory.mktemp("site-packages")
    (folder / "alpha").mkdir()
    (folder / "alpha/__init__.py").write_text("ANSWER = 42\n")
    about = folder / "alpha-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(
        "Metadata-Version: 2.4\nName: alpha\nVersion: 1.0\nLicense-Expression: MIT\n"
    )
    (about / "RECORD").write_text("")
    return folder


def made(kind: Format, site_packages: Path, folder: Path, nfpm: Path | None) -> Path:
    return package.build(kind, site_packages, folder, VERSION, EPOCH, nfpm)


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def output(*command: str | Path) -> str:
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True).stdout


def inside(deb: Path) -> list[list[str]]:
    """Return mode, owner, size and name (a link's target too) of all that a .deb installs, but the root."""
    lines = [line.split() for line in output("dpkg-deb", "--contents", deb).splitlines()]
    return sorted([*each[:3], *each[5:]] for each in lines if each[5] != "./")


TOOLS = [
    pytest.param("deb", None, id="deb by dpkg-deb"),
    pytest.param("deb", NFPM, id="deb by nfpm", marks=needs_nfpm),
    pytest.param("rpm", NFPM, id="rpm by nfpm", marks=needs_nfpm),
]


@pytest.mark.parametrize(("kind", "nfpm"), TOOLS)
def test_the_same_sources_give_the_same_bytes(
    kind: Format, nfpm: Path | None, site_packages: Path, tmp_path: Path
) -> None:
    assert digest(made(kind, site_packages, tmp_path / "one", nfpm)) == digest(
        made(kind, site_packages, tmp_path / "two", nfpm)
    )


@needs_nfpm
def test_both_tools_write_the_same_deb(site_packages: Path, tmp_path: Path) -> None:
    by_dpkg = made("deb", site_packages, tmp_path / "dpkg", None)
    by_nfpm = made("deb", site_packages, tmp_path / "nfpm", NFPM)
    assert (
        by_dpkg.name
        == by_nfpm.name
        == f"mwl-relay_1.2.3~rc1_{output('dpkg', '--print-architecture').strip()}.deb"
    )
    assert inside(by_dpkg) == inside(by_nfpm)
    for field in ("Package", "Version", "Architecture", "Maintainer", "Depends", "Section", "Description"):
        assert output("dpkg-deb", "--field", by_dpkg, field) == output("dpkg-deb", "--field", by_nfpm, field)
    for script in ("conffiles", "postinst", "prerm", "postrm"):
        assert output("dpkg-deb", "--info", by_dpkg, script) == output("dpkg-deb", "--info", by_nfpm, script)


@pytest.mark.parametrize("nfpm", [None, pytest.param(NFPM, marks=needs_nfpm)], ids=["dpkg-deb", "nfpm"])
def test_dpkg_can_verify_every_file(nfpm: Path | None, site_packages: Path, tmp_path: Path) -> None:
    deb = made("deb", site_packages, tmp_path, nfpm)
    output("dpkg-deb", "--raw-extract", deb, tmp_path / "out")
    sums = (tmp_path / "out/DEBIAN/md5sums").read_text().splitlines()
    listed = {line.split("  ")[1] for line in sums}
    files = {
        str(file.relative_to(tmp_path / "out"))
        for file in (tmp_path / "out").rglob("*")
        if file.is_file() and not file.is_symlink() and "DEBIAN" not in file.parts
    }
    assert listed | {"etc/mwl-relay/relay.toml"} == files | {"etc/mwl-relay/relay.toml"}
    subprocess.run(
        ["md5sum", "--check", "--quiet"], input="\n".join(sums), text=True, cwd=tmp_path / "out", check=True
    )


def test_it_brings_its_licence_and_everybody_elses(site_packages: Path, tmp_path: Path) -> None:
    output("dpkg-deb", "--extract", made("deb", site_packages, tmp_path, None), tmp_path / "out")
    documents = tmp_path / "out/usr/share/doc/mwl-relay"
    assert "MIT License" in (documents / "copyright").read_text()
    assert "  alpha 1.0: MIT" in output("gzip", "--decompress", "--stdout", documents / "NOTICE.gz")


def test_it_brings_the_manual_page_of_its_command_and_of_no_other(
    site_packages: Path, tmp_path: Path
) -> None:
    output("dpkg-deb", "--extract", made("deb", site_packages, tmp_path, None), tmp_path / "out")
    pages = list((tmp_path / "out/usr/share/man").rglob("*.*"))
    assert [page.relative_to(tmp_path / "out") for page in pages] == [
        Path("usr/share/man/man1/mwl-relay.1.gz")
    ]
    text = gzip.decompress(pages[0].read_bytes()).decode()
    assert f"mwl\\-relay {VERSION}" in text.splitlines()[0]
    assert '.SS "mwl\\-relay enroll"' in text


def test_the_manual_page_holds_nothing_of_when_or_where_it_was_packed(
    site_packages: Path, tmp_path: Path
) -> None:
    output("dpkg-deb", "--extract", made("deb", site_packages, tmp_path, None), tmp_path / "out")
    header = (tmp_path / "out/usr/share/man/man1/mwl-relay.1.gz").read_bytes()[:8]
    assert header == bytes.fromhex("1f8b0800 00000000")  # RFC 1952: no flags, so no file name; no time


def test_its_program_knows_its_version(site_packages: Path, tmp_path: Path) -> None:
    output("dpkg-deb", "--extract", made("deb", site_packages, tmp_path, None), tmp_path / "out")
    library = next((tmp_path / "out/usr/lib/mwl-relay/venv/lib").glob("python*/site-packages"))
    ask = "import sys, importlib.metadata as m; sys.path[:0] = [sys.argv[1]]; print(m.version('mwl-relay'))"
    assert output(sys.executable, "-I", "-S", "-c", ask, library).strip() == VERSION


@pytest.mark.skipif(shutil.which("lintian") is None, reason="lintian is missing: apt-get install lintian")
@pytest.mark.parametrize("nfpm", [None, pytest.param(NFPM, marks=needs_nfpm)], ids=["dpkg-deb", "nfpm"])
def test_lintian_finds_no_error(nfpm: Path | None, site_packages: Path, tmp_path: Path) -> None:
    deb = made("deb", site_packages, tmp_path, nfpm)
    asked = ["lintian", "--allow-root", "--fail-on", "error", str(deb)]
    said = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert (said.returncode, [line for line in said.stdout.splitlines() if line.startswith("E:")]) == (0, [])


@needs_nfpm
@pytest.mark.skipif(shutil.which("rpm") is None, reason="rpm is missing: apt-get install rpm")
def test_rpm_reads_what_it_is_and_what_it_needs(site_packages: Path, tmp_path: Path) -> None:
    rpm = made("rpm", site_packages, tmp_path, NFPM)
    output("rpm", "--checksig", rpm)
    form = "%{NAME} %{VERSION} %{RELEASE} %{LICENSE} %{BUILDHOST}"
    assert output("rpm", "-qp", "--queryformat", form, rpm) == "mwl-relay 1.2.3~rc1 1 MIT localhost"
    assert "ca-certificates" in output("rpm", "-qp", "--requires", rpm).splitlines()
    assert output("rpm", "-qp", "--configfiles", rpm).split() == ["/etc/mwl-relay/relay.toml"]
    owners = set(output("rpm", "-qp", "--queryformat", "[%{FILEUSERNAME}:%{FILEGROUPNAME}\n]", rpm).split())
    assert owners == {"root:root"}
    folders = output("rpm", "-qp", "--list", rpm).splitlines()
    assert {"/usr/lib/mwl-relay", "/etc/mwl-relay", "/usr/share/doc/mwl-relay"} <= set(folders)
    assert not {"/usr", "/usr/bin", "/etc"} & set(folders)


def test_a_build_that_fails_leaves_the_package_that_was_there(
    site_packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "dist"
    before = made("deb", site_packages, folder, None)
    whole = digest(before)
    programs = tmp_path / "programs"
    programs.mkdir()
    # Writes half a package, as on a disk that is full.
    (programs / "dpkg-deb").write_text(
        '#!/bin/sh\nfor last; do :; done\necho half > "$last"\necho "disk full" >&2\nexit 2\n'
    )
    (programs / "dpkg-deb").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(CannotBuild, match=r"^dpkg-deb failed: disk full$"):
        made("deb", site_packages, folder, None)
    assert list(folder.iterdir()) == [before]
    assert digest(before) == whole


def test_an_rpm_without_nfpm_says_how_to_get_it(site_packages: Path, tmp_path: Path) -> None:
    with pytest.raises(CannotBuild, match="make nfpm"):
        made("rpm", site_packages, tmp_path, None)


def test_a_missing_tool_is_named(
    site_packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotBuild, match=r"^dpkg is missing"):
        made("deb", site_packages, tmp_path / "dist", None)


def test_every_script_that_runs_at_installation_is_in_a_package() -> None:
    for folder, named in (("deb", set(builders.DEB_SCRIPTS.values())), ("rpm", set(builders.RPM_SCRIPTS))):
        here = {file.name for file in (ROOT / "infra/packages" / folder).iterdir()}
        assert here - {"lintian-overrides"} == named


def test_the_time_inside_is_the_one_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1234567890")
    assert package.source_date() == 1234567890
