"""Tokens that share a secret, against Secrets Manager as moto plays it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from infra.commands.stored_secrets.json_secret import JsonSecret
from infra.commands.stored_secrets.redcap_token import TokenPlace, place_of, remove, store
from lambdas.sync.connect import token_of
from shared.errors import Conflict, NotFound, Rejected
from tests.rigs.cloud import CloudRig, cloud

TOKEN, OTHER = "A" * 32, "B" * 32
PREFIX = "mwl-relay/redcap/"
YOUTH, ELDERS = TokenPlace(PREFIX + "hospital", "youth"), TokenPlace(PREFIX + "hospital", "elders")


@pytest.fixture
def rig() -> Iterator[CloudRig]:
    with cloud() as running:
        yield running


def held(rig: CloudRig, place: TokenPlace = YOUTH) -> dict[str, Any]:
    kept = rig.secrets.get_secret_value(SecretId=place.secret, VersionStage="AWSCURRENT")
    content: dict[str, Any] = json.loads(kept["SecretString"])
    return content


def test_the_first_token_makes_the_secret_and_the_next_leaves_it_alone(rig: CloudRig) -> None:
    assert store(rig.secrets, YOUTH, TOKEN) is False
    assert store(rig.secrets, ELDERS, OTHER) is False
    assert held(rig) == {"youth": TOKEN, "elders": OTHER}


def test_a_token_is_replaced_and_the_other_stays(rig: CloudRig) -> None:
    store(rig.secrets, YOUTH, TOKEN)
    store(rig.secrets, ELDERS, TOKEN)
    assert store(rig.secrets, YOUTH, OTHER) is True
    assert held(rig) == {"youth": OTHER, "elders": TOKEN}


def test_a_token_is_taken_out_and_the_other_stays(rig: CloudRig) -> None:
    store(rig.secrets, YOUTH, TOKEN)
    store(rig.secrets, ELDERS, OTHER)
    remove(rig.secrets, YOUTH)
    assert held(rig) == {"elders": OTHER}
    for missing in (YOUTH, TokenPlace(PREFIX + "nowhere", "x")):
        with pytest.raises(NotFound):
            remove(rig.secrets, missing)


@pytest.mark.parametrize("reference", ["study", "hospital:youth", "a.b_c-d:1"])
def test_what_is_stored_is_what_a_function_reads(rig: CloudRig, reference: str) -> None:
    store(rig.secrets, place_of(reference, PREFIX), TOKEN)
    read = JsonSecret(rig.secrets, place_of(reference, PREFIX).secret).read().content
    assert token_of(reference, PREFIX, lambda _: read) == TOKEN


@pytest.mark.parametrize(
    ("operation", "before", "after"),
    [
        ("put_secret_value", {"youth": TOKEN}, {"youth": TOKEN, "elders": OTHER}),
        ("create_secret", {}, {"elders": OTHER}),
    ],
)
def test_of_two_who_change_or_make_a_secret_at_the_same_time_one_is_told_to_try_again(
    rig: CloudRig,
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
    before: dict[str, str],
    after: dict[str, str],
) -> None:
    if before:
        JsonSecret(rig.secrets, YOUTH.secret).create(before)
    real = getattr(rig.secrets, operation)

    def somebody_first(**arguments: Any) -> Any:
        monkeypatch.undo()
        store(rig.secrets, ELDERS, OTHER)
        return real(**arguments)

    monkeypatch.setattr(rig.secrets, operation, somebody_first)
    with pytest.raises(Conflict, match="meanwhile"):
        store(rig.secrets, YOUTH, OTHER)
    assert held(rig) == after


@pytest.mark.parametrize(
    "token", ["", "short", "A" * 31 + " ", f"{TOKEN}\n{TOKEN}", '{"token": "x"}', "A" * 200]
)
def test_what_is_no_token_is_refused_and_not_quoted(rig: CloudRig, token: str) -> None:
    with pytest.raises(Rejected) as refused:
        store(rig.secrets, YOUTH, token)
    assert not token or token not in str(refused.value)
    with pytest.raises(NotFound):
        JsonSecret(rig.secrets, YOUTH.secret).read()


@pytest.mark.parametrize("name", ["", "a b", "a:b:c", ":key", "a:", "a/b", "é", "a" * 129])
def test_a_name_that_no_definition_can_say_is_refused(name: str) -> None:
    with pytest.raises(Rejected, match="SECRET:KEY"):
        place_of(name, PREFIX)


def test_more_than_a_secret_holds_is_refused_before_it_is_sent(rig: CloudRig) -> None:
    JsonSecret(rig.secrets, YOUTH.secret).create({f"study-{n}": TOKEN for n in range(1300)})
    before = held(rig)
    with pytest.raises(Rejected, match="64 kilobytes"):
        store(rig.secrets, TokenPlace(YOUTH.secret, "k" * 2000), TOKEN)
    assert held(rig) == before
