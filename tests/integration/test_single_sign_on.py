"""Single sign-on with a real OpenID provider: at the dashboard and for programs, and who is kept out."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa

from lambdas.access.role import Role
from lambdas.access.single_sign_on.provider import OpenIdProvider
from lambdas.api.accounts import add_user
from lambdas.api.pages.origin import SECURE_COOKIE
from lambdas.store.accounts.people import User
from tests.rigs.api import PASSWORD, ApiRig, api, log_lines
from tests.rigs.open_id import CLIENT, OpenIdRig, open_id
from tests.rigs.pages import Page, Visitor
from tests.rigs.patience import PATIENCE

CLIENT_SECRET = "what-the-provider-gave-us"


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenIdRig]:
    with open_id() as running:
        running.know(
            "s1", preferred_username="Sam.Staff", name="Sam", email="sam@example.org", groups=["mri-staff"]
        )
        running.know("a1", preferred_username="ada", groups=["mri-admins", "readers"])
        running.know("r1", preferred_username="rita", groups="readers")
        running.know("x1", preferred_username="xaver", groups=["cafeteria"])
        running.know("t1", preferred_username="taken", groups=["mri-admins"])
        yield running


@pytest.fixture(scope="module")
def rig(provider: OpenIdRig) -> Iterator[ApiRig]:
    with api(None, **provider.environment) as running:
        running.cloud.secrets.create_secret(
            Name="open-id-client", SecretString=json.dumps({"client_secret": CLIENT_SECRET})
        )
        running.clock.seconds = time.time()  # the provider's
        yield running


@pytest.fixture(autouse=True)
def now(rig: ApiRig) -> None:
    rig.clock.seconds = time.time()


def departed(rig: ApiRig, path: str = "", browser: Visitor | None = None) -> tuple[Visitor, str]:
    """Return a browser that was sent to the provider, and where to."""
    visitor = browser or Visitor(rig.handler)
    answer = visitor.get(f"/app/single-sign-on{path}")
    assert answer.status == 303, answer.words
    return visitor, answer.headers["location"]


def returned(browser: Visitor, location: str) -> Page:
    """Come back from the provider: the browser sends no cookie that is for its own site's pages only."""
    parts = urlsplit(location)
    kept = browser.cookies.pop(SECURE_COOKIE, "")
    answer = browser.get(f"{parts.path}?{parts.query}")
    if kept and SECURE_COOKIE not in browser.cookies:
        browser.cookies[SECURE_COOKIE] = kept
    return answer


def signed_on(rig: ApiRig, provider: OpenIdRig, sub: str) -> Visitor:
    browser, address = departed(rig)
    answer = returned(browser, provider.consent(address, sub))
    assert answer.status == 200, answer.words
    return browser


def account(rig: ApiRig, username: str) -> User:
    user = rig.services.users.find(username)
    assert user is not None
    return user


def test_who_the_provider_vouches_for_is_signed_in(rig: ApiRig, provider: OpenIdRig) -> None:
    browser = signed_on(rig, provider, "s1")
    assert "Signed in as sam.staff (write)" in browser.get("/app/today").words


def test_the_account_has_the_rights_of_the_persons_groups(rig: ApiRig, provider: OpenIdRig) -> None:
    signed_on(rig, provider, "s1")
    user = account(rig, "sam.staff")
    assert (user.role, user.sites, user.email, user.full_name) == (
        Role.WRITE,
        ("north",),
        "sam@example.org",
        "Sam",
    )


def test_rights_follow_the_groups_at_the_next_sign_on(rig: ApiRig, provider: OpenIdRig) -> None:
    provider.know("m1", preferred_username="mover", groups=["mri-staff"])
    signed_on(rig, provider, "m1")
    provider.know("m1", preferred_username="mover", groups=["readers"])
    signed_on(rig, provider, "m1")
    assert (account(rig, "mover").role, account(rig, "mover").sites) == (Role.READ, ())


def test_the_way_to_the_provider_carries_what_protects_it(rig: ApiRig) -> None:
    browser, address = departed(rig)
    asked = dict(parse_qsl(urlsplit(address).query))
    assert asked["code_challenge_method"] == "S256"
    assert (asked["client_id"], asked["response_type"]) == (CLIENT, "code")
    assert asked["redirect_uri"] == "https://api.example.org/app/single-sign-on/return"
    assert len(asked["state"]) >= 32
    assert len(asked["nonce"]) >= 32
    assert list(browser.cookies) == ["__Host-mwl-sign-on"]


def test_the_sign_in_page_offers_it_only_where_there_is_a_provider(rig: ApiRig) -> None:
    assert "organisation's account" in Visitor(rig.handler).get("/app/login").words
    without = rig.otherwise(open_id_provider=None)
    browser = Visitor(without.handler)
    assert "organisation's account" not in browser.get("/app/login").words
    assert browser.get("/app/single-sign-on").status == 404
    assert without.anybody.post("/auth/exchange", json={"id_token": "x"}).status == 404


def refused(browser: Visitor, location: str) -> Page:
    answer = returned(browser, location)
    assert answer.status in {401, 403}, answer.words
    assert "You could not be signed in" in answer.words
    assert SECURE_COOKIE not in browser.cookies
    return answer


def test_an_answer_for_another_browser_signs_nobody_in(rig: ApiRig, provider: OpenIdRig) -> None:
    _, address = departed(rig)
    location = provider.consent(address, "a1")
    victim, _ = departed(rig)
    refused(victim, location)
    refused(Visitor(rig.handler), location)


def test_an_answer_with_another_state_signs_nobody_in(rig: ApiRig, provider: OpenIdRig) -> None:
    browser, address = departed(rig)
    refused(browser, provider.consent(address, "a1", state="guessed"))


def test_an_answer_counts_once(rig: ApiRig, provider: OpenIdRig) -> None:
    browser, address = departed(rig)
    cookies = dict(browser.cookies)
    location = provider.consent(address, "a1")
    assert returned(browser, location).status == 200
    refused(Visitor(rig.handler, cookies), location)


def test_an_answer_that_comes_too_late_signs_nobody_in(rig: ApiRig, provider: OpenIdRig) -> None:
    browser, address = departed(rig)
    location = provider.consent(address, "a1")
    rig.clock.advance(601)
    refused(browser, location)


def test_a_token_with_another_nonce_signs_nobody_in(rig: ApiRig, provider: OpenIdRig) -> None:
    browser, address = departed(rig)
    refused(browser, provider.consent(address, "a1", nonce="of-an-earlier-sign-on"))


def test_a_code_for_another_client_signs_nobody_in(rig: ApiRig, provider: OpenIdRig) -> None:
    browser, address = departed(rig)
    refused(browser, provider.consent(address, "a1", client_id="another"))


def test_an_answer_of_another_provider_signs_nobody_in(rig: ApiRig, provider: OpenIdRig) -> None:
    browser, address = departed(rig)
    refused(browser, provider.consent(address, "a1") + "&iss=https%3A%2F%2Fevil.example")


def test_who_presses_deny_is_not_signed_in(rig: ApiRig, provider: OpenIdRig) -> None:
    browser, address = departed(rig)
    refused(browser, provider.refuse(address))


def test_who_is_in_no_group_that_may_is_not_signed_in(rig: ApiRig, provider: OpenIdRig) -> None:
    browser, address = departed(rig)
    assert "None of your groups" in refused(browser, provider.consent(address, "x1")).words
    assert rig.services.users.find("xaver") is None


def test_nobody_takes_over_an_account_with_a_password(rig: ApiRig, provider: OpenIdRig) -> None:
    add_user(rig.services, "taken", PASSWORD, Role.READ)
    browser, address = departed(rig)
    assert "another account" in refused(browser, provider.consent(address, "t1")).words
    assert account(rig, "taken").role is Role.READ


def test_nobody_takes_over_the_account_of_a_namesake(rig: ApiRig, provider: OpenIdRig) -> None:
    provider.know("n1", preferred_username="namesake", groups=["readers"])
    signed_on(rig, provider, "n1")
    provider.know("n2", preferred_username="namesake", groups=["mri-admins"])
    browser, address = departed(rig)
    refused(browser, provider.consent(address, "n2"))
    assert account(rig, "namesake").role is Role.READ


def test_a_disabled_account_stays_out(rig: ApiRig, provider: OpenIdRig) -> None:
    signed_on(rig, provider, "r1")
    rig.services.users.change("rita", disabled=True)
    browser, address = departed(rig)
    refused(browser, provider.consent(address, "r1"))
    rig.services.users.change("rita", disabled=False)


def test_such_an_account_has_no_password_and_gets_none(rig: ApiRig, provider: OpenIdRig) -> None:
    signed_on(rig, provider, "r1")
    for guess in ("", "no such thing at all"):
        body = {"username": "rita", "password": guess}
        assert rig.anybody.post("/auth/login", json=body).status == 401
    given = rig.user(Role.ADMIN).put("/users/rita", json={"password": PASSWORD})
    assert given.status == 422
    assert rig.user(Role.ADMIN).get("/users/rita").json()["single_sign_on"] is True


def test_what_only_admins_do_asks_the_provider_once_more(rig: ApiRig, provider: OpenIdRig) -> None:
    browser = signed_on(rig, provider, "a1")
    before = dict(browser.cookies)
    browser.get("/app/relays")
    rig.clock.advance(16 * 60)
    assert browser.post("/app/relays/enroll", {"site": "north"}).headers["location"] == "/app/password"
    assert "organisation's account" in browser.get("/app/password").words
    rig.clock.seconds = time.time()
    browser, address = departed(rig, "/again", browser)
    asked = dict(parse_qsl(urlsplit(address).query))
    assert (asked["prompt"], asked["max_age"]) == ("login", "0")
    assert returned(browser, provider.consent(address, "a1")).status == 200
    browser.get("/app/relays")
    assert "mwl-relay enroll" in browser.post("/app/relays/enroll", {"site": "north"}).words
    assert Visitor(rig.handler, before).get("/app/today").status == 303


def test_sign_ons_and_refusals_are_in_the_audit(rig: ApiRig, provider: OpenIdRig) -> None:
    signed_on(rig, provider, "s1")
    browser, address = departed(rig)
    refused(browser, provider.consent(address, "x1"))
    records = rig.user(Role.ADMIN).get("/audit?kind=login").json()
    told = {(record["action"], record["actor"]) for record in records}
    assert ("logged-in", "sam.staff") in told
    assert ("login-failed", "") in told


def test_no_log_line_has_a_code_a_token_or_a_name(rig: ApiRig, provider: OpenIdRig) -> None:
    with log_lines() as lines:
        browser, address = departed(rig)
        location = provider.consent(address, "s1")
        assert returned(browser, location).status == 200
    code = dict(parse_qsl(urlsplit(location).query))["code"]
    assert lines
    assert not any(word in str(lines) for word in (code, "sam.staff", CLIENT_SECRET))


# ------------------------------------------------------------- for programs


def exchanged(rig: ApiRig, token: str) -> int:
    return int(rig.anybody.post("/auth/exchange", json={"id_token": token}).status)


def test_a_program_exchanges_an_id_token_once(rig: ApiRig, provider: OpenIdRig) -> None:
    token = provider.id_token("s1")
    answer = rig.anybody.post("/auth/exchange", json={"id_token": token, "access_token_expire_minutes": 5})
    assert (answer.status, answer.json()["expires_in"]) == (200, 300)
    me = rig.anybody.bearing(answer.json()["access_token"]).get("/users/me").json()
    assert (me["username"], me["role"], me["sites"]) == ("sam.staff", "write", ["north"])
    assert exchanged(rig, token) == 401


def test_a_token_for_a_client_that_is_not_named_is_refused(rig: ApiRig, provider: OpenIdRig) -> None:
    assert exchanged(rig, provider.id_token("a1", client=CLIENT)) == 401


def test_an_old_token_is_refused(rig: ApiRig, provider: OpenIdRig) -> None:
    token = provider.id_token("a1")
    rig.clock.advance(11 * 60)
    assert exchanged(rig, token) == 401
    rig.clock.advance(3 * 3600)
    assert exchanged(rig, token) == 401


def part(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def forgeries(genuine: str, public_key: str) -> dict[str, str]:
    head, claims, signature = genuine.split(".")
    says = jwt.decode(genuine, options={"verify_signature": False})
    kid = jwt.get_unverified_header(genuine).get("kid", "")
    own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    body = part({**says, "groups": ["mri-admins"]})
    return {
        "alg none": f"{part({'alg': 'none'})}.{claims}.",
        "another key": jwt.encode(says, own, algorithm="RS256", headers={"kid": kid}),
        "the public key as a secret": jwt.encode(says, public_key, algorithm="HS256", headers={"kid": kid}),
        "other claims": f"{head}.{body}.{signature}",
        "no token": "x",
        "three empty parts": "..",
    }


@pytest.mark.parametrize(
    "kind",
    [
        "alg none",
        "another key",
        "the public key as a secret",
        "other claims",
        "no token",
        "three empty parts",
    ],
)
def test_a_forged_token_is_refused(rig: ApiRig, provider: OpenIdRig, kind: str) -> None:
    key = requests.get(f"{provider.issuer}/jwks", timeout=PATIENCE).json()["keys"][0]["n"]
    assert exchanged(rig, forgeries(provider.id_token("r1"), key)[kind]) == 401


def at(rig: ApiRig, issuer: str) -> ApiRig:
    """Return the API with its provider at another address."""
    settings = rig.services.settings.model_copy(update={"oidc_issuer": issuer})
    return rig.otherwise(open_id_provider=OpenIdProvider(settings, secret=dict, now=rig.clock))


def test_a_provider_that_does_not_answer_is_told_as_such(rig: ApiRig) -> None:
    away = at(rig, "http://127.0.0.1:1")
    answer = Visitor(away.handler).get("/app/single-sign-on")
    assert answer.status == 503
    assert "OpenID provider could not be reached" in answer.words
    assert away.anybody.post("/auth/exchange", json={"id_token": "x"}).status == 503


def test_a_provider_that_calls_itself_otherwise_is_not_believed(rig: ApiRig, provider: OpenIdRig) -> None:
    otherwise = at(rig, f"{provider.issuer}/")
    assert Visitor(otherwise.handler).get("/app/single-sign-on").status == 503


def test_a_secret_that_is_missing_is_our_fault_and_told_as_such(rig: ApiRig, provider: OpenIdRig) -> None:
    otherwise = at(rig, provider.issuer)
    browser, address = departed(otherwise)
    assert returned(browser, provider.consent(address, "s1")).status == 503
