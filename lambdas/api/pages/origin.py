"""Whether a form was sent from one of our own pages. Pure.

Two proofs, both needed: the browser's own word (``Origin``, and ``Sec-Fetch-Site`` where it is sent), and a
token that only a page of the same session can have. The token differs on every page, so that a compressed
page tells nothing of it.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

SECURE_COOKIE: Final = "__Host-mwl-session"
"""Browsers take a cookie with this prefix only over https, for this host and the path ``/``."""
PLAIN_COOKIE: Final = "mwl-session"
SECURE_SIGN_ON_COOKIE: Final = "__Host-mwl-sign-on"
PLAIN_SIGN_ON_COOKIE: Final = "mwl-sign-on"
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def is_own_origin(origin: str, fetch_site: str, *, scheme: str, host: str) -> bool:
    """Tell whether a request that changes something comes from a page of ours.

    :param origin: the header ``Origin``; a browser sends it with every POST, so that none is a no.
    :param fetch_site: the header ``Sec-Fetch-Site``; empty: an older browser.
    :param host: the header ``Host``.
    """
    if fetch_site not in {"", "same-origin"}:
        return False
    return bool(host) and origin.lower() == f"{scheme}://{host}".lower()


def cookie_name(scheme: str, host: str) -> str:
    """Return the session cookie's name; empty where none may be set: http that leaves this machine."""
    if scheme == "https":
        return SECURE_COOKIE
    return PLAIN_COOKIE if urlsplit(f"//{host}").hostname in _LOOPBACK else ""


def sign_on_cookie(session_cookie: str) -> str:
    """Return the name of the cookie that a browser takes to the OpenID provider and back.

    :param session_cookie: the session cookie's name, which says how safe the way is.
    """
    return SECURE_SIGN_ON_COOKIE if session_cookie == SECURE_COOKIE else PLAIN_SIGN_ON_COOKIE


def form_token(secret: str, nonce: str) -> str:
    """Return the token for the forms of one page of a session.

    :param secret: of the session's cookie.
    :param nonce: fresh and random for every page.
    """
    return f"{nonce}.{_seal(secret, nonce)}"


def is_form_token(secret: str, token: str) -> bool:
    """Tell whether a token was made for this session."""
    nonce, _, seal = token.partition(".")
    return bool(nonce) and hmac.compare_digest(seal.encode(), _seal(secret, nonce).encode())


def shown_mark(secret: str, item_ids: Iterable[str]) -> str:
    """Return what says that a page of this session has shown these items, whose reading was written down."""
    return hmac.new(secret.encode(), f"shown {' '.join(sorted(item_ids))}".encode(), sha256).hexdigest()


def is_own_path(path: str) -> bool:
    """Tell whether a path leads to a page of the dashboard and nowhere else, however a browser reads it."""
    return path.startswith("/app/") and "\\" not in path and "//" not in path and path.isprintable()


def _seal(secret: str, nonce: str) -> str:
    return hmac.new(secret.encode(), f"form {nonce}".encode(), sha256).hexdigest()
