"""``mwl-cloud keys`` beside a running API: who is signed in stays so, until the former key ends."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner, Result

from infra.cli import app
from lambdas.access.role import Role
from tests.rigs.api import ApiRig, api
from tests.rigs.cloud import SIGNING_SECRET, SIGNING_SECRET_ID
from tests.rigs.lambda_events import LambdaClient

A_MINUTE = 61
"""What a function remembers of a secret is no older."""


@pytest.fixture
def rig() -> Iterator[ApiRig]:
    with api() as running:
        yield running


def keys(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["keys", *arguments])


def signed_in(rig: ApiRig) -> LambdaClient:
    return rig.user(Role.READ, "ana")


def stored(rig: ApiRig) -> str:
    kept = rig.cloud.secrets.get_secret_value(SecretId=SIGNING_SECRET_ID, VersionStage="AWSCURRENT")
    return kept["SecretString"]


def test_after_a_rotation_old_and_new_tokens_are_good(rig: ApiRig) -> None:
    before = signed_in(rig)
    assert keys("rotate").exit_code == 0
    rig.clock.advance(A_MINUTE)
    after = signed_in(rig)
    assert before.get("/worklist").status == after.get("/worklist").status == 200


def test_after_a_rotation_at_once_old_tokens_are_refused(rig: ApiRig) -> None:
    before = signed_in(rig)
    assert "all former keys have ended" in keys("rotate", "--at-once").stdout
    rig.clock.advance(A_MINUTE)
    assert before.get("/worklist").status == 401
    assert signed_in(rig).get("/worklist").status == 200


def test_a_former_key_ends_by_itself_when_its_time_has_come(rig: ApiRig) -> None:
    rig.user(Role.READ, "ana")
    ana = rig.services.users.find("ana")
    assert ana
    token = rig.services.tokens.issue("ana", ana.token_version, minutes=1_000_000)
    keys("rotate")
    end = json.loads(stored(rig))["until"]["1"]
    rig.clock.advance(end - rig.clock() - 1)
    assert rig.anybody.bearing(token).get("/worklist").status == 200
    rig.clock.advance(1)
    assert rig.anybody.bearing(token).get("/worklist").status == 401


def test_keys_are_listed_by_name_and_never_shown(rig: ApiRig) -> None:
    made = keys("rotate", "--keep-days", "3").stdout
    [kid] = re.findall(r"^(\S+) signs", made)
    listed = keys("list").stdout
    assert re.search(rf"{kid}\W+signs", listed)
    assert re.search(r"\b1\W+verifies\W+\d{4}-\d\d-\d\d", listed)
    for text in (SIGNING_SECRET, json.loads(stored(rig))["secret"]):
        assert text not in made + listed


def test_without_the_secrets_name_the_command_says_where_to_find_it(
    rig: ApiRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SIGNING_KEY_SECRET_ID")
    result = keys("rotate")
    assert result.exit_code == 2
    assert "SigningKeySecretId" in result.stderr


def test_a_secret_of_another_name_is_exit_code_2(rig: ApiRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNING_KEY_SECRET_ID", "no-such")
    result = keys("list")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
