"""A running relay's worklist over real sockets: what the cloud says, what scanners are shown."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import evt
from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association
from pynetdicom.pdu import A_ASSOCIATE_RJ
from pynetdicom.sop_class import ModalityWorklistInformationFind  # type: ignore[attr-defined]

from edge_relay.client import scu
from edge_relay.health.status import look
from edge_relay.relay import Relay
from shared.errors import Forbidden, Rejected
from tests.rigs.relay import (
    RELAY_AET,
    SCANNER,
    FakeCloud,
    eventually,
    item,
    names,
    query,
    running_relay,
    scanner,
)


@pytest.fixture
def cloud() -> Iterator[FakeCloud]:
    with FakeCloud() as running:
        yield running


def associated(relay: Relay, *, syntax: str | None = None) -> Association:
    ae = ApplicationEntity(SCANNER)
    ae.add_requested_context(ModalityWorklistInformationFind, syntax or [ImplicitVRLittleEndian])
    host, port = relay.address
    return ae.associate(host, port, ae_title=RELAY_AET)


def answers(relay: Relay, identifier: Dataset) -> list[Dataset]:
    association = associated(relay)
    assert association.is_established
    found = [status for status, _ in association.send_c_find(identifier, ModalityWorklistInformationFind)]
    association.release()
    return found


def pulled(relay: Relay) -> None:
    """Wait for the first complete pull: before it, a query is answered with a failure, not with nothing."""
    eventually(lambda: relay.cache.bookmark().epoch)


def test_before_the_first_pull_a_query_fails_rather_than_finding_nothing(
    tmp_path: Path, cloud: FakeCloud
) -> None:
    cloud.always = "500"
    with running_relay(tmp_path, cloud) as relay:
        (status,) = answers(relay, query())
        assert status.Status == 0xA700
        assert "no worklist" in status.ErrorComment
        cloud.always = ""
        eventually(lambda: [each.Status for each in answers(relay, query())] == [0x0000])


def test_items_appear_change_and_vanish(tmp_path: Path, cloud: FakeCloud) -> None:
    cloud.put(item("a", patient_name="First"), item("b", patient_name="Second"))
    with running_relay(tmp_path, cloud) as relay:
        pulled(relay)
        eventually(lambda: names(relay) == ["First", "Second"])
        cloud.put(item("a", patient_name="Renamed"))
        cloud.put_raw("b", None)
        pulled(relay)
        eventually(lambda: names(relay) == ["Renamed"])


def test_a_worklist_of_many_pages_arrives_whole(tmp_path: Path, cloud: FakeCloud) -> None:
    cloud.page_limit = 7
    cloud.put(*(item(f"i{n:03}") for n in range(50)))
    with running_relay(tmp_path, cloud) as relay:
        pulled(relay)
        assert len(names(relay)) == 50


@pytest.mark.parametrize("fault", ["500", "html", "bad-request-html", "truncated", "drop", "shape", "403"])
def test_a_lying_or_absent_cloud_never_hurts_the_worklist(
    tmp_path: Path, cloud: FakeCloud, fault: str
) -> None:
    cloud.put(item("a", patient_name="First"))
    with running_relay(tmp_path, cloud) as relay:
        pulled(relay)
        eventually(lambda: names(relay) == ["First"])
        cloud.always = fault
        eventually(lambda: relay.health.report("").pull.failure)
        assert names(relay) == ["First"]
        cloud.put(item("b", patient_name="Second"))
        cloud.always = ""
        pulled(relay)
        eventually(lambda: names(relay) == ["First", "Second"])


def test_a_revoked_relay_keeps_serving_and_says_so(tmp_path: Path, cloud: FakeCloud) -> None:
    cloud.put(item())
    with running_relay(tmp_path, cloud) as relay:
        pulled(relay)
        cloud.public_keys.clear()
        eventually(lambda: relay.health.report("").pull.forbidden)
        assert names(relay) == ["Doe^Jane"]
        eventually(lambda: any("refuses this relay" in p for p in look(tmp_path, datetime.now(UTC)).problems))


def test_a_restored_table_is_swapped_in_whole(tmp_path: Path, cloud: FakeCloud) -> None:
    cloud.put(item("a", patient_name="Old"), item("b", patient_name="Gone"))
    with running_relay(tmp_path, cloud) as relay:
        pulled(relay)
        eventually(lambda: names(relay) == ["Old", "Gone"])
        cloud.page_limit = 1
        seen = []
        cloud.between_pages = lambda: seen.append(names(relay))
        cloud.restore(item("a", patient_name="New"), item("c", patient_name="Added"))
        pulled(relay)
        eventually(lambda: names(relay) == ["New", "Added"])
        assert seen[-1] == ["Old", "Gone"]


def test_an_epoch_that_changes_in_the_middle_of_a_pull_starts_it_anew(
    tmp_path: Path, cloud: FakeCloud
) -> None:
    cloud.page_limit = 1
    cloud.put(item("a", patient_name="A"), item("b", patient_name="B"))

    def restore_once() -> None:
        cloud.between_pages = lambda: None
        cloud.restore(item("c", patient_name="C"), item("d", patient_name="D"))

    cloud.between_pages = restore_once
    with running_relay(tmp_path, cloud) as relay:
        pulled(relay)
        eventually(lambda: names(relay) == ["C", "D"])


def test_an_item_from_a_newer_cloud_is_skipped_counted_and_nothing_else_lost(
    tmp_path: Path, cloud: FakeCloud
) -> None:
    cloud.put(item("a"))
    cloud.put_raw("b", {**item("b").model_dump(mode="json"), "performed_procedure_step_status": "TELEPORTED"})
    cloud.put_raw("c", {**item("c").model_dump(mode="json"), "a_new_field": 1})
    with running_relay(tmp_path, cloud) as relay:
        pulled(relay)
        eventually(lambda: len(names(relay)) == 2)
        assert look(tmp_path, datetime.now(UTC)).unreadable == 1


def test_the_cache_deleted_under_a_running_relay_is_filled_again(tmp_path: Path, cloud: FakeCloud) -> None:
    cloud.put(item())
    with running_relay(tmp_path, cloud) as relay:
        pulled(relay)
        eventually(lambda: names(relay))
        (tmp_path / "cache.db").unlink()
        eventually(lambda: (tmp_path / "cache.db").exists() and relay.cache.count() == 1)
        assert names(relay) == ["Doe^Jane"]


def test_a_corrupt_cache_is_rebuilt_at_the_start(tmp_path: Path, cloud: FakeCloud) -> None:
    cloud.put(item())
    with running_relay(tmp_path, cloud) as relay:
        pulled(relay)
        eventually(lambda: names(relay))
    (tmp_path / "cache.db").write_bytes(b"not a database at all, by no means" * 100)
    with running_relay(tmp_path, cloud) as relay:
        pulled(relay)
        eventually(lambda: names(relay) == ["Doe^Jane"])


def test_the_worklist_is_served_before_the_cloud_is_heard_after_a_restart(
    tmp_path: Path, cloud: FakeCloud
) -> None:
    cloud.put(item())
    with running_relay(tmp_path, cloud) as relay:
        pulled(relay)
        eventually(lambda: names(relay))
    cloud.stop()
    with running_relay(tmp_path, cloud) as relay:
        assert names(relay) == ["Doe^Jane"]


def test_a_clock_that_is_off_does_not_lock_the_relay_out(tmp_path: Path, cloud: FakeCloud) -> None:
    cloud.clock_skew_seconds = 7200
    cloud.put(item())
    with running_relay(tmp_path, cloud) as relay:
        pulled(relay)
        assert names(relay)


def test_the_relays_own_title_is_taken_from_this_machine_only(
    tmp_path: Path, cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_relay(tmp_path, cloud) as relay:
        scu.echo(scanner(relay, RELAY_AET))
        # Loopback is all a test may talk to: it is made to look like another machine.
        monkeypatch.setattr("edge_relay.services.admission.ip_address", lambda _: IPv4Address("192.0.2.7"))
        with pytest.raises(Forbidden):
            scu.echo(scanner(relay, RELAY_AET))
        scu.echo(scanner(relay, SCANNER))


@pytest.mark.parametrize(("calling", "called", "reason"), [("STRANGER", RELAY_AET, 3), (SCANNER, "OTHER", 7)])
def test_unknown_titles_are_refused_with_the_standard_reason(
    tmp_path: Path, cloud: FakeCloud, calling: str, called: str, reason: int
) -> None:
    with running_relay(tmp_path, cloud) as relay:
        rejections: list[tuple[int | None, ...]] = []

        def remember(event: evt.Event) -> None:
            if isinstance(event.pdu, A_ASSOCIATE_RJ):
                rejections.append((event.pdu.result, event.pdu.source, event.pdu.reason_diagnostic))

        ae = ApplicationEntity(calling)
        ae.add_requested_context(ModalityWorklistInformationFind)
        ae.associate(*relay.address, ae_title=called, evt_handlers=[(evt.EVT_PDU_RECV, remember)])
        assert rejections == [(1, 1, reason)]
        with pytest.raises(Forbidden, match="not known there" if reason == 3 else "not its own"):
            scu.echo(scanner(relay, calling, called))


def test_anyone_may_call_if_the_operator_says_so(tmp_path: Path, cloud: FakeCloud) -> None:
    with running_relay(tmp_path, cloud, allow_any_scanner=True) as relay:
        scu.echo(scanner(relay, "STRANGER"))


def test_deflated_is_not_spoken(tmp_path: Path, cloud: FakeCloud) -> None:
    with running_relay(tmp_path, cloud) as relay:
        association = associated(relay, syntax=DeflatedExplicitVRLittleEndian)
        assert not association.accepted_contexts
        association.abort()


def test_statuses_say_whether_every_key_was_supported(tmp_path: Path, cloud: FakeCloud) -> None:
    cloud.put(item())
    with running_relay(tmp_path, cloud) as relay:
        pulled(relay)
        eventually(lambda: names(relay))
        plain, odd = query(), query()
        odd.PatientMotherBirthName = ""
        assert [s.Status for s in answers(relay, plain)] == [0xFF00, 0x0000]
        assert [s.Status for s in answers(relay, odd)] == [0xFF01, 0x0000]


def test_a_malformed_identifier_is_a900_with_a_comment_and_the_association_lives(
    tmp_path: Path, cloud: FakeCloud
) -> None:
    with running_relay(tmp_path, cloud) as relay:
        bad = Dataset()
        bad.ScheduledProcedureStepSequence = [Dataset(), Dataset()]
        association = associated(relay)
        for _ in range(2):
            ((status, _),) = association.send_c_find(bad, ModalityWorklistInformationFind)
            assert status.Status == 0xA900
            assert "ScheduledProcedureStepSequence" in status.ErrorComment
        association.release()


def test_an_internal_fault_is_c001_with_a_comment(
    tmp_path: Path, cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_relay(tmp_path, cloud) as relay:
        monkeypatch.setattr("edge_relay.services.scp.find", lambda *_, **__: 1 / 0)
        (status,) = answers(relay, query())
        assert (status.Status, status.ErrorComment) == (0xC001, "internal fault")


def test_a_cancel_stops_the_answers(tmp_path: Path, cloud: FakeCloud) -> None:
    many = 4000
    cloud.put(*(item(f"i{n}") for n in range(many)))
    with running_relay(tmp_path, cloud, page_size=1000) as relay:
        pulled(relay)
        association = associated(relay)
        statuses: list[int] = []
        for status, _ in association.send_c_find(query(), ModalityWorklistInformationFind):
            if not statuses:
                association.send_c_cancel(1, None, ModalityWorklistInformationFind)
            statuses.append(status.Status)
        association.release()
        assert statuses[-1] == 0xFE00
        assert len(statuses) < many


def test_a_scanner_gets_the_character_set_of_its_profile(tmp_path: Path, cloud: FakeCloud) -> None:
    cloud.put(item(patient_name="Müller^Åse"))
    profile = [{"ae_title": SCANNER, "charset": "ISO_IR 100", "ignore_accents": True}]
    with running_relay(tmp_path, cloud, scanners=profile) as relay:
        eventually(relay.cache.count)
        asked = query()
        asked.SpecificCharacterSet = "ISO_IR 100"
        asked.PatientName = "MULLER"
        (answer,) = scu.find(scanner(relay), asked)
        assert answer.SpecificCharacterSet == "ISO_IR 100"
        assert str(answer.PatientName) == "Müller^Åse"


@pytest.mark.parametrize("acceptor", ["asyncio", "pynetdicom"])
@pytest.mark.parametrize("identifier", ["Ł438E6", "Đ438E6", "Δ438E6"])
def test_an_identifier_the_scanner_cannot_read_withholds_the_exam_and_the_status_counts_it(
    tmp_path: Path, cloud: FakeCloud, identifier: str, acceptor: str
) -> None:
    cloud.put(item(id="a", patient_id=identifier), item(id="b", patient_id="É438E6", patient_name="Łukasz"))
    profiles = [{"ae_title": SCANNER, "charset": "ISO_IR 100"}, {"ae_title": "UTF8"}]
    with running_relay(tmp_path, cloud, scanners=profiles, acceptor=acceptor) as relay:
        eventually(relay.cache.count)
        found = scu.find(scanner(relay), query())
        assert [(each.PatientID, str(each.PatientName)) for each in found] == [("É438E6", "Lukasz")]
        assert relay.report().withheld == {SCANNER: 1}
        relay.write_health()
        said = "\n".join(look(tmp_path, relay.report().written_at).problems)
        assert f"1 exam is withheld from scanner {SCANNER}" in said
        assert identifier not in said


def test_many_scanners_at_once_are_all_served(tmp_path: Path, cloud: FakeCloud) -> None:
    cloud.put(item())
    with running_relay(tmp_path, cloud) as relay:
        eventually(relay.cache.count)
        served: list[list[str]] = []
        threads = [threading.Thread(target=lambda: served.append(names(relay))) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert served == [["Doe^Jane"]] * 16


def test_a_failed_query_is_an_error_for_the_client(tmp_path: Path, cloud: FakeCloud) -> None:
    with running_relay(tmp_path, cloud) as relay, pytest.raises(Rejected, match="C-FIND answered A900"):
        scu.find(scanner(relay), query(ScheduledProcedureStepStartTime="2500"))
