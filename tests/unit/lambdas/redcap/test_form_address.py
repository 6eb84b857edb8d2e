"""The address of a form holds what REDCap asks for, whatever a record is called."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from lambdas.redcap.form_address import form_address

API = "https://redcap.example.org/redcap/api/"


def test_a_form_of_a_classic_project() -> None:
    assert form_address(API, "14.5.1", "11", record="007", instrument="mri", instance=2) == (
        "https://redcap.example.org/redcap/redcap_v14.5.1/DataEntry/index.php?pid=11&id=007&page=mri&instance=2"
    )


def test_an_event_goes_by_its_number() -> None:
    address = form_address(API, "14.5.1", "11", record="7", instrument="mri", event_id="41")
    assert parse_qs(urlsplit(address).query)["event_id"] == ["41"]


def test_without_a_form_the_record_is_shown() -> None:
    assert form_address(API, "14.5.1", "11", record="7").endswith("/DataEntry/record_home.php?pid=11&id=7")


def test_without_a_version_redcap_itself_is_shown() -> None:
    for version in ("", "<html>", "14.5.1/../../evil"):
        assert form_address(API, version, "11", record="7") == "https://redcap.example.org/redcap/"


@given(st.text(min_size=1, max_size=100))
def test_no_record_leads_elsewhere(record: str) -> None:
    parts = urlsplit(form_address(API, "14.5.1", "11", record=record, instrument="mri"))
    assert parts.netloc == "redcap.example.org"
    assert parse_qs(parts.query, keep_blank_values=True)["id"] == [record]
