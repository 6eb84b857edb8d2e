"""The settings of single sign-on: none, or all that are needed."""

from __future__ import annotations

import pytest

from lambdas.access.single_sign_on.settings import SignOnSettings, is_safe_address
from lambdas.settings import load
from shared.errors import Rejected

WHOLE = {
    "OIDC_ISSUER": "https://id.example.org",
    "OIDC_CLIENT_ID": "dashboard",
    "OIDC_CLIENT_SECRET_ID": "arn",
    "OIDC_GROUPS": '[{"group": "g", "role": "read"}]',
}


def loaded(monkeypatch: pytest.MonkeyPatch, **changed: str) -> SignOnSettings:
    for name, value in {**WHOLE, **changed}.items():
        monkeypatch.setenv(name, value)
    return load(SignOnSettings)


def test_without_an_issuer_nothing_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    left = {name: "" for name in WHOLE} | {"OIDC_GROUPS": "[]"}
    assert loaded(monkeypatch, **left).oidc_groups == ()


def test_groups_are_read_from_json(monkeypatch: pytest.MonkeyPatch) -> None:
    (rights,) = loaded(monkeypatch).oidc_groups
    assert (rights.group, rights.role, rights.sites) == ("g", "read", ())


@pytest.mark.parametrize("name", ["OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET_ID"])
def test_with_an_issuer_the_others_are_needed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with pytest.raises(Rejected, match=name):
        loaded(monkeypatch, **{name: ""})


@pytest.mark.parametrize(
    "text", ["", "mri=admin", "{}", '[{"group": "g"}]', '[{"group": "g", "role": "boss"}]']
)
def test_groups_that_cannot_be_read_are_named(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    with pytest.raises(Rejected, match="OIDC_GROUPS"):
        loaded(monkeypatch, OIDC_GROUPS=text)


def test_no_groups_is_no_sign_on_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Rejected, match="OIDC_GROUPS"):
        loaded(monkeypatch, OIDC_GROUPS="[]")


@pytest.mark.parametrize(
    ("address", "safe"),
    [
        ("https://id.example.org/realm", True),
        ("http://127.0.0.1:8080", True),
        ("http://localhost:8080", True),
        ("http://id.example.org", False),
        ("http://localhost.evil.example", False),
        ("https://", False),
        ("ftp://localhost", False),
        ("", False),
    ],
)
def test_only_what_cannot_be_overheard_is_safe(address: str, safe: bool) -> None:
    assert is_safe_address(address) is safe


def test_an_issuer_that_can_be_overheard_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Rejected, match="https://"):
        loaded(monkeypatch, OIDC_ISSUER="http://id.example.org")
