"""The adapter to the OpenID provider, against a server that answers as a test says."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from lambdas.access.role import Role
from lambdas.access.single_sign_on.attempt import Attempt
from lambdas.access.single_sign_on.group_rights import GroupRights
from lambdas.access.single_sign_on.provider import KEPT_SECONDS, LEAST_SECONDS, OpenIdProvider
from lambdas.access.single_sign_on.settings import SignOnSettings
from lambdas.access.unauthenticated import Unauthenticated
from shared.errors import Unavailable
from tests.rigs.cloud import Clock

ATTEMPT = Attempt(state="state", nonce="nonce", verifier="v" * 50, began_at=0.0)
BACK = "https://here.example.org/return"


@dataclass
class Wire:
    """A server: what it answers by path, and what it was asked."""

    clock: Clock = field(default_factory=Clock)
    address: str = ""
    answers: dict[str, tuple[int, str]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str], str]] = field(default_factory=list)
    key: Any = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "first"}))

    def say(self, path: str, content: object, status: int = 200) -> None:
        self.answers[path] = (status, content if isinstance(content, str) else json.dumps(content))

    def publish(self, **metadata: Any) -> None:
        said = {
            "issuer": self.address,
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
            "jwks_uri": f"{self.address}/keys",
        }
        self.say("/.well-known/openid-configuration", said | metadata)
        self.say("/keys", {"keys": [self.key.as_dict(private=False)]})

    def id_token(self, **changed: Any) -> str:
        now = int(self.clock())
        claims = {"iss": self.address, "aud": "dashboard", "sub": "1", "iat": now, "exp": now + 300}
        return jwt.encode(
            {"alg": "RS256", "kid": self.key.kid}, {**claims, "nonce": "nonce", **changed}, self.key
        )

    def provider(self, secret: Any = None) -> OpenIdProvider:
        settings = SignOnSettings(
            oidc_issuer=self.address,
            oidc_client_id="dashboard",
            oidc_client_secret_id="arn",
            oidc_groups=(GroupRights(group="g", role=Role.READ),),
        )
        content = {"client_secret": "s+cret"} if secret is None else secret
        return OpenIdProvider(settings, secret=lambda: content, now=self.clock)

    def times(self, path: str) -> int:
        return sum(asked == path for asked, _, _ in self.asked)


@pytest.fixture
def wire() -> Iterator[Wire]:
    rig = Wire()

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0"))).decode()
            rig.asked.append((self.path, dict(parse_qsl(body)), self.headers.get("authorization", "")))
            status, content = rig.answers.get(self.path, (404, ""))
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("location", f"{rig.address}/elsewhere")
            self.send_header("content-length", str(len(content.encode())))
            self.end_headers()
            self.wfile.write(content.encode())

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        rig.address = f"http://127.0.0.1:{server.server_port}"
        rig.publish()
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield rig
        server.shutdown()
        thread.join()


def test_the_code_is_exchanged_with_what_only_we_know(wire: Wire) -> None:
    provider = wire.provider()
    challenge = dict(parse_qsl(urlsplit(provider.address(ATTEMPT, BACK, again=False)).query))[
        "code_challenge"
    ]
    wire.say("/token", {"id_token": wire.id_token(), "access_token": "a", "token_type": "Bearer"})
    assert provider.claims_for("code", ATTEMPT, BACK)["sub"] == "1"
    _, sent, authorization = wire.asked[-1]
    digest = base64.urlsafe_b64encode(sha256(sent["code_verifier"].encode()).digest()).rstrip(b"=").decode()
    assert digest == challenge
    assert (sent["code"], sent["redirect_uri"]) == ("code", BACK)
    assert base64.b64decode(authorization.removeprefix("Basic ")).startswith(b"dashboard:")
    assert "client_secret" not in sent


def test_the_secret_is_in_the_body_where_the_provider_wants_it_there(wire: Wire) -> None:
    wire.publish(token_endpoint_auth_methods_supported=["client_secret_post"])
    wire.say("/token", {"id_token": wire.id_token(), "access_token": "a", "token_type": "Bearer"})
    wire.provider().claims_for("code", ATTEMPT, BACK)
    _, sent, authorization = wire.asked[-1]
    assert (sent["client_secret"], authorization) == ("s+cret", "")


def test_the_secret_is_not_in_the_address(wire: Wire) -> None:
    assert "cret" not in wire.provider().address(ATTEMPT, BACK, again=True)


def test_a_code_that_the_provider_does_not_take_is_the_callers_fault(wire: Wire) -> None:
    wire.say("/token", {"error": "invalid_grant"}, 400)
    with pytest.raises(Unauthenticated):
        wire.provider().claims_for("code", ATTEMPT, BACK)


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (401, {"error": "invalid_client"}),
        (400, {"error": "unauthorized_client"}),
        (200, {"access_token": "a", "token_type": "Bearer"}),
        (200, {"id_token": 7, "access_token": "a"}),
        (200, "<html>of a proxy</html>"),
        (500, ""),
        (302, "{}"),
        (200, "[]"),
    ],
)
def test_an_answer_that_is_none_is_not_the_callers_fault(wire: Wire, status: int, content: object) -> None:
    wire.say("/token", content, status)
    with pytest.raises(Unavailable) as raised:
        wire.provider().claims_for("the-code", ATTEMPT, BACK)
    assert "the-code" not in str(raised.value)
    assert "cret" not in str(raised.value).replace("secret", "")


@pytest.mark.parametrize("secret", [{}, {"client_secret": ""}, {"client_secret": 7}])
def test_a_secret_that_is_none_is_named(wire: Wire, secret: object) -> None:
    with pytest.raises(Unavailable, match="OIDC_CLIENT_SECRET_ID"):
        wire.provider(secret).claims_for("code", ATTEMPT, BACK)


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://id.example.org/token"},
        {"jwks_uri": None},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
)
def test_a_provider_that_says_something_unusable_of_itself_is_not_used(
    wire: Wire, metadata: dict[str, Any]
) -> None:
    wire.publish(**metadata)
    with pytest.raises(Unavailable, match="something unusable"):
        wire.provider().address(ATTEMPT, BACK, again=False)


@pytest.mark.parametrize(
    ("status", "content"),
    [(200, "<html>"), (200, "[]"), (404, "{}"), (302, "{}"), (500, ""), (200, {"keys": 7}), (200, {})],
)
@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/keys"])
def test_a_description_or_keys_that_cannot_be_read_are_told(
    wire: Wire, path: str, status: int, content: object
) -> None:
    wire.say(path, content, status)
    with pytest.raises(Unavailable):
        wire.provider().address(ATTEMPT, BACK, again=False)
    assert wire.times("/elsewhere") == 0


def test_what_the_provider_says_of_itself_is_kept_for_an_hour(wire: Wire) -> None:
    provider = wire.provider()
    for _ in range(3):
        provider.address(ATTEMPT, BACK, again=False)
    assert wire.times("/keys") == 1
    wire.clock.advance(KEPT_SECONDS)
    provider.address(ATTEMPT, BACK, again=False)
    assert wire.times("/keys") == 2


def test_new_keys_are_looked_up_when_a_token_needs_one(wire: Wire) -> None:
    provider = wire.provider()
    provider.claims(wire.id_token(), client_id="dashboard")
    wire.key = RSAKey.generate_key(2048, {"kid": "second"})
    wire.publish()
    wire.clock.advance(LEAST_SECONDS)
    assert provider.claims(wire.id_token(), client_id="dashboard")["sub"] == "1"


def test_forged_tokens_do_not_make_us_ask_for_keys_all_the_time(wire: Wire) -> None:
    provider = wire.provider()
    for _ in range(20):
        with pytest.raises(Unauthenticated):
            provider.claims("forged", client_id="dashboard")
    assert wire.times("/keys") == 1
