"""Whose work is delivered, and under which licence, is read from the packages as they are installed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from infra.packages import notice
from infra.packages.notice import NoLicence


def install(folder: Path, name: str, fields: str, **texts: str) -> None:
    """Put a package's metadata into a folder, as pip does."""
    about = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    (about / "licenses").mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\n{fields}", "utf-8")
    for file, text in texts.items():
        (about / "licenses" / file).write_text(text, "utf-8")


def test_every_package_is_named_with_its_version_and_licence(tmp_path: Path) -> None:
    install(tmp_path, "zeta", "License-Expression: BSD-3-Clause\n")
    install(tmp_path, "Alpha-beta", "License-Expression: MIT OR Apache-2.0\n")
    lines = notice.notice(tmp_path).splitlines()
    assert lines[4:] == ["  Alpha-beta 1.0: MIT OR Apache-2.0", "  zeta 1.0: BSD-3-Clause"]


def test_the_words_of_its_licence_go_with_it(tmp_path: Path) -> None:
    install(
        tmp_path,
        "Alpha-beta",
        "License-Expression: MIT\n",
        LICENSE="Copyright (c) Ada\n",
        NOTICE="Based on B.",
    )
    text = notice.notice(tmp_path)
    assert "Alpha-beta 1.0, licenses/LICENSE" in text
    assert "Copyright (c) Ada" in text
    assert "Based on B." in text


def test_what_is_no_licence_file_is_left_out(tmp_path: Path) -> None:
    install(tmp_path, "alpha", "License-Expression: MIT\n", top_level="alpha")
    assert "top_level" not in notice.notice(tmp_path)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ("License-Expression: MIT\nLicense: something else\n", "MIT"),
        ("Classifier: License :: OSI Approved :: ISC License (ISCL)\nLicense: ISC\n", "ISC License (ISCL)"),
        ("License: The  ISC licence\n        and its whole text\n", "The ISC licence"),
        ("Classifier: License :: OSI Approved\nLicense: MIT\n", "MIT"),
        ("License: UNKNOWN\nClassifier: License :: Public Domain\n", "Public Domain"),
    ],
)
def test_the_most_exact_name_of_a_licence_is_taken(tmp_path: Path, fields: str, named: str) -> None:
    install(tmp_path, "alpha", fields)
    assert [notice.licence(each) for each in notice.packages(tmp_path)] == [named]


def test_a_package_that_only_brings_the_text_is_pointed_to_it(tmp_path: Path) -> None:
    install(tmp_path, "alpha", "", COPYING="Do as you like.")
    assert "  alpha 1.0: see licenses/COPYING" in notice.notice(tmp_path)


@pytest.mark.parametrize("fields", ["", "License: UNKNOWN\n", "Classifier: Programming Language :: Python\n"])
def test_a_package_that_says_nothing_stops_the_build(tmp_path: Path, fields: str) -> None:
    install(tmp_path, "alpha", fields)
    with pytest.raises(NoLicence, match=r"^alpha 1\.0 names no licence"):
        notice.notice(tmp_path)


def test_our_own_package_is_no_third_party(tmp_path: Path) -> None:
    install(tmp_path, "mwl-relay", "License-Expression: MIT\n")
    assert notice.packages(tmp_path) == []


@pytest.mark.slow
def test_all_that_is_installed_here_can_be_named() -> None:
    folder = Path(pytest.__file__).parents[1]
    text = notice.notice(folder)
    for name in ("pydicom", "pynetdicom", "fastapi", "boto3"):
        assert f"\n  {name} " in text


def test_the_command_stops_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "alpha", "")
    monkeypatch.setattr(sys, "argv", ["notice", str(tmp_path)])
    with pytest.raises(SystemExit, match=r"^notice: alpha 1\.0 names no licence"):
        notice.main()
