"""A secret is read once a minute, and never quoted."""

from __future__ import annotations

from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from lambdas.aws.secrets import Secrets
from shared.errors import Unavailable
from tests.rigs.cloud import Clock


class FakeSecretsManager:
    """Secrets Manager's client as far as it is used."""

    def __init__(self, *answers: Any) -> None:
        self.answers, self.calls = list(answers), 0

    def get_secret_value(self, SecretId: str, VersionStage: str) -> dict[str, Any]:
        assert VersionStage == "AWSCURRENT"
        self.calls += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return {"SecretString": answer}


def secrets_of(client: FakeSecretsManager, clock: Clock) -> Secrets:
    return Secrets(lambda: cast("Any", client), now=clock)


def test_a_secret_is_read_once_a_minute() -> None:
    client, clock = FakeSecretsManager('{"a": 1}', '{"a": 2}'), Clock()
    secrets = secrets_of(client, clock)
    assert [secrets.read("s")["a"] for _ in range(3)] == [1, 1, 1]
    clock.advance(60)
    assert secrets.read("s") == {"a": 2}
    assert client.calls == 2


def test_asking_for_a_fresh_secret_over_and_over_reads_it_once() -> None:
    client, clock = FakeSecretsManager('{"a": 1}', '{"a": 2}'), Clock()
    secrets = secrets_of(client, clock)
    secrets.read("s")
    clock.advance(5)
    assert [secrets.read("s", fresh=True)["a"] for _ in range(3)] == [2, 2, 2]
    assert client.calls == 2


@pytest.mark.parametrize(
    "answer",
    [
        ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetSecretValue"),
        ConnectTimeoutError(endpoint_url="https://example.org"),
        "hunter2",
        '["hunter2"]',
    ],
)
def test_a_secret_that_cannot_be_had_is_unavailable_and_not_quoted(answer: Any) -> None:
    with pytest.raises(Unavailable) as caught:
        secrets_of(FakeSecretsManager(answer), Clock()).read("s")
    assert "hunter2" not in str(caught.value)
