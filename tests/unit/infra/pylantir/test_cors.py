"""Which of pylantir's CORS settings come along, and what is said of the others."""

from __future__ import annotations

from typing import Any

import pytest

from infra.pylantir.cors import read_cors
from infra.pylantir.findings import Finding, Outcome, Section


def read(**api: Any) -> tuple[tuple[str, ...], dict[str, Finding]]:
    origins, findings = read_cors(Section({"api": api}))
    return origins, {finding.key: finding for finding in findings}


@pytest.mark.parametrize(
    ("written", "taken"),
    [
        ("https://a.example.org", "https://a.example.org"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("https://a.example.org/", "https://a.example.org"),
        ("*", ""),
        ("https://a.example.org/page", ""),
        ("https://*.example.org", ""),
        ("a.example.org", ""),
        ("https://a.example.org:123456", ""),
    ],
)
def test_an_origin_is_a_scheme_and_a_host_and_no_more(written: str, taken: str) -> None:
    origins, said = read(cors_allowed_origins=[written])
    assert origins == ((taken,) if taken else ())
    outcome = said["api.cors_allowed_origins"].outcome
    assert outcome is (Outcome.TAKEN if taken else Outcome.DECIDE)


def test_what_is_left_out_is_named_and_what_is_twice_is_taken_once() -> None:
    origins, said = read(cors_allowed_origins=["https://a.org", "*", "https://a.org/"])
    assert origins == ("https://a.org",)
    assert said["api.cors_allowed_origins"].said.endswith(": *")


def test_methods_and_headers_we_have_are_not_needed_and_others_are_to_be_decided() -> None:
    _, said = read(cors_allow_methods=["get", "*"], cors_allow_headers=["authorization", "X-API-Key"])
    assert said["api.cors_allow_methods"].outcome is Outcome.UNNEEDED
    assert said["api.cors_allow_headers"].outcome is Outcome.DECIDE
    assert "not X-API-Key" in said["api.cors_allow_headers"].said


def test_credentials_are_not_needed_and_unknown_keys_are_reported() -> None:
    _, said = read(cors_allow_credentials=True, port=1)
    assert said["api.cors_allow_credentials"].outcome is Outcome.UNNEEDED
    assert said["api.port"].outcome is Outcome.DECIDE


def test_without_an_api_there_is_nothing_to_say() -> None:
    assert read_cors(Section({})) == ((), [])
