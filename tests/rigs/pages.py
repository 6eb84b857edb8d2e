"""The dashboard as a browser without JavaScript asks for it, through the same handler as on Lambda."""

from __future__ import annotations

import base64
import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import unescape
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode, urlsplit

from lambdas.access.role import Role
from lambdas.api.accounts import add_user
from tests.rigs.api import PASSWORD, ApiRig
from tests.rigs.lambda_events import Context, Handler, http_event

ORIGIN = "https://api.example.org"


@dataclass(frozen=True)
class Page:
    """An answer."""

    status: int
    headers: Mapping[str, str]
    html: str
    cookies: tuple[str, ...] = ()
    wire_bytes: int = 0

    @property
    def words(self) -> str:
        """What a person reads: without tags, with single spaces."""
        text = re.sub(r"<(script|style|title).*?</\1>|<[^>]+>", " ", self.html, flags=re.S)
        return re.sub(r" ([:.,;])", r"\1", " ".join(unescape(text).split()))

    @property
    def token(self) -> str:
        found = re.search(r'name="token" value="([^"]+)"', self.html)
        return found[1] if found else ""

    def buttons(self, name: str) -> list[str]:
        """Return the values of the buttons with a name."""
        return [unescape(value) for value in re.findall(rf'<button name="{name}" value="([^"]+)"', self.html)]

    def field(self, name: str) -> str:
        found = re.search(rf'name="{name}" value="([^"]*)"', self.html)
        assert found, f"no field {name}"
        return unescape(found[1])


@dataclass
class Visitor:
    """A browser: keeps cookies, sends forms with their token, follows no redirect by itself."""

    handler: Handler
    cookies: dict[str, str] = field(default_factory=dict)
    token: str = ""

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Page:
        return self._ask("GET", url, headers or {})

    def post(
        self,
        url: str,
        fields: Mapping[str, str] | None = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Page:
        """Send a form, as a page of ours would unless a header says otherwise."""
        sent = {"token": self.token if token is None else token, **(fields or {})}
        usual = {"origin": ORIGIN, "sec-fetch-site": "same-origin"}
        content_type = {"content-type": "application/x-www-form-urlencoded"}
        merged = {**content_type, **usual, **(headers or {})}
        return self._ask("POST", url, merged, urlencode(sent).encode())

    def follow(self, page: Page) -> Page:
        assert page.status == 303, (page.status, page.words)
        return self.get(page.headers["location"])

    def sign_in(self, username: str, password: str = PASSWORD) -> Page:
        return self.post("/app/login", {"username": username, "password": password})

    def _ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Page:
        parts = urlsplit(url)
        event = http_event(method, parts.path, query=parts.query, headers=headers, body=body)
        event["cookies"] = [f"{name}={value}" for name, value in self.cookies.items()]
        page = _page(self.handler(event, Context()))
        for line in page.cookies:
            for name, morsel in SimpleCookie(line).items():
                self.cookies.pop(name, None)
                if morsel.value and morsel["max-age"] != "0":
                    self.cookies[name] = morsel.value
        self.token = page.token or self.token
        return page


def _page(answer: Mapping[str, Any]) -> Page:
    body = answer.get("body", "")
    raw = base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode()
    headers = answer.get("headers") or {}
    plain = gzip.decompress(raw) if headers.get("content-encoding") == "gzip" else raw
    cookies = tuple(answer.get("cookies") or ())
    return Page(answer["statusCode"], headers, plain.decode(), cookies, len(raw))


def visitor(rig: ApiRig, role: Role, username: str = "") -> Visitor:
    """Return a browser in which somebody with a role is signed in."""
    name = username or f"{role.value}-person"
    if rig.services.users.find(name) is None:
        about = {"studies": ("study",)} if role is Role.STUDY else {}
        add_user(rig.services, name, PASSWORD, role, about=about)
    browser = Visitor(rig.handler)
    answer = browser.sign_in(name)
    assert answer.status == 303, answer.words
    return browser
