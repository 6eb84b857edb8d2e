"""Passwords and how often they may be tried; secrets and how long they are remembered."""

from __future__ import annotations

import json
from typing import Any, cast

import bcrypt
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from pwdlib.hashers.argon2 import Argon2Hasher

from lambdas.access.passwords import LONGEST, Passwords, check_rules, is_bcrypt
from lambdas.access.throttle import Attempts, Throttled, next_attempt
from lambdas.aws.secrets import Secrets
from lambdas.write_backs.wake_up import WakeUpMessages
from shared.errors import Rejected, Unavailable
from tests.rigs.api import PASSWORD, quick_passwords
from tests.rigs.cloud import Clock


@pytest.mark.parametrize(
    "password", ["", "eleven char", "a" * 12, "ababababababab", "x" * 257, "my name is ANA ok"]
)
def test_short_endless_or_obvious_passwords_are_refused_and_not_quoted(password: str) -> None:
    with pytest.raises(Rejected) as caught:
        check_rules(password, username="ana")
    assert caught.value.where == "password"
    assert not password or password not in str(caught.value)


def test_a_few_words_are_a_password() -> None:
    check_rules(PASSWORD, username="ana")


def test_only_the_right_password_is_right() -> None:
    passwords = quick_passwords()
    stored = passwords.hash(PASSWORD)
    assert passwords.verify(PASSWORD, stored) == (True, None)
    assert passwords.verify(PASSWORD + " ", stored) == (False, None)
    assert PASSWORD not in stored


def test_what_is_stored_costs_an_attacker_dearly() -> None:
    assert Passwords().hash(PASSWORD).startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_no_account_takes_the_work_of_one() -> None:
    class Counting(Argon2Hasher):
        verified = 0

        def verify(self, password: str | bytes, hash: str | bytes) -> bool:
            self.verified += 1
            return super().verify(password, hash)

    hasher = Counting(time_cost=1, memory_cost=8, parallelism=1)
    assert Passwords(hasher).verify(PASSWORD, None) == (False, None)
    assert Passwords(hasher).verify("the password of no account", None) == (False, None)
    assert hasher.verified == 2


def test_a_hash_of_lesser_cost_is_replaced_at_login() -> None:
    stored = quick_passwords().hash(PASSWORD)
    dearer = Passwords(Argon2Hasher(time_cost=2, memory_cost=8, parallelism=1))
    right, better = dearer.verify(PASSWORD, stored)
    assert right
    assert better is not None
    assert dearer.verify(PASSWORD, better) == (True, None)


def bcrypt_hash(password: str) -> str:
    return bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4)).decode()


def test_a_bcrypt_hash_of_the_predecessor_is_verified_and_replaced_by_argon2() -> None:
    passwords = quick_passwords()
    right, better = passwords.verify(PASSWORD, bcrypt_hash(PASSWORD))
    assert right
    assert better is not None
    assert better.startswith("$argon2id$")
    assert passwords.verify(PASSWORD, better) == (True, None)
    assert passwords.verify(PASSWORD + "x", bcrypt_hash(PASSWORD)) == (False, None)


def test_of_a_long_password_bcrypt_knows_the_beginning_only() -> None:
    long = "é" * 50
    right, better = quick_passwords().verify(long, bcrypt_hash(long))
    assert right
    assert better is not None
    assert quick_passwords().verify(long[:-1], better) == (False, None)


def test_only_bcrypt_hashes_are_taken_for_them() -> None:
    assert is_bcrypt(bcrypt_hash(PASSWORD))
    assert not any(map(is_bcrypt, ["", "plain", quick_passwords().hash(PASSWORD)]))


@pytest.mark.parametrize("stored", ["", "plain", "$2b$12$" + "x" * 53, "$2b$99$" + "x" * 53])
def test_a_hash_of_unknown_make_fits_no_password(stored: str) -> None:
    assert quick_passwords().verify(PASSWORD, stored) == (False, None)


def test_an_endless_password_is_nobodys() -> None:
    passwords = quick_passwords()
    endless = "x" * (LONGEST + 1)
    assert passwords.verify(endless, passwords.hash(endless)) == (False, None)


def test_waits_begin_after_five_failures_and_double_up_to_a_quarter_of_an_hour() -> None:
    state: Attempts | None = None
    now, waits = 1000.0, []
    for _ in range(14):
        state = next_attempt(state, now)
        waits.append(state.locked_until - now)
        now = max(now, state.locked_until) + 1
    assert waits == [0, 0, 0, 0, 10, 20, 40, 80, 160, 320, 640, 900, 900, 900]


def test_an_attempt_during_a_wait_is_not_looked_at_and_told_how_long() -> None:
    state = Attempts(failures=5, last_at=1000, locked_until=1010)
    with pytest.raises(Throttled) as caught:
        next_attempt(state, 1003.5)
    assert caught.value.retry_after == 7


def test_failures_are_forgotten_after_a_day() -> None:
    state = Attempts(failures=40, last_at=1000, locked_until=1900)
    assert next_attempt(state, 1000 + 86_401).failures == 1


class FakeSecretsManager:
    """Secrets Manager's client as far as it is used."""

    def __init__(self, *answers: Any) -> None:
        self.answers, self.calls = list(answers), 0

    def get_secret_value(self, SecretId: str) -> dict[str, Any]:
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


class FakeQueue:
    """SQS's client as far as it is used; refuses every message whose text has a refused word."""

    def __init__(self, refused: str = "", error: Exception | None = None) -> None:
        self.refused, self.error = refused, error
        self.batches: list[list[str]] = []

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, str]]) -> dict[str, Any]:
        if self.error:
            raise self.error
        self.batches.append([json.loads(entry["MessageBody"])["sop_instance_uid"] for entry in Entries])
        failed = [e for e in Entries if self.refused and self.refused in e["MessageBody"]]
        return {"Failed": [{"Id": e["Id"], "Code": "InternalError", "SenderFault": False} for e in failed]}


def wake_ups_to(queue: FakeQueue, url: str = "https://queue") -> WakeUpMessages:
    return WakeUpMessages(lambda: cast("Any", queue), url)


def test_wake_ups_go_ten_at_a_time_and_each_step_once() -> None:
    queue = FakeQueue()
    uids = [f"2.25.{number}" for number in range(12)]
    wake_ups_to(queue).send([*uids, *uids])
    assert queue.batches == [uids[:10], uids[10:]]


def test_without_a_queue_nobody_is_woken() -> None:
    queue = FakeQueue()
    wake_ups_to(queue, "").send(["2.25.1"])
    assert queue.batches == []


@pytest.mark.parametrize(
    "queue",
    [
        FakeQueue(refused="2.25.1"),
        FakeQueue(error=ClientError({"Error": {"Code": "QueueDoesNotExist"}}, "SendMessageBatch")),
        FakeQueue(error=ConnectTimeoutError(endpoint_url="https://example.org")),
    ],
)
def test_wake_ups_that_are_not_taken_fail_without_naming_steps(queue: FakeQueue) -> None:
    with pytest.raises(Unavailable) as caught:
        wake_ups_to(queue).send(["2.25.1"])
    assert "2.25" not in str(caught.value)
