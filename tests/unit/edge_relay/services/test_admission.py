"""Who may open an association, and what everybody else is told: PS3.8 Table 9-21."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge_relay.config import Settings
from edge_relay.services.admission import Admission
from edge_relay.services.profiles import Profiles
from edge_relay.upper_layer import negotiation
from edge_relay.upper_layer.negotiation import Proposal, Rejection

OURS, FAR, LOOPBACK = "MWL_RELAY", "10.1.2.3", "127.0.0.1"


def proposal(calling: str = "MR1", called: str = OURS, application: str = "") -> Proposal:
    return Proposal(calling, called, application or negotiation.APPLICATION_CONTEXT, 16_384, (), {})


@pytest.fixture
def admission(tmp_path: Path) -> Admission:
    return made(tmp_path)


def made(folder: Path, **relay: Any) -> Admission:
    settings = Settings.model_validate(
        {
            "relay": {"cloud_url": "https://cloud.example", "ae_title": OURS, **relay},
            "scanners": [
                {"ae_title": "MR1", "max_associations": 2, "charset": "ISO_IR 100"},
                {"ae_title": "CT1", "addresses": ["10.1.2.0/24", "2001:db8::/32"]},
            ],
        }
    )
    return Admission(settings.relay, Profiles(settings, folder, lambda _: None))


def test_a_listed_scanner_may_call_from_anywhere(admission: Admission) -> None:
    assert admission.decide(proposal(), FAR) is None
    assert admission.decide(proposal(), "fe80::1%eth0") is None


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (proposal(application="1.2.3"), Rejection(1, 1, 2, "the application context is not DICOM's")),
        (proposal(called="OTHER"), Rejection(1, 1, 7, "the called AE title is not ours")),
        (proposal(called="mwl_relay"), Rejection(1, 1, 7, "the called AE title is not ours")),
        (proposal(calling="NOBODY"), Rejection(1, 1, 3, "the calling AE title is not known")),
    ],
)
def test_who_is_not_expected_is_told_so(admission: Admission, asked: Proposal, expected: Rejection) -> None:
    assert admission.decide(asked, FAR) == expected
    assert admission.decide(asked, LOOPBACK) == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("10.1.2.3", None),
        ("::ffff:10.1.2.3", None),
        ("2001:db8::7", None),
        ("10.1.3.3", negotiation.WRONG_ADDRESS),
        ("::ffff:10.1.3.3", negotiation.WRONG_ADDRESS),
        ("127.0.0.1", negotiation.WRONG_ADDRESS),
        ("fe80::1%eth0", negotiation.WRONG_ADDRESS),
    ],
)
def test_a_scanner_with_addresses_may_call_from_these_only(
    admission: Admission, address: str, expected: Rejection | None
) -> None:
    assert admission.decide(proposal("CT1"), address) == expected


def test_a_wrong_address_is_told_no_more_than_an_unknown_title() -> None:
    told = (
        negotiation.WRONG_ADDRESS.result,
        negotiation.WRONG_ADDRESS.source,
        negotiation.WRONG_ADDRESS.reason,
    )
    assert told == (1, 1, 3)


def test_a_scanner_has_so_many_associations_and_another_after_one_has_closed(admission: Admission) -> None:
    for _ in range(2):
        assert admission.decide(proposal(), FAR) is None
        admission.opened("MR1")
    assert admission.decide(proposal(), FAR) == negotiation.LIMIT_REACHED
    assert admission.decide(proposal("CT1"), FAR) is None
    admission.closed("MR1")
    assert admission.decide(proposal(), FAR) is None


def test_all_together_have_so_many_associations_but_we_ourselves_one_more(tmp_path: Path) -> None:
    full = made(tmp_path, max_associations=2)
    full.opened("CT1")
    full.opened("MR1")
    assert full.decide(proposal("CT1"), FAR) == negotiation.LIMIT_REACHED
    assert full.decide(proposal(OURS), LOOPBACK) is None
    full.closed("MR1")
    assert full.decide(proposal("CT1"), FAR) is None


def test_full_is_only_for_now(admission: Admission) -> None:
    assert (negotiation.LIMIT_REACHED.result, negotiation.LIMIT_REACHED.source) == (2, 3)


@pytest.mark.parametrize("address", [LOOPBACK, "127.8.9.1", "::1"])
def test_we_may_ask_ourselves_from_this_machine(admission: Admission, address: str) -> None:
    assert admission.decide(proposal(OURS), address) is None


def test_nobody_takes_our_title_from_elsewhere(admission: Admission) -> None:
    assert admission.decide(proposal(OURS), FAR) == negotiation.UNKNOWN_CALLING


def test_any_scanner_may_call_if_the_settings_say_so_and_has_the_defaults(tmp_path: Path) -> None:
    open_to_all = made(tmp_path, allow_any_scanner=True)
    assert open_to_all.decide(proposal("NOBODY"), FAR) is None
    assert open_to_all.profile("NOBODY").ae_title == "NOBODY"
    assert open_to_all.decide(proposal("NOBODY", called="OTHER"), FAR) == negotiation.UNKNOWN_CALLED


def test_any_scanner_too_has_only_so_many_associations(tmp_path: Path) -> None:
    open_to_all = made(tmp_path, allow_any_scanner=True, max_associations=1)
    open_to_all.opened("NOBODY")
    assert open_to_all.decide(proposal("NOBODY"), FAR) == negotiation.LIMIT_REACHED


def test_a_scanner_is_answered_in_its_own_character_set_or_else_in_the_relay_s(tmp_path: Path) -> None:
    admission = made(tmp_path, charset="ISO_IR 192")
    assert admission.charset("MR1") == ("ISO_IR 100",)
    assert admission.charset("CT1") == ("ISO_IR 192",)
    assert admission.charset(OURS) == ("ISO_IR 192",)


def test_more_closed_than_opened_leaves_no_credit(admission: Admission) -> None:
    admission.closed("MR1")
    for _ in range(2):
        admission.opened("MR1")
    assert admission.decide(proposal(), FAR) == negotiation.LIMIT_REACHED


@pytest.mark.parametrize("called", [OURS, OURS.lower(), "Mwl_Relay"])
@pytest.mark.parametrize("calling", ["US1", "us1", "Us1"])
def test_case_is_ignored_for_a_scanner_whose_profile_says_so(
    tmp_path: Path, calling: str, called: str
) -> None:
    lax = [{"ae_title": "US1", "ignore_ae_title_case": True, "max_associations": 1}]
    settings = Settings.model_validate({"relay": {"cloud_url": "https://c.test"}, "scanners": lax})
    admission = Admission(settings.relay, Profiles(settings, tmp_path, lambda _: None))
    assert admission.decide(proposal(calling, called), FAR) is None
    assert admission.title(calling) == "US1"
    admission.opened(calling)
    assert admission.decide(proposal("US1"), FAR) == negotiation.LIMIT_REACHED
    admission.closed(calling.lower())
    assert admission.decide(proposal("US1"), FAR) is None
