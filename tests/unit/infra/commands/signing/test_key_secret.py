"""The secret of the signing keys against Secrets Manager as moto plays it, and as it answers trouble."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from infra.commands.signing.key_secret import KeySecret
from shared.errors import Conflict, Forbidden, MwlError, NotFound, Unavailable
from tests.rigs.cloud import SIGNING_SECRET, SIGNING_SECRET_ID, CloudRig, cloud

NOW = 1_800_000_000.0


@pytest.fixture
def rig() -> Iterator[CloudRig]:
    with cloud() as running:
        yield running


def test_what_is_replaced_is_what_is_read_next(rig: CloudRig) -> None:
    secret = KeySecret(rig.secrets, SIGNING_SECRET_ID)
    before = secret.read()
    secret.replace(before, before.keys.rotated("2", "n" * 64, now=NOW, keep_seconds=60))
    after = secret.read().keys
    assert (after.kid, after.find("1", NOW)) == ("2", SIGNING_SECRET)


def test_of_two_who_rotate_at_the_same_time_one_is_told_to_try_again(rig: CloudRig) -> None:
    secret = KeySecret(rig.secrets, SIGNING_SECRET_ID)
    seen_by_both = secret.read()
    secret.replace(seen_by_both, seen_by_both.keys.rotated("2", "n" * 64, now=NOW, keep_seconds=60))
    with pytest.raises(Conflict, match="meanwhile"):
        secret.replace(seen_by_both, seen_by_both.keys.rotated("3", "e" * 64, now=NOW, keep_seconds=60))
    assert secret.read().keys.kid == "2"


def test_a_secret_that_is_not_there_is_named(rig: CloudRig) -> None:
    with pytest.raises(NotFound, match="no-such"):
        KeySecret(rig.secrets, "no-such").read()


@pytest.mark.parametrize("text", ["[]", "not JSON", '{"kid": "1"}'])
def test_a_secret_that_holds_no_keys_is_not_quoted(rig: CloudRig, text: str) -> None:
    rig.secrets.put_secret_value(SecretId=SIGNING_SECRET_ID, SecretString=text)
    with pytest.raises(Unavailable) as caught:
        KeySecret(rig.secrets, SIGNING_SECRET_ID).read()
    assert "not JSON" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "error"), [("AccessDeniedException", Forbidden), ("InternalServiceError", Unavailable)]
)
def test_what_aws_refuses_is_said_in_our_words(code: str, error: type[MwlError]) -> None:
    client = boto3.client(
        "secretsmanager", region_name="eu-north-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    with Stubber(client) as stub:
        stub.add_client_error("get_secret_value", code)
        with pytest.raises(error):
            KeySecret(client, "keys").read()


def test_no_network_is_worth_another_try(monkeypatch: pytest.MonkeyPatch, rig: CloudRig) -> None:
    def unreachable(**_: str) -> None:
        raise EndpointConnectionError(endpoint_url="https://secretsmanager.example.org")

    monkeypatch.setattr(rig.secrets, "get_secret_value", unreachable)
    with pytest.raises(Unavailable, match="could not be reached"):
        KeySecret(rig.secrets, SIGNING_SECRET_ID).read()
