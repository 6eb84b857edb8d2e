"""A relay asks a real archive over TLS: whom it trusts, what it shows, and what it says if that fails."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge_relay.evidence.archive import ask, peer_of
from edge_relay.services.tls import tls_for_client
from shared.errors import Rejected, Unavailable
from shared.steps.study_images import StudyImages
from shared.worklist_item import WorklistItem
from tests.rigs.archive import PROGRAMS, Archive, archive_over_tls, running_archive
from tests.rigs.builders import an_item
from tests.rigs.tls import Authority, Issued

pytestmark = pytest.mark.skipif(not shutil.which(PROGRAMS["orthanc"]), reason="Orthanc is not installed")


def in_one_file(issued: Issued) -> Path:
    both = issued.certificate.with_suffix(".pem")
    both.write_bytes(issued.certificate.read_bytes() + issued.key.read_bytes())
    return both


@dataclass
class Hospital:
    """An archive that speaks TLS only, and the certificates around it."""

    archive: Archive
    ca: Path
    other_ca: Path
    own: Path
    others_own: Path

    def ask(self, item: WorklistItem, ca: Path | None, own: Path | None) -> StudyImages | None:
        return ask(peer_of(self.archive.settings(tls_ca=ca, tls_client=own), "R"), item)


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    folder = tmp_path_factory.mktemp("archive")
    authority, other = Authority(folder, "authority"), Authority(folder, "other")
    own, others_own = in_one_file(authority.issue("relay")), in_one_file(other.issue("stranger"))
    client = tls_for_client(authority.file, own)
    with archive_over_tls(folder, authority.issue("pacs"), authority.file, client) as archive:
        yield Hospital(archive, authority.file, other.file, own, others_own)


def test_images_are_found_over_tls(hospital: Hospital) -> None:
    booked = an_item("001")
    hospital.archive.store(booked.study_instance_uid, booked.patient_id, series=2, images=2)
    found = hospital.ask(booked, hospital.ca, hospital.own)
    assert found is not None
    assert (found.series_count, found.patient_id) == (2, booked.patient_id)


def test_an_archive_of_another_authority_is_asked_nothing(hospital: Hospital) -> None:
    with pytest.raises(Unavailable, match="did not answer over TLS") as raised:
        hospital.ask(an_item("002"), hospital.other_ca, hospital.own)
    assert raised.value.hint is not None
    assert "its certificate is not trusted" in raised.value.hint
    assert "give tls_ca of [[archives]] the one it shows" in raised.value.hint


@pytest.mark.parametrize("shows", [False, True])
def test_an_archive_that_wants_another_certificate_is_told_so(hospital: Hospital, *, shows: bool) -> None:
    with pytest.raises(Unavailable, match="over TLS") as raised:
        hospital.ask(an_item("003"), hospital.ca, hospital.others_own if shows else None)
    assert "client certificate" in str(raised.value.hint)
    assert "tls_client of [[archives]]" in str(raised.value.hint)


def test_an_archive_that_speaks_tls_only_answers_nothing_without(hospital: Hospital) -> None:
    with pytest.raises(Unavailable, match="does not answer"):
        hospital.ask(an_item("004"), None, None)


def test_an_archive_without_tls_is_told_apart(tmp_path: Path, hospital: Hospital) -> None:
    with running_archive("orthanc", tmp_path) as plain, pytest.raises(Unavailable) as raised:
        ask(peer_of(plain.settings(tls_ca=hospital.ca), "R"), an_item("005"))
    assert "this port does not speak TLS (port of [[archives]])" in str(raised.value.hint)


def test_a_file_that_holds_no_certificate_is_named(tmp_path: Path, hospital: Hospital) -> None:
    empty = tmp_path / "empty.pem"
    empty.touch()
    with pytest.raises(Rejected, match=r"empty\.pem: cannot be used"):
        hospital.ask(an_item("006"), empty, None)
