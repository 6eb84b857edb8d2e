"""Which scanners may call the relay, and what they are shown, as pylantir had it."""

from __future__ import annotations

from typing import Any

import pytest

from infra.pylantir.deployment_translation import PLACEHOLDER_URL, Address, parameter_lines, relay_settings
from infra.pylantir.findings import Outcome
from infra.pylantir.old_config import OldConfig, OldSource
from shared.scanners.scanner_profile import MOST_DAYS, ScannerProfile


def old_source(**changes: Any) -> OldSource:
    fields: dict[str, Any] = {
        "form": "0.4",
        "kind": "redcap",
        "name": "s",
        "path": "data_sources[0].",
        "mapping_path": "data_sources[0].field_mapping.",
        "site": "792",
        "protocol": "",
        "designator": "",
        "mapping": {},
        "interval": None,
        "window": None,
    }
    return OldSource(**{**fields, **changes})


def settings(
    *sources: OldSource, allowed: tuple[str, ...] = ("MR1",), address: Address | None = None
) -> tuple[dict[str, Any], dict[str, Outcome]]:
    made, findings = relay_settings(OldConfig(sources, allowed, ()), address or Address(), "Europe/Berlin")
    return made, {finding.key: finding.outcome for finding in findings}


def test_the_relay_answers_where_pylantir_did() -> None:
    made, said = settings(address=Address("WORKLIST", 104, "https://api.example.org"))
    assert made["relay"] == {
        "ae_title": "WORKLIST",
        "port": 104,
        "cloud_url": "https://api.example.org",
        "time_zone": "Europe/Berlin",
    }
    assert "(relay.cloud_url)" not in said


def test_an_address_nobody_knows_is_to_be_decided() -> None:
    made, said = settings()
    assert made["relay"]["cloud_url"] == PLACEHOLDER_URL
    assert said["(relay.cloud_url)"] is Outcome.DECIDE


def test_a_scanner_sees_everything_it_saw() -> None:
    made, said = settings()
    profile = ScannerProfile.model_validate(made["scanners"][0])
    assert (profile.ae_title, profile.restricted) == ("MR1", False)
    assert "DISCONTINUED" in profile.statuses
    assert (profile.days_back, profile.days_ahead) == (MOST_DAYS, MOST_DAYS)
    assert said["allowed_aet"] is Outcome.TAKEN


def test_where_anybody_was_let_in_nobody_is_until_somebody_decides() -> None:
    made, said = settings(allowed=())
    assert "scanners" not in made
    assert said["allowed_aet"] is Outcome.DECIDE


@pytest.mark.parametrize(("ahead", "days"), [((1, 3), 3), ((None, None), 0), ((None, 2), 2)])
def test_the_newer_form_shows_today_and_the_most_days_ahead_of_its_sources(
    ahead: tuple[int | None, ...], days: int
) -> None:
    made, said = settings(*(old_source(days_ahead=each) for each in ahead))
    assert (made["scanners"][0]["days_back"], made["scanners"][0]["days_ahead"]) == (0, days)
    written = "data_sources[0].config.mwl_days_ahead"
    assert said[written if ahead[-1] is not None else f"({written})"] is Outcome.TAKEN


def test_the_older_form_knows_no_days() -> None:
    made, _ = settings(old_source(form="0.2"), old_source(days_ahead=1))
    assert made["scanners"][0]["days_ahead"] == MOST_DAYS


def test_origins_become_one_parameter_or_none() -> None:
    assert parameter_lines(("https://a", "https://b")) == ['CorsAllowedOrigins="https://a,https://b"']
    assert parameter_lines(()) == []
