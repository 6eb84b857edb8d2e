"""Which web pages may call the API (CORS): the predecessor's ``api.cors_*``. Pure.

Methods and headers have defaults that fit the API, see `lambdas.api.settings`.
"""

from __future__ import annotations

import re

from infra.pylantir.findings import Finding, Outcome, Section

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?")
_OUR_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OUR_HEADERS = frozenset({"Authorization", "Content-Type", "If-Match", "If-None-Match", "Idempotency-Key"})


def read_cors(top: Section) -> tuple[tuple[str, ...], list[Finding]]:
    """Return the origins that may be taken from ``api``, and what became of each of its keys."""
    findings: list[Finding] = []
    api = top.section("api")
    if api is None:
        return (), findings
    origins = api.texts("cors_allowed_origins")
    legal = tuple(origin for origin in origins if _ORIGIN.fullmatch(origin.rstrip("/")))
    if "cors_allowed_origins" in api:
        said = "template parameter CorsAllowedOrigins"
        left = [origin for origin in origins if origin not in legal]
        if left:
            said += "; left out, because an origin is https://host and no more, and * lets every page in: "
            said += ", ".join(left)
        outcome = Outcome.DECIDE if left else Outcome.TAKEN
        findings.append(Finding(api.path("cors_allowed_origins"), outcome, said))
    if "cors_allow_credentials" in api:
        api.value("cors_allow_credentials")
        said = (
            "tokens travel in the Authorization header, which needs no credentials mode; there are no cookies"
        )
        findings.append(Finding(api.path("cors_allow_credentials"), Outcome.UNNEEDED, said))
    findings += _fixed(api, "cors_allow_methods", "CorsAllowMethods", _OUR_METHODS)
    findings += _fixed(api, "cors_allow_headers", "CorsAllowHeaders", _OUR_HEADERS)
    findings += api.unread()
    return tuple(dict.fromkeys(origin.rstrip("/") for origin in legal)), findings


def _fixed(api: Section, key: str, parameter: str, ours: frozenset[str]) -> list[Finding]:
    if key not in api:
        return []
    known = {each.casefold() for each in ours} | {"*"}
    more = [each for each in api.texts(key) if each.casefold() not in known]
    said = f"template parameter {parameter}; by default an allowed origin may use {', '.join(sorted(ours))}"
    if more:
        return [Finding(api.path(key), Outcome.DECIDE, f"{said}; not {', '.join(more)}")]
    return [Finding(api.path(key), Outcome.UNNEEDED, said)]
