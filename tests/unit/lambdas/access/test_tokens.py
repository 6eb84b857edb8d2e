"""Tokens: ours hold as long as they say, no longer; a relay's is good for us, now, from that relay only."""

from __future__ import annotations

import itertools
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lambdas.access.tokens import (
    PeopleTokens,
    claimed_relay,
    parse_public_key,
    verify_relay,
)
from lambdas.access.unauthenticated import Unauthenticated
from shared.errors import Rejected
from tests.rigs.api import public_pem
from tests.rigs.cloud import Clock

OLD, NEW = "old-key-" * 8, "new-key-" * 8
RELAY_KEY = Ed25519PrivateKey.generate()
PEM = public_pem(RELAY_KEY)
NOW = 1_795_000_000


class Keys:
    """The secret as one instance sees it: a fresh look may show more than a cached one."""

    def __init__(self, **content: Any) -> None:
        self.cached = self.current = {"kid": "1", "secret": OLD, **content}
        self.fresh_looks = 0

    def __call__(self, fresh: bool) -> dict[str, Any]:
        if fresh:
            self.fresh_looks += 1
            self.cached = self.current
        return self.cached


def test_a_token_says_who_and_which_version_of_the_account() -> None:
    clock = Clock()
    tokens = PeopleTokens(Keys(), now=clock)
    claims = tokens.verify(tokens.issue("ana", 7, minutes=30))
    assert (claims.sub, claims.ver, claims.exp) == ("ana", 7, int(clock()) + 1800)


def test_a_token_dies_when_it_said_it_would() -> None:
    clock = Clock()
    tokens = PeopleTokens(Keys(), now=clock)
    token = tokens.issue("ana", 1, minutes=1)
    clock.advance(59)
    tokens.verify(token)
    clock.advance(1)
    with pytest.raises(Unauthenticated, match="expired"):
        tokens.verify(token)


def test_tokens_of_the_previous_key_stay_good_after_a_rotation() -> None:
    before, after = Keys(), Keys(kid="2", secret=NEW, previous={"1": OLD})
    token = PeopleTokens(before, now=Clock()).issue("ana", 1, minutes=1)
    assert PeopleTokens(after, now=Clock()).verify(token).sub == "ana"


def test_tokens_of_a_key_that_was_withdrawn_are_dead() -> None:
    token = PeopleTokens(Keys(), now=Clock()).issue("ana", 1, minutes=1)
    with pytest.raises(Unauthenticated):
        PeopleTokens(Keys(kid="2", secret=NEW), now=Clock()).verify(token)


def test_a_key_not_yet_seen_is_looked_up_afresh() -> None:
    rotated = {"kid": "2", "secret": NEW, "previous": {"1": OLD}}
    token = PeopleTokens(Keys(**rotated), now=Clock()).issue("ana", 1, minutes=1)
    keys = Keys()
    keys.current = rotated
    assert PeopleTokens(keys, now=Clock()).verify(token).sub == "ana"
    assert keys.fresh_looks == 1


def ours(**changes: Any) -> dict[str, Any]:
    usual = {
        "iss": "mwl-relay",
        "aud": "mwl-relay-api",
        "sub": "ana",
        "ver": 1,
        "iat": NOW,
        "exp": NOW + 600,
    }
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


@pytest.mark.parametrize(
    "token",
    [
        "",
        "not a token",
        "a.b.c",
        jwt.encode(ours(), OLD, "HS256"),  # no kid
        jwt.encode(ours(), OLD, "HS256", headers={"kid": "9"}),
        jwt.encode(ours(), NEW, "HS256", headers={"kid": "1"}),
        jwt.encode(ours(), OLD, "HS512", headers={"kid": "1"}),
        jwt.encode(ours(), "", "none", headers={"kid": "1"}),
        jwt.encode(ours(aud="mwl-relay"), OLD, "HS256", headers={"kid": "1"}),
        jwt.encode(ours(iss="somebody"), OLD, "HS256", headers={"kid": "1"}),
        jwt.encode(ours(exp=None), OLD, "HS256", headers={"kid": "1"}),
        jwt.encode(ours(exp=NOW - 1), OLD, "HS256", headers={"kid": "1"}),
        jwt.encode(ours(exp="soon"), OLD, "HS256", headers={"kid": "1"}),
        jwt.encode(ours(ver="1"), OLD, "HS256", headers={"kid": "1"}),
        jwt.encode(ours(ver=None), OLD, "HS256", headers={"kid": "1"}),
    ],
    ids=itertools.count(),
)
def test_a_forged_or_broken_token_is_refused(token: str) -> None:
    with pytest.raises(Unauthenticated):
        PeopleTokens(Keys(), now=lambda: NOW).verify(token)


def relay_token(key: Any = RELAY_KEY, algorithm: str = "EdDSA", **changes: Any) -> str:
    usual = {"iss": "relay1", "aud": "mwl-relay", "iat": NOW, "exp": NOW + 60, "jti": "1"}
    claims = {name: value for name, value in {**usual, **changes}.items() if value is not None}
    return jwt.encode(claims, key, algorithm)


def verified(token: str, now: float = NOW) -> None:
    verify_relay(token, relay_id=claimed_relay(token), public_key=PEM, now=now)


@pytest.mark.parametrize("now", [NOW - 10, NOW, NOW + 60, NOW + 70])
def test_a_relays_token_is_good_for_its_minute_and_a_little(now: float) -> None:
    verified(relay_token(), now)


@pytest.mark.parametrize("now", [NOW - 11, NOW + 71, NOW + 86400])
def test_a_relays_token_is_not_good_at_another_time(now: float) -> None:
    with pytest.raises(Unauthenticated, match="clock"):
        verified(relay_token(), now)


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": NOW + 61},
        {"exp": NOW},
        {"exp": NOW - 1},
        {"iat": None},
        {"exp": None},
        {"aud": None},
        {"aud": "mwl-relay-api"},
        {"aud": ["mwl-relay", "other"]},
        {"exp": "later"},
        {"iat": True, "exp": 50},
        {"exp": float("inf")},
        {"key": Ed25519PrivateKey.generate()},
        {"key": "s" * 64, "algorithm": "HS256"},
        {"key": None, "algorithm": "none"},
    ],
)
def test_a_relays_token_that_says_too_much_or_too_little_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Unauthenticated):
        verified(relay_token(**changes))


@pytest.mark.parametrize("issuer", [None, 5, "", "../x", "a" * 65, "relay#1", "é"])
def test_a_token_names_a_relay_or_is_refused(issuer: object) -> None:
    token = relay_token(iss=issuer) if not isinstance(issuer, int) else _raw_issuer(issuer)
    with pytest.raises(Unauthenticated):
        claimed_relay(token)


def _raw_issuer(issuer: int) -> str:
    return jwt.api_jws.encode(b'{"iss": %d}' % issuer, RELAY_KEY, "EdDSA")


def test_a_token_of_one_relay_is_not_anothers() -> None:
    with pytest.raises(Unauthenticated):
        verify_relay(relay_token(), relay_id="relay2", public_key=PEM, now=NOW)


def _pem(key: Any) -> str:
    return str(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


@pytest.mark.parametrize(
    "pem",
    [
        "",
        "ssh-ed25519 AAAA",
        PEM[:60],
        "é",
        _pem(ec.generate_private_key(ec.SECP256R1())),
        _pem(rsa.generate_private_key(65537, 2048)),
    ],
    ids=["empty", "ssh", "cut", "not ASCII", "P-256", "RSA"],  # random keys make no stable names
)
def test_only_an_ed25519_public_key_can_be_enrolled(pem: str) -> None:
    with pytest.raises(Rejected) as caught:
        parse_public_key(pem)
    assert caught.value.where == "public_key"


def test_a_public_key_is_kept_in_one_form() -> None:
    assert parse_public_key(PEM.replace("\n", "\r\n") + "\n\n") == PEM


def test_a_relays_clock_may_tell_fractions_of_a_second() -> None:
    verify_relay(relay_token(iat=NOW + 0.25, exp=NOW + 59.75), relay_id="relay1", public_key=PEM, now=NOW)


def test_true_is_no_time() -> None:
    with pytest.raises(Unauthenticated):
        verify_relay(relay_token(iat=True, exp=30), relay_id="relay1", public_key=PEM, now=5)
