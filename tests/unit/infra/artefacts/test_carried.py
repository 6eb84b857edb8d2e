"""Which packages a function carries, told of packages that are made up."""

from __future__ import annotations

from importlib.metadata import Distribution, distributions
from pathlib import Path

import pytest

from infra.artefacts.carried import carried, is_wanted

TARGET = {"python_version": "3.13", "sys_platform": "linux", "platform_machine": "aarch64"}
NEEDS = {
    "Web-Kit": [
        'core>=1; python_version >= "3.12"',
        'old-core; python_version < "3.12"',
        'crypto; extra == "safe"',
    ],
    "core": ["web_kit"],  # a circle
    "old-core": [],
    "crypto": [],
    "tzdata": [],
    "lonely": [],
}


@pytest.fixture
def installed(tmp_path: Path) -> list[Distribution]:
    for name, needs in NEEDS.items():
        module = name.lower().replace("-", "_")
        about = tmp_path / f"{module}-1.0.dist-info"
        about.mkdir()
        lines = [
            "Metadata-Version: 2.1",
            f"Name: {name}",
            "Version: 1.0",
            *(f"Requires-Dist: {each}" for each in needs),
        ]
        (about / "METADATA").write_text("\n".join(lines) + "\n", "utf-8")
        (about / "RECORD").write_text(f"{module}/__init__.py,,\n{about.name}/METADATA,,\n", "utf-8")
        (tmp_path / module).mkdir()
        (tmp_path / module / "__init__.py").touch()
    return list(distributions(path=[str(tmp_path)]))


def names(installed: list[Distribution], *imported: str, **extras: frozenset[str]) -> list[str]:
    return list(carried(installed, frozenset(imported), {"web-kit": extras.get("web", frozenset())}, TARGET))


def test_what_is_imported_brings_what_it_needs_on_the_target(installed: list[Distribution]) -> None:
    assert names(installed, "web_kit") == ["core", "tzdata", "web-kit"]


def test_an_extra_that_we_ask_for_brings_what_it_needs(installed: list[Distribution]) -> None:
    assert "crypto" in names(installed, "web_kit", web=frozenset({"safe"}))


def test_time_zones_are_carried_though_nobody_imports_them(installed: list[Distribution]) -> None:
    assert names(installed) == ["tzdata"]


def test_an_import_that_no_package_brings_is_named(installed: list[Distribution]) -> None:
    with pytest.raises(LookupError, match="no installed package brings nowhere"):
        names(installed, "nowhere", "lonely")


@pytest.mark.parametrize(
    "file",
    [
        "botocore/data/sqs/2012-11-05/service-2.json.gz",
        "botocore/data/endpoints.json",
        "botocore/data/dynamodb/2012-08-10/paginators-1.json",
        "core/testing.py",
        "certifi/cacert.pem",
    ],
)
def test_what_a_function_reads_is_kept(file: str) -> None:
    assert is_wanted(file, frozenset({"sqs", "dynamodb"}))


@pytest.mark.parametrize(
    "file",
    [
        "botocore/data/ec2/2016-11-15/service-2.json.gz",
        "boto3/data/ec2/2016-11-15/resources-1.json",
        "certifi/tests/test_it.py",
        "core/__pycache__/a.cpython-313.pyc",
        "core/a.pyc",
        "../../bin/core",
        "bin/core",
    ],
)
def test_what_no_function_reads_is_left_out(file: str) -> None:
    assert not is_wanted(file, frozenset({"sqs", "dynamodb"}))


def test_a_part_of_a_package_that_it_does_without_is_carried_by_who_imports_it() -> None:
    file, nothing = "pydicom/sr/codedict.py", frozenset[str]()
    assert not is_wanted(file, nothing, frozenset({"pydicom.srx", "pydicom"}))
    assert is_wanted(file, nothing, frozenset({"pydicom.sr"}))
    assert is_wanted(file, nothing, frozenset({"pydicom.sr.codedict"}))
