"""Signing in at the dashboard: the cookie, its limits, and forms that others send in somebody's name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import pytest

from lambdas.access.role import Role
from lambdas.api.accounts import add_user, set_password
from lambdas.api.pages.dashboard import MODULES
from lambdas.api.pages.origin import SECURE_COOKIE
from tests.rigs.api import PASSWORD, ApiRig, api, log_lines
from tests.rigs.pages import Page, Visitor, visitor
from tests.rigs.routes import served

READ, WRITE, ADMIN = Role.READ, Role.WRITE, Role.ADMIN
PAGES = {
    "/today": READ,
    "/find": READ,
    "/week": READ,
    "/items/{item_id}": READ,
    "/items/{item_id}/history": READ,
    "/unmatched": READ,
    "/password": READ,
    "/single-sign-on/again": READ,
    "/sources/{source_id}/form/{row}": READ,
    "/sources": ADMIN,
    "/sources/new": ADMIN,
    "/sources/{source_id}": ADMIN,
    "/relays": ADMIN,
    "/write-backs": ADMIN,
    "/accounts": ADMIN,
    "/audit": ADMIN,
    "/first-run": ADMIN,
    "/planned-and-done": READ,
    "/planned-and-done.csv": READ,
    "/notices": ADMIN,
    "/calendars": ADMIN,
    "/relays/{relay_id}/let-in": ADMIN,
    "/relays/{relay_id}/test": ADMIN,
}
FORMS = {
    "/logout": READ,
    "/password": READ,
    "/names": READ,
    "/find": READ,
    "/today/mark": WRITE,
    "/items/{item_id}/edit": WRITE,
    "/items/{item_id}/remove": WRITE,
    "/items/{item_id}/release": WRITE,
    "/items/{item_id}/restore": WRITE,
    "/items/{item_id}/complete": WRITE,
    "/items/{item_id}/reopen": WRITE,
    "/unmatched/candidates": READ,
    "/unmatched/link": WRITE,
    "/audit": ADMIN,
    "/sources/draft": ADMIN,
    "/sources/{source_id}/sync": ADMIN,
    "/relays/enroll": ADMIN,
    "/relays/{relay_id}/revoke": ADMIN,
    "/write-backs/retry": ADMIN,
    "/accounts/new": ADMIN,
    "/accounts/change": ADMIN,
    "/notices/new": ADMIN,
    "/notices/change": ADMIN,
    "/calendars/new": ADMIN,
    "/calendars/revoke": ADMIN,
    "/relays/{relay_id}/let-in": ADMIN,
    "/relays/{relay_id}/test": ADMIN,
    "/relays/{relay_id}/parked/{event_id}": ADMIN,
}
FOR_ANYBODY = {
    ("GET", "/login"),
    ("POST", "/login"),
    ("GET", "/static/{name}"),
    ("GET", "/single-sign-on"),
    ("GET", "/single-sign-on/return"),
}
ROUTES = [("GET", path, role) for path, role in PAGES.items()] + [
    ("POST", path, role) for path, role in FORMS.items()
]


@pytest.fixture(scope="module")
def rig() -> Iterator[ApiRig]:
    with api() as running:
        yield running


def test_the_tables_name_every_page() -> None:
    assert served(MODULES) == {(method, path) for method, path, _ in ROUTES} | FOR_ANYBODY


@cache
def signed_in(rig: ApiRig, role: Role) -> Visitor:
    """Return a browser that stays signed in, whatever it is asked to send."""
    browser = visitor(rig, role)
    browser.get("/app/today")
    return browser


def asked(rig: ApiRig, browser: Visitor, method: str, path: str) -> int:
    url = "/app" + re.sub(r"\{\w+\}", "none", path)
    if path == "/logout":
        signed_in.cache_clear()
    return (browser.get(url) if method == "GET" else browser.post(url)).status


@pytest.mark.parametrize(("method", "path", "role"), ROUTES)
def test_a_page_is_for_whom_the_table_says(rig: ApiRig, method: str, path: str, role: Role) -> None:
    nobody = Visitor(rig.handler)
    url = "/app" + re.sub(r"\{\w+\}", "none", path)
    answer = nobody.get(url) if method == "GET" else nobody.post(url)
    assert (answer.status, answer.headers["location"]) == (303, "/app/login")
    for who in Role:
        browser = signed_in(rig, who)
        assert (asked(rig, browser, method, path) == 403) is not who.covers(role)


@pytest.mark.parametrize("path", FORMS)
def test_every_form_needs_the_token_of_its_session(rig: ApiRig, path: str) -> None:
    browser, other = signed_in(rig, ADMIN), signed_in(rig, READ)
    url = "/app" + re.sub(r"\{\w+\}", "none", path)
    for token in ("", other.token):
        answer = browser.post(url, token=token)
        assert answer.status == 403
        assert "from an earlier session" in answer.words


@pytest.mark.parametrize("path", [*FORMS, "/login"])
def test_no_form_is_taken_from_another_site(rig: ApiRig, path: str) -> None:
    browser = signed_in(rig, ADMIN)
    url = "/app" + re.sub(r"\{\w+\}", "none", path)
    for headers in (
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"origin": ""},
    ):
        answer = browser.post(url, headers=headers)
        assert answer.status == 403
        assert "not sent from this site" in answer.words


def session_cookies(page: Page) -> list[str]:
    """Return the cookies that are set, but for the one that marks a device."""
    return [line for line in page.cookies if not line.startswith("mwl_device=")]


def test_the_cookie_is_for_this_host_https_and_no_script(rig: ApiRig) -> None:
    add_user(rig.services, "cookie", PASSWORD, READ)
    [line] = session_cookies(Visitor(rig.handler).sign_in("cookie"))
    name, _, rest = line.partition("=")
    assert name == SECURE_COOKIE
    assert {part.strip().lower() for part in rest.split(";")[1:]} == {
        "httponly",
        "secure",
        "samesite=strict",
        "path=/",
    }


def test_on_this_machine_http_is_enough_and_elsewhere_it_is_refused(rig: ApiRig) -> None:
    add_user(rig.services, "local", PASSWORD, READ)
    here = {"host": "localhost:8000", "x-forwarded-proto": "http", "origin": "http://localhost:8000"}
    fields = {"username": "local", "password": PASSWORD}
    [line] = session_cookies(Visitor(rig.handler).post("/app/login", fields, headers=here))
    assert line.startswith("mwl-session=")
    assert "secure" not in line.lower()
    away = {"host": "mwl.example.org", "x-forwarded-proto": "http", "origin": "http://mwl.example.org"}
    refused = Visitor(rig.handler).post("/app/login", fields, headers=away)
    assert (refused.status, refused.cookies) == (403, ())
    assert "https" in refused.words


def test_a_wrong_password_is_told_like_a_wrong_name(rig: ApiRig) -> None:
    add_user(rig.services, "guessed", PASSWORD, READ)
    wrong = Visitor(rig.handler).sign_in("guessed", "no such thing at all")
    unknown = Visitor(rig.handler).sign_in("nobody", "no such thing at all")
    assert wrong.status == unknown.status == 401
    assert wrong.html == unknown.html
    assert wrong.cookies == unknown.cookies == ()


def test_guessing_is_slowed_down(rig: ApiRig) -> None:
    browser = Visitor(rig.handler)
    statuses = [browser.sign_in("throttled", "x").status for _ in range(12)]
    assert statuses[-1] == 429
    assert "Too many attempts" in browser.sign_in("throttled", "x").words


def test_every_answer_forbids_what_no_page_needs(rig: ApiRig) -> None:
    browser = visitor(rig, ADMIN)
    for url in ("/app/today", "/app/login", "/app/none", "/app/static/app.css"):
        headers = browser.get(url).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none';")
        assert "unsafe" not in policy
        assert "http" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
    assert browser.get("/app/today").headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", [path for path in PAGES if "{" not in path])
def test_no_page_has_a_script_or_a_style_of_its_own(rig: ApiRig, path: str) -> None:
    html = signed_in(rig, ADMIN).get(f"/app{path}").html
    assert re.findall(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=|javascript:", html) == []
    assert re.findall(r"""(?:src|href|action)=["'](?!/app|#)[^"']*""", html) == []


def test_a_session_ends_when_it_is_not_used(rig: ApiRig) -> None:
    browser = visitor(rig, READ, "idle")
    for _ in range(3):
        rig.clock.advance(50 * 60)
        assert browser.get("/app/today").status == 200
    rig.clock.advance(61 * 60)
    assert browser.follow(browser.get("/app/today")).status == 200
    assert browser.get("/app/today").headers["location"] == "/app/login"


def test_a_page_that_renews_itself_keeps_no_session_alive(rig: ApiRig) -> None:
    browser = visitor(rig, READ, "renewing")
    for _ in range(6):
        rig.clock.advance(9 * 60)
        assert browser.get("/app/today", headers={"hx-request": "true"}).status == 200
    rig.clock.advance(9 * 60)
    ended = browser.get("/app/today", headers={"hx-request": "true"})
    assert (ended.status, ended.headers["hx-redirect"]) == (204, "/app/login")


def test_a_session_ends_after_the_longest_time(rig: ApiRig) -> None:
    browser = visitor(rig, READ, "long")
    for _ in range(14):
        rig.clock.advance(50 * 60)
        assert browser.get("/app/today").status == 200
    rig.clock.advance(50 * 60)
    assert browser.get("/app/today").status == 303


def test_signing_out_ends_the_session_also_for_who_kept_the_cookie(rig: ApiRig) -> None:
    browser = visitor(rig, READ)
    browser.get("/app/today")
    kept = dict(browser.cookies)
    assert browser.post("/app/logout").status == 303
    assert SECURE_COOKIE not in browser.cookies
    assert Visitor(rig.handler, kept).get("/app/today").status == 303


def test_a_new_password_and_a_disabled_account_end_sessions(rig: ApiRig) -> None:
    browser = visitor(rig, READ, "changed")
    assert browser.get("/app/today").status == 200
    set_password(rig.services, "changed", "another long password")
    assert browser.get("/app/today").status == 303
    other = visitor(rig, READ, "disabled")
    rig.services.users.change("disabled", disabled=True)
    assert other.get("/app/today").status == 303


def test_signing_in_again_begins_a_new_session_and_ends_the_old(rig: ApiRig) -> None:
    browser = visitor(rig, READ)
    before = dict(browser.cookies)
    browser.sign_in("read-person")
    assert browser.cookies != before
    assert Visitor(rig.handler, before).get("/app/today").status == 303


def test_the_secret_of_a_cookie_is_not_in_the_table(rig: ApiRig) -> None:
    browser = visitor(rig, READ)
    secret = browser.cookies[SECURE_COOKIE]
    rows = [f"{row.pk} {row.sk} {row.body}" for row in rig.cloud.tables.account.scan()]
    assert any(row.startswith("SESSIONS ") for row in rows)
    assert not any(secret in row for row in rows)


def test_what_only_admins_do_asks_for_the_password_again(rig: ApiRig) -> None:
    browser = visitor(rig, ADMIN, "prover")
    browser.get("/app/relays")
    rig.clock.advance(16 * 60)
    assert browser.post("/app/relays/enroll", {"site": "north"}).headers["location"] == "/app/password"
    assert browser.post("/app/password", {"password": "wrong, wrong"}).status == 401
    proved = browser.post("/app/password", {"password": PASSWORD})
    assert "not carried out" in browser.follow(proved).words
    assert "mwl-relay enroll" in browser.post("/app/relays/enroll", {"site": "north"}).words


def test_a_screen_that_others_see_shows_no_names(rig: ApiRig) -> None:
    browser = visitor(rig, READ)
    browser.get("/app/week")
    back = browser.post("/app/names", {"hide": "yes", "back": "/app/week"})
    assert back.headers["location"] == "/app/week"
    assert "Show names" in browser.follow(back).words
    elsewhere = browser.post("/app/names", {"hide": "no", "back": "//evil.example/"})
    assert elsewhere.headers["location"] == "/app/today"


def test_no_log_line_names_who_is_looked_for(rig: ApiRig) -> None:
    with log_lines() as lines:
        browser = visitor(rig, READ)
        browser.get("/app/find")
        browser.post("/app/find", {"who": "Nunez", "site": ""})
    assert lines
    assert not any("Nunez" in str(line) for line in lines)


def test_a_form_that_is_none_is_refused(rig: ApiRig) -> None:
    browser = visitor(rig, READ)
    assert browser.post("/app/find", headers={"content-type": "application/json"}).status == 422
    many = {f"f{number}": "" for number in range(200)}
    assert browser.post("/app/find", many).status == 422


def test_browsers_are_led_to_the_dashboard_and_programs_are_not(rig: ApiRig) -> None:
    browser = Visitor(rig.handler)
    assert browser.get("/", {"accept": "text/html,*/*"}).headers["location"] == "/app/today"
    assert browser.get("/app").headers["location"] == "/app/today"
    program = browser.get("/", {"accept": "application/json"})
    assert (program.status, program.headers["content-type"]) == (404, "application/problem+json")


def test_static_files_may_be_kept_and_nothing_else_is_served(rig: ApiRig) -> None:
    browser = visitor(rig, READ)
    html = browser.get("/app/today").html
    for address in re.findall(r'"(/app/static/[^"]+)"', html):
        answer = browser.get(address)
        assert answer.status == 200
        assert "immutable" in answer.headers["cache-control"]
    for name in ("..%2frendering.py", "LICENSES.md", "none.css"):
        assert browser.get(f"/app/static/{name}").status == 404
