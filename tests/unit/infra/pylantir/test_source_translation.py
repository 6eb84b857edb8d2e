"""One REDCap project of pylantir's becomes one source definition, and what must be decided is said."""

from __future__ import annotations

from datetime import time
from typing import Any

import pytest

from infra.pylantir.findings import Outcome
from infra.pylantir.source_translation import PLACEHOLDER_URL, Answers, TranslatedSource, translate_source
from tests.unit.infra.pylantir.test_deployment_translation import old_source


def translated(answers: Answers | None = None, **changes: Any) -> TranslatedSource:
    return translate_source(old_source(**changes), answers or Answers())


def outcomes(made: TranslatedSource) -> dict[str, Outcome]:
    return {finding.key: finding.outcome for finding in made.findings}


@pytest.mark.parametrize(
    ("name", "source_id"),
    [("Main REDCap", "main-redcap"), ("-x-", "x"), ("Ä", "redcap"), ("a" * 70, "a" * 64)],
)
def test_a_name_becomes_an_id(name: str, source_id: str) -> None:
    data = translated(name=name).data
    assert (data["id"], data["token_secret"]) == (source_id, source_id)


@pytest.mark.parametrize(
    ("written", "site", "outcome"),
    [("792", "792", Outcome.TAKEN), ("Oslo 1", "Oslo-1", Outcome.CHANGED), ("", "main", Outcome.DECIDE)],
)
def test_a_site_keeps_the_characters_ours_can_have(written: str, site: str, outcome: Outcome) -> None:
    made = translated(site=written)
    assert made.data["site"] == site
    key = "data_sources[0].config.site"
    assert outcomes(made)[key if written else f"({key})"] is outcome


def test_ids_have_the_site_as_it_was_written() -> None:
    assert translated(site="Oslo 1").data["fields"]["patient_id"].endswith("_site_Oslo 1")
    assert translated(site="").data["fields"]["patient_id"].endswith("_site_None")


@pytest.mark.parametrize(
    ("interval", "seconds", "outcome"),
    [(None, 60, None), (120, 120, Outcome.TAKEN), (10**6, 86_400, Outcome.CHANGED)],
)
def test_an_interval_is_a_day_at_most(interval: int | None, seconds: int, outcome: Outcome | None) -> None:
    made = translated(interval=interval)
    assert made.data["interval_seconds"] == seconds
    assert outcomes(made).get("data_sources[0].sync_interval") is outcome


@pytest.mark.parametrize(
    ("last", "closes"),
    [(time(20, 30), time(20, 31)), (time(20, 59), time(21, 0)), (time(23, 59), time(0, 0))],
)
def test_a_window_ends_with_the_minute_named(last: time, closes: time) -> None:
    window = translated(window=(time(6, 0), last)).data["operating_window"]
    assert window == {"opens": time(6, 0), "closes": closes}


def test_without_a_window_there_is_none() -> None:
    assert "operating_window" not in translated().data


def test_a_protocol_is_name_and_description_and_without_one_pylantirs() -> None:
    fields = translated(protocol="BRAIN", designator="GEHC").data["fields"]
    assert fields["protocol_name"] == fields["procedure_description"] == {"constant": "BRAIN"}
    assert fields["hisris_coding_designator"] == {"constant": "GEHC"}
    bare = translated()
    assert bare.data["fields"]["protocol_name"] == {"constant": "DEFAULT_PROTOCOL"}
    assert "hisris_coding_designator" not in bare.data["fields"]
    assert outcomes(bare)["(data_sources[0].protocol)"] is Outcome.DECIDE


def test_what_the_file_does_not_say_is_asked_for() -> None:
    made = translated()
    assert (made.data["url"], made.data["time_zone"]) == (PLACEHOLDER_URL, "UTC")
    said = outcomes(made)
    for name in ("url", "token", "time_zone", "project", "neuro_pcp"):
        assert said[f"(data_sources[0].{name})"] is Outcome.DECIDE


def test_what_a_person_answered_is_taken_but_a_token_is_in_no_file() -> None:
    made = translated(Answers(url="https://r.example.org/api/", time_zone="Europe/Oslo"))
    assert (made.data["url"], made.data["time_zone"]) == ("https://r.example.org/api/", "Europe/Oslo")
    said = outcomes(made)
    assert said["(data_sources[0].url)"] is said["(data_sources[0].time_zone)"] is Outcome.TAKEN
    assert said["(data_sources[0].token)"] is Outcome.DECIDE


def test_decimal_sessions_are_of_the_older_form_only() -> None:
    answers = Answers(decimal_sessions=True)
    older = translated(answers, form="0.2", path="", mapping_path="redcap2wl.").data["fields"]["patient_id"]
    assert "_ses_{session}.0_" in older
    assert "_ses_{session}_" in translated(answers).data["fields"]["patient_id"]


def test_a_source_that_is_off_stays_off() -> None:
    assert translated(enabled=False).data["enabled"] is False
