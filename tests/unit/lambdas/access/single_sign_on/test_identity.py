"""Whom the claims of an ID token are about."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.access.role import Role
from lambdas.access.single_sign_on.group_rights import GroupRights, Rights
from lambdas.access.single_sign_on.identity import Identity, identity_of
from lambdas.access.single_sign_on.settings import SignOnSettings
from lambdas.access.unauthenticated import Unauthenticated
from shared.errors import Forbidden

SETTINGS = SignOnSettings(
    oidc_issuer="https://id.example.org",
    oidc_client_id="dashboard",
    oidc_client_secret_id="arn",
    oidc_groups=(GroupRights(group="g", role=Role.READ),),
)
CLAIMS: dict[str, Any] = {
    "sub": "1",
    "preferred_username": "ann",
    "groups": ["g", "h"],
    "email": "ann@example.org",
    "name": "Ann",
    "auth_time": 12,
}


def test_claims_become_an_identity() -> None:
    assert identity_of(CLAIMS, SETTINGS) == Identity(
        subject="https://id.example.org 1",
        username="ann",
        rights=Rights(Role.READ),
        email="ann@example.org",
        full_name="Ann",
        proved_at=12.0,
    )


@pytest.mark.parametrize("groups", ["g", ["g"], ["g", 7, None]])
def test_groups_come_as_a_list_or_as_one(groups: object) -> None:
    assert identity_of({**CLAIMS, "groups": groups}, SETTINGS).rights.role is Role.READ


@pytest.mark.parametrize("groups", [None, [], "h", [["g"]], {"g": True}, "g h", 7])
def test_who_is_in_none_of_the_groups_may_not(groups: object) -> None:
    with pytest.raises(Forbidden, match="none of your groups"):
        identity_of({**CLAIMS, "groups": groups}, SETTINGS)


@pytest.mark.parametrize("sub", [None, "", 7, "x" * 256])
def test_a_token_without_a_subject_is_nobodys(sub: object) -> None:
    with pytest.raises(Unauthenticated):
        identity_of({**CLAIMS, "sub": sub}, SETTINGS)


def test_an_address_that_was_not_verified_is_no_username() -> None:
    by_mail = SETTINGS.model_copy(update={"oidc_username_claim": "email"})
    assert identity_of(CLAIMS, by_mail).username == "ann@example.org"
    with pytest.raises(Forbidden):
        identity_of({**CLAIMS, "email_verified": False}, by_mail)


def test_who_does_not_tell_when_it_was_proved_has_not_proved_it() -> None:
    assert identity_of({**CLAIMS, "auth_time": None}, SETTINGS).proved_at == 0.0
    assert identity_of({**CLAIMS, "auth_time": True}, SETTINGS).proved_at == 0.0


VALUES = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text() | st.integers())


@given(st.dictionaries(st.sampled_from(list(CLAIMS)), VALUES))
def test_whatever_a_provider_says_there_is_an_identity_or_a_refusal(claims: dict[str, Any]) -> None:
    try:
        found = identity_of({**CLAIMS, **claims}, SETTINGS)
    except Forbidden:
        return
    assert found.rights.role is Role.READ
    assert len(found.email) <= 254
    assert found.full_name.isprintable()
