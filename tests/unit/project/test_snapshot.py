"""What a snapshot of the API (Lambda SnapStart) takes and when; nothing is frozen in it that must not be.

A snapshot is made after the module of the handler was loaded, before the first call. Every copy has what
exists then: clients with their credentials and connections, secrets, and the seeds of chance.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from tests.rigs.cloudformation import Resource, load, resources
from tests.rigs.patience import PATIENCE

TEMPLATE = load()
RESOURCES: dict[str, Resource] = TEMPLATE["Resources"]
ONLY_THEN = {"ApiAlias", "ApiVersion"}

FROZEN = """
import functools, gc, sys
UNWANTED = {{"BaseClient", "HTTPSConnectionPool", "Secrets", "Services", "Session", "socket", "SourceStore"}}
made = []
real = functools.lru_cache
def noted(*arguments, **options):
    kept = real(*arguments, **options)
    if callable(kept) and hasattr(kept, "cache_info"):
        made.append(kept)
        return kept
    def wraps(function):
        made.append(kept(function))
        return made[-1]
    return wraps
functools.lru_cache = noted
functools.cache = lambda function: noted(maxsize=None)(function)
{before}
import lambdas.api.main
kinds = {{type(each).__name__ for each in gc.get_objects()}}
print(*sorted(kinds & UNWANTED))
ours = [each for each in made if each.__module__.startswith("lambdas.")]
assert len(ours) > 5, ours
print(*sorted(f"{{each.__module__}}.{{each.__name__}}" for each in ours if each.cache_info().currsize))
print(*sorted(
    name for name, module in sys.modules.items()
    if name.startswith(("lambdas.", "shared.")) and (hasattr(module, "random") or hasattr(module, "Random"))
))
"""


def frozen(before: str = "") -> list[str]:
    """Return what a process that has loaded the API holds, which caches it filled, and who uses `random`."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "COV"))}
    done = subprocess.run(
        [sys.executable, "-c", FROZEN.format(before=before)],
        env=variables,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:3]


@pytest.mark.slow  # a process
def test_a_snapshot_holds_no_client_no_secret_no_cached_answer_and_no_seed() -> None:
    assert frozen() == ["", "", ""]


@pytest.mark.slow
def test_what_a_snapshot_must_not_hold_would_be_seen() -> None:
    planted = """
import random
from lambdas.aws import clients, secrets
import lambdas.store.audit.retention as retention
kept = secrets.Secrets(lambda: None, now=lambda: 0.0)
retention.random = random
"""
    assert frozen(planted)[0] == "Secrets"
    assert frozen(planted)[2] == "lambdas.store.audit.retention"


def test_there_is_a_version_only_if_it_is_wanted() -> None:
    assert TEMPLATE["Parameters"]["SnapStart"]["Default"] == ""
    assert {name for name, each in RESOURCES.items() if each.get("Condition") == "HasSnapStart"} == ONLY_THEN
    snapshot: dict[str, Any] = {"ApplyOn": "PublishedVersions"}
    wanted = {"Fn::If": ["HasSnapStart", snapshot, {"Ref": "AWS::NoValue"}]}
    assert RESOURCES["ApiFunction"]["Properties"]["SnapStart"] == wanted


def test_a_version_is_published_when_the_parameter_changes_and_the_alias_follows_it() -> None:
    # CloudFormation replaces a version whose description changes (createOnlyProperties of its schema).
    version, alias = RESOURCES["ApiVersion"], RESOURCES["ApiAlias"]["Properties"]
    assert version["Properties"] == {
        "FunctionName": {"Ref": "ApiFunction"},
        "Description": {"Ref": "SnapStart"},
    }
    assert alias["FunctionVersion"] == {"Fn::GetAtt": ["ApiVersion", "Version"]}
    assert "DeletionPolicy" not in version, "a version that is kept costs its snapshot for ever"


def test_no_function_has_an_alias_of_sam_which_a_changed_parameter_would_not_reach() -> None:
    functions = resources(TEMPLATE, "AWS::Serverless::Function")
    assert [name for name, each in functions if "AutoPublishAlias" in each["Properties"]] == []
