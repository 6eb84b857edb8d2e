"""Whether an ID token is the provider's, for us, for now."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from lambdas.access.single_sign_on.id_token import LEEWAY, UnknownKey, verified
from lambdas.access.unauthenticated import Unauthenticated

ISSUER, CLIENT, NOW = "https://id.example.org", "dashboard", 1_795_000_000
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": CLIENT,
    "sub": "1",
    "iat": NOW,
    "exp": NOW + 300,
    "nonce": "once",
}


@cache
def key(kind: str) -> Any:
    return (
        RSAKey.generate_key(2048, {"kid": kind})
        if kind == "rsa"
        else ECKey.generate_key("P-256", {"kid": kind})
    )


@cache
def public() -> KeySet:
    return KeySet.import_key_set({"keys": [key(kind).as_dict(private=False) for kind in ("rsa", "ec")]})


def token(*, alg: str = "RS256", signed_by: Any = None, kid: str = "rsa", **changed: Any) -> str:
    claims = {name: value for name, value in {**CLAIMS, **changed}.items() if value is not None}
    signer = signed_by or key("ec" if alg.startswith("ES") else "rsa")
    return jwt.encode({"alg": alg, "kid": kid}, claims, signer, algorithms=[alg])


def judged(text: str, **asked: Any) -> Any:
    usual: dict[str, Any] = {"issuer": ISSUER, "client_id": CLIENT, "now": NOW, "nonce": "once"}
    return verified(text, public(), **usual | asked)


@pytest.mark.parametrize(("alg", "kid"), [("RS256", "rsa"), ("PS256", "rsa"), ("ES256", "ec")])
def test_a_good_token_is_believed(alg: str, kid: str) -> None:
    assert judged(token(alg=alg, kid=kid))["sub"] == "1"


WRONG: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "https://evil.example"},
    "a longer issuer": {"iss": f"{ISSUER}/"},
    "no issuer": {"iss": None},
    "another audience": {"aud": "somebody-else"},
    "no audience": {"aud": None},
    "two audiences and no word for whom": {"aud": [CLIENT, "somebody-else"]},
    "two audiences, for the other": {"aud": [CLIENT, "somebody-else"], "azp": "somebody-else"},
    "for us, issued to another": {"azp": "somebody-else"},
    "no subject": {"sub": None},
    "expired": {"iat": NOW - 900, "exp": NOW - LEEWAY - 1},
    "no end": {"exp": None},
    "an end in words": {"exp": "tomorrow"},
    "of tomorrow": {"iat": NOW + 86_400},
    "no time of issue": {"iat": None},
    "not yet good": {"nbf": NOW + 3600},
    "another nonce": {"nonce": "twice"},
    "no nonce": {"nonce": None},
    "another access token's": {"at_hash": "AAAA"},
}


@pytest.mark.parametrize("flaw", WRONG)
def test_a_token_with_a_flaw_is_refused(flaw: str) -> None:
    with pytest.raises(Unauthenticated):
        judged(token(**WRONG[flaw]), access_token="given")


def test_a_token_for_several_that_says_for_whom_is_believed() -> None:
    assert judged(token(aud=[CLIENT, "somebody-else"], azp=CLIENT))["sub"] == "1"


def test_a_clock_that_is_a_little_wrong_does_no_harm() -> None:
    assert judged(token(iat=NOW + LEEWAY, exp=NOW + 300))["sub"] == "1"


def test_a_token_that_did_not_begin_here_needs_no_nonce() -> None:
    assert judged(token(nonce=None), nonce="")["sub"] == "1"


def test_another_key_is_refused_as_unknown() -> None:
    stranger = RSAKey.generate_key(2048, {"kid": "rsa"})
    with pytest.raises(UnknownKey):
        judged(token(signed_by=stranger))
    with pytest.raises(UnknownKey):
        judged(token(kid="new"))


def test_a_shared_secret_is_no_signature() -> None:
    known_to_all = OctKey.import_key(key("rsa").as_dict(private=False)["n"])
    with pytest.raises(Unauthenticated):
        judged(token(alg="HS256", signed_by=known_to_all))


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "HS256", "", "dir"])
def test_what_the_header_calls_the_algorithm_does_not_count(alg: str) -> None:
    _, body, signature = token().split(".")
    header = urlsafe_b64encode(f'{{"alg":"{alg}"}}'.encode()).rstrip(b"=").decode()
    for end in ("", signature):
        with pytest.raises(Unauthenticated):
            judged(f"{header}.{body}.{end}")


@given(st.text())
def test_whatever_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(Unauthenticated):
        judged(text)


@given(st.data())
def test_a_token_with_one_letter_changed_is_refused(data: st.DataObject) -> None:
    text = token()
    place = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.characters(codec="ascii"))
    changed = text[:place] + letter + text[place + 1 :]
    # The last letter of each part carries fewer than six bits: several letters there are the same token.
    if changed == text or text[place + 1 : place + 2] in {"", "."}:
        return
    with pytest.raises(Unauthenticated):
        judged(changed)
