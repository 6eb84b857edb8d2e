"""The profiles in force: relay.toml, the cloud's word in its place, and what a restart leaves of it."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from edge_relay import config
from edge_relay.services.profiles import SCANNERS_FILE, Profiles
from shared.errors import Rejected, Unavailable
from shared.scanners.scanner_profile import ScannerProfile

TWO = [
    {"ae_title": "PRISMA1", "addresses": ["10.1.2.0/24"], "max_associations": 3, "days_back": 7},
    {"ae_title": "VIDA", "modalities": ["MR"]},
]


def check(profile: ScannerProfile) -> None:
    if "PatientID" in profile.suppressed_attributes:
        raise Rejected("PatientID must be sent (PS3.4 Table K.6-1)", where="suppressed_attributes")


def profiles(folder: Path, scanners: list[dict[str, Any]] | None = None, **relay: Any) -> Profiles:
    return Profiles(settings(scanners, **relay), folder, check)


def settings(scanners: list[dict[str, Any]] | None = None, **relay: Any) -> config.Settings:
    tables: dict[str, Any] = {
        "relay": {"cloud_url": "https://cloud.test", **relay},
        "scanners": scanners or TWO,
    }
    return config.Settings(**tables)


def known(held: Profiles, ae_title: str = "PRISMA1") -> ScannerProfile:
    found = held.get(ae_title)
    assert found is not None
    return found


def test_without_the_clouds_word_the_file_counts(tmp_path: Path) -> None:
    held = profiles(tmp_path)
    assert held.all() == settings().scanners
    assert held.get("STRANGER") is None
    assert (held.version, held.problems) == ("", ())
    assert not (tmp_path / SCANNERS_FILE).exists()


def test_the_cloud_changes_what_a_scanner_is_shown_and_not_from_where_it_calls(tmp_path: Path) -> None:
    held = profiles(tmp_path)
    held.take([{"ae_title": "PRISMA1", "days_back": 1, "modalities": ["CT"]}], "3")
    changed = known(held)
    assert (changed.days_back, changed.modalities, changed.max_associations) == (1, ("CT",), 3)
    assert [str(network) for network in changed.addresses] == ["10.1.2.0/24"]
    assert known(held, "VIDA") == settings().scanners[1]
    assert held.version == "3"
    held.take([{"ae_title": "PRISMA1", "addresses": []}], "4")
    assert known(held) == changed
    assert held.problems == ("PRISMA1: addresses: there is no such setting",)


def test_a_scanner_no_longer_overridden_is_as_in_the_file_again(tmp_path: Path) -> None:
    held = profiles(tmp_path)
    held.take([{"ae_title": "PRISMA1", "days_back": 1}], "1")
    held.take([], "2")
    assert held.all() == settings().scanners


def test_a_restart_without_internet_keeps_what_the_cloud_said(tmp_path: Path) -> None:
    first = profiles(tmp_path)
    first.take([{"ae_title": "PRISMA1", "days_back": None, "mpps": "strict"}], "5")
    again = profiles(tmp_path)
    assert again.all() == first.all()
    assert known(again).days_back == ScannerProfile(ae_title="X").days_back
    assert (again.version, again.problems) == ("5", ())
    assert (tmp_path / SCANNERS_FILE).stat().st_mode & 0o777 == 0o600


def test_a_bad_override_is_told_and_hurts_nobody_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    held = profiles(tmp_path)
    bad = [
        {"ae_title": "PRISMA1", "suppressed_attributes": ["PatientID"]},
        "nonsense",
        {"ae_title": "x" * 17},
        {"ae_title": "VIDA", "mpps": "strict"},
    ]
    with caplog.at_level(logging.INFO):
        held.take(bad, "1")
        held.take(bad, "1")
    assert known(held) == settings().scanners[0]
    assert known(held, "VIDA").mpps == "strict"
    assert held.problems[0] == "PRISMA1: suppressed_attributes: PatientID must be sent (PS3.4 Table K.6-1)"
    assert [problem.partition(":")[0] for problem in held.problems[1:]] == ["number 2", "number 3"]
    warnings = [record for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 3  # each once, however often the cloud says it
    assert profiles(tmp_path).problems == held.problems


@pytest.mark.parametrize(
    "bad",
    [
        {"ae_title": "PRISMA1", "suppressed_attributes": ["PatientID"]},
        {"ae_title": "PRISMA1", "from_a_newer_cloud": True},
        {"ae_title": " PRISMA1", "days_back": "soon"},
    ],
)
def test_a_bad_override_leaves_the_good_one_before_it_in_force(tmp_path: Path, bad: dict[str, Any]) -> None:
    held = profiles(tmp_path)
    held.take([{"ae_title": "PRISMA1", "suppressed_attributes": ["MedicalAlerts"]}], "1")
    held.take([bad], "2")
    assert known(held).suppressed_attributes == ("MedicalAlerts",)
    assert len(held.problems) == 1
    again = profiles(tmp_path)
    assert known(again).suppressed_attributes == ("MedicalAlerts",)
    held.take([{"ae_title": "PRISMA1", "days_back": 2}], "3")
    assert not known(held).suppressed_attributes
    assert not held.problems


def test_the_second_override_of_a_scanner_is_not_taken(tmp_path: Path) -> None:
    held = profiles(tmp_path)
    held.take([{"ae_title": "PRISMA1", "days_back": 1}, {"ae_title": "PRISMA1", "days_back": 2}], "1")
    assert known(held).days_back == 1
    assert held.problems == ("PRISMA1: is there twice",)


def test_what_contradicts_the_file_is_not_taken(tmp_path: Path) -> None:
    held = profiles(tmp_path, [{"ae_title": "PRISMA1", "extra_attributes": ["Allergies"]}])
    held.take([{"ae_title": "PRISMA1", "suppressed_attributes": ["Allergies"]}], "1")
    assert known(held).suppressed_attributes == ()
    assert held.problems == ("PRISMA1: suppressed_attributes: Allergies is in extra_attributes too",)


def test_the_cloud_lets_in_nobody_unless_the_hospital_lets_it(tmp_path: Path) -> None:
    said = [{"ae_title": "NEW", "modalities": ["CT"]}]
    held = profiles(tmp_path / "override")
    (tmp_path / "override").mkdir()
    held.take(said, "1")
    assert held.get("NEW") is None
    assert "NEW: is not in this relay's configuration" in held.problems[0]
    (tmp_path / "add").mkdir()
    open_to_more = profiles(tmp_path / "add", cloud_scanners="add")
    open_to_more.take(said, "1")
    assert known(open_to_more, "NEW").modalities == ("CT",)
    assert [profile.ae_title for profile in open_to_more.all()] == ["PRISMA1", "VIDA", "NEW"]
    assert known(profiles(tmp_path / "add", cloud_scanners="add"), "NEW").modalities == ("CT",)
    assert profiles(tmp_path / "add").get("NEW") is None


def test_a_hospital_that_wants_nothing_from_the_cloud_gets_nothing_and_the_cloud_hears_why(
    tmp_path: Path,
) -> None:
    profiles(tmp_path).take([{"ae_title": "PRISMA1", "days_back": 1}], "1")
    held = profiles(tmp_path, cloud_scanners="ignore")
    assert known(held).days_back == 7
    held.take([{"ae_title": "PRISMA1", "days_back": 2}], "2")
    assert known(held).days_back == 7
    assert held.problems == (
        "PRISMA1: this relay accepts no profiles from the cloud (see relay.cloud_scanners)",
    )
    held.take([], "3")
    assert not held.problems


def test_a_scanner_taken_out_of_the_file_is_gone_whatever_the_cloud_had_said(tmp_path: Path) -> None:
    profiles(tmp_path).take([{"ae_title": "PRISMA1", "days_back": 1}], "1")
    held = profiles(tmp_path, [{"ae_title": "VIDA"}])
    assert held.get("PRISMA1") is None
    assert "not in this relay's configuration" in held.problems[0]


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"version": 1}', b"\xff"])
def test_a_damaged_file_is_said_and_replaced(
    tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / SCANNERS_FILE).write_bytes(damage)
    held = profiles(tmp_path)
    assert held.all() == settings().scanners
    assert SCANNERS_FILE in caplog.text
    held.take([{"ae_title": "PRISMA1", "days_back": 1}], "1")
    assert known(profiles(tmp_path)).days_back == 1


def test_what_cannot_be_kept_is_in_force_and_said_and_kept_later(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    held = profiles(folder)
    said = [{"ae_title": "PRISMA1", "days_back": 1}]
    with pytest.raises(Unavailable, match="cannot be saved"):
        held.take(said, "1")
    assert known(held).days_back == 1
    folder.mkdir()
    held.take(said, "1")
    assert known(profiles(folder)).days_back == 1


def test_the_file_is_written_when_something_changed_and_only_then(tmp_path: Path) -> None:
    held, said = profiles(tmp_path), [{"ae_title": "PRISMA1", "days_back": 1}]
    held.take(said, "1")
    before = (tmp_path / SCANNERS_FILE).stat().st_ino
    held.take(said, "1")
    again = profiles(tmp_path)
    again.take(said, "1")
    assert (tmp_path / SCANNERS_FILE).stat().st_ino == before
    again.take(said, "2")
    assert json.loads((tmp_path / SCANNERS_FILE).read_text())["version"] == "2"


def test_an_unchanged_profile_stays_the_same_object(tmp_path: Path) -> None:
    held, said = profiles(tmp_path), [{"ae_title": "PRISMA1", "days_back": 1}]
    held.take(said, "1")
    first, untouched = known(held), known(held, "VIDA")
    held.take([*said, {"ae_title": "VIDA"}], "2")
    assert known(held) is first
    assert known(held, "VIDA") is untouched


def test_anyone_is_known_by_the_defaults_where_anyone_may_call(tmp_path: Path) -> None:
    held = profiles(tmp_path, allow_any_scanner=True)
    assert known(held, "STRANGER") == ScannerProfile(ae_title="STRANGER")
    assert known(held).days_back == 7
    assert held.get("") is None
    assert held.get("a\\b") is None
    assert "STRANGER" not in {profile.ae_title for profile in held.all()}


def test_what_relay_toml_says_by_now_is_active_under_the_clouds_overrides(tmp_path: Path) -> None:
    held = profiles(tmp_path)
    held.take([{"ae_title": "PRISMA1", "modalities": ["CT"]}], "1")
    vida = known(held, "VIDA")
    held.take_up(settings([{"ae_title": "PRISMA1", "days_back": 9}, {"ae_title": "NEW1"}]))
    assert (known(held).days_back, known(held).modalities) == (9, ("CT",))
    assert held.get("NEW1") is not None
    assert held.get("VIDA") is None
    held.take_up(settings())
    assert known(held, "VIDA") == vida


def test_an_override_of_a_scanner_that_is_gone_is_a_problem_and_not_a_scanner(tmp_path: Path) -> None:
    held = profiles(tmp_path)
    held.take([{"ae_title": "PRISMA1", "modalities": ["CT"]}], "1")
    held.take_up(settings([{"ae_title": "NEW1"}]))
    assert held.get("PRISMA1") is None
    assert held.problems[0].startswith("PRISMA1: is not in this relay's configuration")


def test_a_profile_that_did_not_change_is_the_same_object(tmp_path: Path) -> None:
    held = profiles(tmp_path)
    before = known(held, "VIDA")
    held.take_up(settings())
    assert known(held, "VIDA") is before
