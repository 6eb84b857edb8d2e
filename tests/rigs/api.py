"""The API over the rig's cloud, with a clock of the test's own and a quick Argon2: called as Lambda calls it.

Tests of the real `lambdas.api.main.handler`, with its own clock and costs, use `real_handler`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, cast
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pwdlib.hashers.argon2 import Argon2Hasher

from lambdas.access.passwords import Passwords
from lambdas.access.role import Role
from lambdas.api import main
from lambdas.api.accounts import add_user
from lambdas.api.services import Services, services_from
from lambdas.api.settings import ApiSettings
from lambdas.settings import load
from tests.rigs.cloud import Clock, CloudRig, cloud
from tests.rigs.lambda_events import Handler, LambdaClient

PASSWORD = "violet kettle moraine"


def quick_passwords() -> Passwords:
    return Passwords(Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1))


@dataclass(eq=False)
class ApiRig:
    """The API and its cloud."""

    cloud: CloudRig
    services: Services
    handler: Handler

    @property
    def clock(self) -> Clock:
        return self.cloud.clock

    @property
    def anybody(self) -> LambdaClient:
        return LambdaClient(self.handler)

    def user(self, role: Role, username: str = "") -> LambdaClient:
        """Return a client logged in as somebody (made, if need be) with a role; who needs one has a study."""
        name = username or f"{role.value}-person"
        about = {"studies": ("study",)} if role is Role.STUDY else {}
        user = self.services.users.find(name) or add_user(self.services, name, PASSWORD, role, about=about)
        token = self.services.tokens.issue(user.username, user.token_version, minutes=30)
        return self.anybody.bearing(token)

    def otherwise(self, **replaced: Any) -> ApiRig:
        """Return the API over the same cloud, with other services in the place of some."""
        services = replace(self.services, **replaced)
        return ApiRig(self.cloud, services, _adapter(services))

    def relay(self, site: str = "north") -> RelayClient:
        """Return a newly enrolled relay of a site."""
        code, _ = self.services.relays.invite(site)
        return RelayClient.enrolled(self.anybody, code, self.clock)


@dataclass
class RelayClient:
    """A relay: signs a token for each call."""

    client: LambdaClient
    relay_id: str
    key: Ed25519PrivateKey
    clock: Any

    @classmethod
    def enrolled(cls, client: LambdaClient, code: str, clock: Any) -> RelayClient:
        key = Ed25519PrivateKey.generate()
        body = {"code": code, "public_key": public_pem(key), "name": "relay of the tests"}
        answer = client.post("/relay/enroll", json=body)
        assert answer.status == 201, answer.text
        return cls(client, answer.json()["relay_id"], key, clock)

    def token(self, *, key: Ed25519PrivateKey | None = None, **claims: Any) -> str:
        """Return a token; claims given as None are left out."""
        now = int(self.clock())
        usual = {"iss": self.relay_id, "aud": "mwl-relay", "iat": now, "exp": now + 60, "jti": uuid4().hex}
        payload = {name: value for name, value in {**usual, **claims}.items() if value is not None}
        return jwt.encode(payload, key or self.key, algorithm="EdDSA")

    @property
    def http(self) -> LambdaClient:
        return self.client.bearing(self.token())


def public_pem(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@contextmanager
def api(replaced: Mapping[str, Any] | None = None, **environment: str) -> Iterator[ApiRig]:
    """Run the API; ``replaced`` names services to put in the place of the real ones."""
    with cloud(**environment) as rig, event_loop():
        services = services_from(load(ApiSettings), now=rig.clock, passwords=quick_passwords())
        services = replace(services, **(replaced or {}))
        yield ApiRig(rig, services, _adapter(services))


def over(services: Services) -> ApiRig:
    """Return the API over services that somebody else has made; it has no cloud of its own."""
    return ApiRig(cast("Any", None), services, _adapter(services))


def _adapter(services: Services) -> Handler:
    return main.as_lambda_calls(main.create_app(services))


@contextmanager
def real_handler() -> Iterator[Handler]:
    """Give the handler a cold start, within a cloud that is running."""
    with event_loop():
        main.adapter.cache_clear()
        try:
            yield main.handler
        finally:
            main.adapter.cache_clear()


@contextmanager
def log_lines() -> Iterator[list[dict[str, Any]]]:
    """Collect what the API logs: each line's record, with everything in it."""
    lines: list[dict[str, Any]] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append({**record.__dict__, "text": record.getMessage()})

    collector, api_log = Collector(), logging.getLogger("api")
    api_log.addHandler(collector)
    try:
        yield lines
    finally:
        api_log.removeHandler(collector)


@contextmanager
def event_loop() -> Iterator[None]:
    """Own the event loop that Mangum takes from the thread, and close it."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        yield
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        asyncio.set_event_loop(None)
        loop.close()
