"""What `make build` built, run as Lambda would: with the artefact and the standard library alone."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest

from infra.artefacts.build import file_of, source
from infra.artefacts.imports import imported_by
from infra.local.aws import LocalAws
from tests.rigs.cloudformation import load, resources
from tests.rigs.lambda_events import http_event, schedule_event, sqs_event
from tests.rigs.patience import PATIENCE
from tests.structure.imports import ROOT

NAMED = os.environ.get("MWL_SAM_BUILD")
"""Who names a build means it: it has to be there, and of the code as it is now. `.ci/run` does."""
BUILD = (ROOT / (NAMED or ".aws-sam/build")).resolve()
FUNCTION_HANDLERS = {
    name: each["Properties"]["Handler"] for name, each in resources(load(), "AWS::Serverless::Function")
}
FUNCTIONS = list(FUNCTION_HANDLERS)
MEGABYTE = 2**20
MOST_MEGABYTES = {"ScheduleFunction": 20, "NoShowFunction": 20, "HistoryCompactionFunction": 250}
"""Unzipped and compiled. One that is not named may have what the API may have; Lambda's quota is 250."""

OURS = f"*.cpython-{sys.version_info.major}{sys.version_info.minor}-{platform.machine()}-linux-gnu.so"
"""What compiled code is named that this Python can load."""

# -I and -S leave out this environment's packages; what they do not know is taken off the path here.
PROGRAM = """
import importlib, json, sys, types
artefact, handler, event = sys.argv[1:]
sys.path[:] = [artefact, *(entry for entry in sys.path if "-packages" not in entry)]
module, name = handler.rsplit(".", 1)
context = types.SimpleNamespace(
    function_name=name, memory_limit_in_mb=512, invoked_function_arn="arn:aws:lambda:x", aws_request_id="1"
)
answer = getattr(importlib.import_module(module), name)(json.loads(event), context)
standard = (artefact, sys.base_prefix + "/lib", "/usr/lib/python3")
files = [getattr(loaded, "__file__", None) or artefact for loaded in list(sys.modules.values())]
print(json.dumps({"answer": answer, "outside": sorted(f for f in files if not f.startswith(standard))}))
"""


def _missing() -> str | None:
    if (BUILD / "ApiFunction").is_dir() and not list((BUILD / "ApiFunction" / "pydantic_core").glob(OURS)):
        return 'it was built for another Python or machine: "make build-here", then again'
    if NAMED:
        return None
    if not (BUILD / "template.yaml").is_file():
        return 'nothing has been built: "make build-here", then again'
    if any(stale(BUILD / function) for function in FUNCTIONS):
        return 'the code has changed since it was built: "make build-here", then again'
    return None


def stale(artefact: Path) -> list[str]:
    """Return our files that are not, or not as they are now, in an artefact."""
    handler = FUNCTION_HANDLERS[artefact.name]
    files = [file for module in imported_by(handler, source).modules if (file := file_of(module))]
    copies = {file: artefact / file.relative_to(ROOT) for file in files}
    return [
        str(copy)
        for file, copy in copies.items()
        if not copy.is_file() or copy.read_bytes() != file.read_bytes()
    ]


MISSING = _missing()
pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    local = LocalAws()
    local.start()
    yield local
    local.stop()


def invoke(function: str, event: dict[str, Any], environment: dict[str, str]) -> Any:
    """Return what a built function answers to an event."""
    built = load(BUILD / "template.yaml")["Resources"][function]["Properties"]
    artefact = BUILD / built["CodeUri"]
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", PROGRAM, artefact, built["Handler"], json.dumps(event)],
        env=environment | {"POWERTOOLS_SERVICE_NAME": function, "POWERTOOLS_METRICS_DISABLED": "true"},
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,  # a busy machine imports for a long time
        check=False,
    )
    assert run.returncode == 0, run.stderr
    said = json.loads(run.stdout.splitlines()[-1])
    assert said["outside"] == [], "it took code from outside its artefact"
    return said["answer"]


def test_the_api_answers(aws: LocalAws) -> None:
    answer = invoke("ApiFunction", http_event("GET", "/health"), aws.environment)
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"])["status"] == "ok"


def test_the_api_tells_which_version_was_built(aws: LocalAws) -> None:
    answer = invoke("ApiFunction", http_event("GET", "/health"), aws.environment)
    about = next((BUILD / "ApiFunction").glob("mwl_relay-*.dist-info")).name
    assert about == f"mwl_relay-{json.loads(answer['body'])['version']}.dist-info"


def test_the_api_tells_which_commit_was_built(aws: LocalAws) -> None:
    answer = invoke("ApiFunction", http_event("GET", "/health"), aws.environment)
    [told] = (BUILD / "ApiFunction").glob("mwl_relay-*.dist-info/COMMIT")
    assert json.loads(answer["body"])["commit"] == told.read_text("utf-8").strip() != "unknown"


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/app/login", "/openapi.json"])
def test_the_api_has_the_files_of_its_pages(aws: LocalAws, path: str) -> None:
    answer = invoke("ApiFunction", http_event("GET", path), aws.environment)
    assert answer["statusCode"] == 200
    assert not answer["isBase64Encoded"]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_artefact_brings_the_licences_of_all_that_is_inside(function: str) -> None:
    text = (BUILD / function / "NOTICE").read_text("utf-8")
    brought = {each.metadata["Name"] for each in distributions(path=[str(BUILD / function)])} - {"mwl-relay"}
    assert {"pydantic", "pynamodb", "botocore"} <= brought
    assert [name for name in brought if f"\n  {name} " not in text] == []
    assert "MIT License" in (BUILD / function / "LICENSE").read_text("utf-8")


def test_the_schedule_answers(aws: LocalAws) -> None:
    assert invoke("ScheduleFunction", schedule_event(), aws.environment) == {"syncs": 0, "write_backs": 0}


def test_missed_exams_are_looked_for(aws: LocalAws) -> None:
    assert invoke("NoShowFunction", schedule_event(), aws.environment) == {"no_shows": 0, "stale_steps": 0}


def test_relays_are_tested(aws: LocalAws) -> None:
    assert invoke("SelfTestFunction", schedule_event(), aws.environment) == {"self_tests": 0}


@pytest.mark.parametrize("function", ["SyncFunction", "WriteBackFunction"])
def test_a_function_behind_a_queue_answers_which_messages_failed(aws: LocalAws, function: str) -> None:
    answer = invoke(function, sqs_event("not JSON"), aws.environment)
    assert [failed["itemIdentifier"] for failed in answer["batchItemFailures"]] == ["m0"]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_artefact_holds_our_code_as_it_is_now(function: str) -> None:
    assert stale(BUILD / function) == []


@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_artefact_is_small_enough_and_holds_nothing_of_the_other_folders(function: str) -> None:
    artefact = BUILD / function
    size = sum(file.stat().st_size for file in artefact.rglob("*") if file.is_file())
    assert size <= MOST_MEGABYTES.get(function, 60) * MEGABYTE
    assert not [name for name in ("edge_relay", "infra", "tests", "bin") if (artefact / name).exists()]
