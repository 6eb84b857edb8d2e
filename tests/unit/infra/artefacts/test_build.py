"""A function's folder: filled from our code and this environment's packages."""

from __future__ import annotations

import os
import sys
from hashlib import sha256
from importlib.metadata import distributions
from importlib.util import source_from_cache
from pathlib import Path

import pydantic
import pytest

from infra.artefacts.build import LONG_AGO, Build, build, main, source
from infra.artefacts.carried import carried
from infra.artefacts.imports import imported_by
from infra.local.template import load

PACKAGES = Path(pydantic.__file__).parents[1]
TARGET = {
    "python_version": f"{sys.version_info.major}.{sys.version_info.minor}",
    "sys_platform": "linux",
    "platform_machine": "x86_64",
}
MEGABYTE = 1e6
pytestmark = pytest.mark.slow  # it copies thousands of files


def filled(folder: Path, function: str = "ScheduleFunction") -> Path:
    folder.mkdir()
    build(function, folder, Build(PACKAGES, TARGET, "1.2.3", "abc123", sys.executable))
    return folder


def files(folder: Path) -> dict[str, Path]:
    return {str(file.relative_to(folder)): file for file in folder.rglob("*") if file.is_file()}


def fingerprint(folder: Path) -> str:
    digest = sha256()
    for name, file in sorted(files(folder).items()):
        told = file.stat()
        digest.update(f"{name} {told.st_mode} {told.st_mtime_ns}\n".encode() + file.read_bytes())
    return digest.hexdigest()


@pytest.fixture(scope="module")
def schedule(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled(tmp_path_factory.mktemp("artefact") / "schedule")


def test_two_builds_are_the_same_to_the_byte_and_the_second(schedule: Path, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        again = filled(tmp_path / "again")
    finally:
        os.umask(before)
    assert fingerprint(again) == fingerprint(schedule)
    assert {file.stat().st_mtime for file in files(schedule).values()} == {LONG_AGO}


def test_the_schedule_carries_what_it_imports_and_not_what_others_do(schedule: Path) -> None:
    top = {path.name for path in schedule.iterdir()}
    assert {"pynamodb", "pydantic", "botocore", "lambdas", "shared", "tzdata"} <= top
    assert not {"pydicom", "fastapi", "cryptography", "redcap", "requests", "bin"} & top
    assert not (schedule / "lambdas" / "api").exists()
    assert not [name for name in files(schedule) if "/tests/" in name]


def test_all_of_it_is_compiled_because_lambda_cannot_write_beside_it(schedule: Path) -> None:
    sources = {name for name in files(schedule) if name.endswith(".py")}
    compiled = {str(Path(source_from_cache(name))) for name in files(schedule) if name.endswith(".pyc")}
    assert compiled == sources


def test_aws_is_described_only_as_far_as_it_is_called(schedule: Path) -> None:
    described = {path.name for path in (schedule / "botocore" / "data").iterdir() if path.is_dir()}
    assert described == {"dynamodb", "sqs", "xray"}  # the last for X-Ray's own package


def test_it_says_which_version_and_commit_it_is_and_what_is_inside(schedule: Path) -> None:
    about = schedule / "mwl_relay-1.2.3.dist-info"
    assert "Version: 1.2.3" in (about / "METADATA").read_text("utf-8")
    assert (about / "COMMIT").read_text("utf-8") == "abc123\n"
    listed = (schedule / "PACKAGES").read_text("utf-8").splitlines()
    assert any(line.startswith("pynamodb==") for line in listed)
    assert not [line for line in listed if line.startswith("mwl-relay")]


def test_every_import_of_every_function_comes_from_a_package_that_is_installed() -> None:
    handlers = [
        each["Properties"]["Handler"]
        for each in load()["Resources"].values()
        if each["Type"] == "AWS::Serverless::Function"
    ]
    installed = list(distributions(path=[str(PACKAGES)]))
    assert len(handlers) >= 5
    for handler in handlers:
        imported = imported_by(handler, source)
        assert carried(installed, imported.others, {}, TARGET).keys() >= {"pydantic", "pynamodb", "tzdata"}


def test_a_package_that_is_not_installed_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    asked = ["ScheduleFunction", str(tmp_path / "out"), "--packages", str(tmp_path / "empty")]
    told = ["--python", "3.13", "--machine", "arm64", "--version", "1", "--commit", "c"]
    assert main([*asked, *told]) == 1
    assert "no installed package brings" in capsys.readouterr().err
