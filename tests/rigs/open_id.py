"""A real OpenID provider in a process of its own, and a person who uses it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import requests

from tests.rigs.patience import PATIENCE

CLIENT, PROGRAM = "dashboard", "command-line"
GROUPS = json.dumps(
    [
        {"group": "mri-admins", "role": "admin"},
        {"group": "mri-staff", "role": "write", "sites": ["north"]},
        {"group": "readers", "role": "read"},
    ]
)


@dataclass(frozen=True)
class OpenIdRig:
    """The provider, at ``issuer``."""

    issuer: str

    @property
    def environment(self) -> dict[str, str]:
        """What the API needs to know of it; `secret_id` is the caller's to make."""
        return {
            "OIDC_ISSUER": self.issuer,
            "OIDC_CLIENT_ID": CLIENT,
            "OIDC_CLIENT_SECRET_ID": "open-id-client",
            "OIDC_PROGRAM_CLIENT_IDS": f"another, {PROGRAM}",
            "OIDC_GROUPS": GROUPS,
        }

    def know(self, sub: str, **claims: Any) -> None:
        """Let the provider know a person, and what it says of them."""
        requests.put(f"{self.issuer}/users/{sub}", json=claims, timeout=PATIENCE).raise_for_status()

    def consent(self, address: str, sub: str, **changed: str) -> str:
        """Sign on at the provider as a browser would; return where it sends the browser.

        :param changed: what somebody in between makes of the address's parameters.
        """
        parts = urlsplit(address)
        query = urlencode({**dict(parse_qsl(parts.query)), **changed})
        asked = urlunsplit(parts._replace(query=query))
        answer = requests.post(asked, data={"sub": sub}, timeout=PATIENCE, allow_redirects=False)
        assert answer.status_code in {302, 303}, answer.text
        return answer.headers["location"]

    def refuse(self, address: str) -> str:
        """Press "deny" at the provider; return where it sends the browser."""
        answer = requests.post(address, data={"action": "deny"}, timeout=PATIENCE, allow_redirects=False)
        return answer.headers["location"]

    def id_token(self, sub: str, client: str = PROGRAM) -> str:
        """Return an ID token that a program got for a person."""
        back = "http://127.0.0.1/back"
        asked = {
            "client_id": client,
            "redirect_uri": back,
            "response_type": "code",
            "scope": "openid profile",
        }
        location = self.consent(f"{self.issuer}/oauth2/authorize?{urlencode(asked)}", sub)
        code = dict(parse_qsl(urlsplit(location).query))["code"]
        answer = requests.post(
            f"{self.issuer}/oauth2/token",
            data={"grant_type": "authorization_code", "code": code, "redirect_uri": back},
            auth=(client, "secret"),
            timeout=PATIENCE,
        )
        token: str = answer.json()["id_token"]
        return token


@contextmanager
def open_id() -> Iterator[OpenIdRig]:
    """Run the provider on a free port."""
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", "0"]
    with subprocess.Popen(
        command, env=_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield OpenIdRig(_address(process))
        finally:
            process.terminate()
            process.communicate()


def _environment() -> Mapping[str, str]:
    return {**os.environ, "AUTHLIB_INSECURE_TRANSPORT": "1", "NO_COLOR": "1"}


def _address(process: subprocess.Popen[str]) -> str:
    said = ""
    for line in process.stderr or ():
        said += line
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            return found[0]
    raise AssertionError(f"the provider did not start: {said}")
