"""A form counts only if the browser says it is from here, and if it carries a token of the session."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.api.pages.origin import (
    PLAIN_COOKIE,
    SECURE_COOKIE,
    cookie_name,
    form_token,
    is_form_token,
    is_own_origin,
    is_own_path,
)

HERE = {"scheme": "https", "host": "mwl.example.org"}


@pytest.mark.parametrize(
    ("origin", "fetch_site", "own"),
    [
        ("https://mwl.example.org", "same-origin", True),
        ("https://mwl.example.org", "", True),
        ("https://MWL.example.org", "", True),
        ("", "same-origin", False),
        ("null", "same-origin", False),
        ("http://mwl.example.org", "", False),
        ("https://mwl.example.org.evil.example", "", False),
        ("https://evil.example", "same-origin", False),
        ("https://mwl.example.org", "cross-site", False),
        ("https://mwl.example.org", "same-site", False),
        ("https://mwl.example.org", "none", False),
    ],
)
def test_only_our_own_pages_may_send_forms(origin: str, fetch_site: str, own: bool) -> None:
    assert is_own_origin(origin, fetch_site, **HERE) is own


def test_a_request_without_a_host_is_not_from_here() -> None:
    assert not is_own_origin("https://", "", scheme="https", host="")


@pytest.mark.parametrize(
    ("scheme", "host", "name"),
    [
        ("https", "mwl.example.org", SECURE_COOKIE),
        ("https", "localhost", SECURE_COOKIE),
        ("http", "localhost:8000", PLAIN_COOKIE),
        ("http", "127.0.0.1:8000", PLAIN_COOKIE),
        ("http", "[::1]:8000", PLAIN_COOKIE),
        ("http", "mwl.example.org", ""),
        ("http", "localhost.example.org", ""),
        ("http", "", ""),
    ],
)
def test_a_cookie_travels_in_the_clear_on_this_machine_only(scheme: str, host: str, name: str) -> None:
    assert cookie_name(scheme, host) == name


SECRETS = st.text(min_size=1, max_size=50)


@given(secret=SECRETS, nonce=st.from_regex(r"[0-9a-f]{1,32}", fullmatch=True))
def test_a_token_of_the_session_is_taken(secret: str, nonce: str) -> None:
    assert is_form_token(secret, form_token(secret, nonce))


@given(secret=SECRETS, other=SECRETS, token=st.text(max_size=80))
def test_no_other_token_is_taken(secret: str, other: str, token: str) -> None:
    assert not is_form_token(secret, token)
    if secret != other:
        assert not is_form_token(secret, form_token(other, "1"))


def test_every_page_has_a_token_of_its_own() -> None:
    assert form_token("secret", "1") != form_token("secret", "2")


@pytest.mark.parametrize(
    ("path", "own"),
    [
        ("/app/today", True),
        ("/app/items/4f", True),
        ("https://evil.example/app/", False),
        ("//evil.example/app/", False),
        ("/app//evil.example", False),
        ("/app/\\evil.example", False),
        ("/app/\r\nSet-Cookie: a=b", False),
        ("/worklist", False),
        ("", False),
    ],
)
def test_a_form_leads_back_to_pages_of_ours_only(path: str, own: bool) -> None:
    assert is_own_path(path) is own
