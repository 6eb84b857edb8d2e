"""A running relay takes up its file: by signal, by itself, and never a bad one."""

from __future__ import annotations

import os
import signal
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from pynetdicom.sop_class import ModalityWorklistInformationFind  # type: ignore[attr-defined]

from edge_relay.client import scu
from shared.errors import Forbidden
from tests.rigs.relay import (
    SCANNER,
    FakeCloud,
    RelayProcess,
    eventually,
    item,
    names,
    query,
    running_relay,
    scanner,
    settings_for,
    shown,
    toml,
)

BOTH = pytest.mark.parametrize("acceptor", ["asyncio", "pynetdicom"])
NEW = "NEW1"


def may_echo(peer: scu.Peer) -> bool:
    try:
        scu.echo(peer)
    except Forbidden:
        return False
    return True


@pytest.mark.slow
def test_a_process_takes_up_a_new_scanner_on_sighup_and_goes_on_after_a_bad_file(
    tmp_path: Path, cloud: FakeCloud, capfd: pytest.CaptureFixture[str]
) -> None:
    process = RelayProcess(tmp_path, cloud)
    known = process.start()
    new = replace(known, calling_ae=NEW)
    assert not may_echo(new)

    def put(text: str) -> None:
        process.config_file.write_text(text)
        os.kill(process.pid, signal.SIGHUP)

    good = toml(cloud, scanners=[{"ae_title": SCANNER}, {"ae_title": NEW}])
    put(good)
    eventually(lambda: may_echo(new))
    put(good + "\n[relay")
    eventually(lambda: "the old settings stay" in capfd.readouterr().err)
    assert may_echo(new)
    put(toml(cloud, log_level="warning"))
    eventually(lambda: not may_echo(new))
    assert may_echo(known)
    assert process.end() == 0


def test_profiles_change_for_the_next_query_of_an_association_that_is_open(
    tmp_path: Path, cloud: FakeCloud
) -> None:
    with running_relay(tmp_path, cloud) as relay:
        eventually(lambda: names(relay))
        cloud.put(item("ct", modality="CT"))
        eventually(lambda: len(names(relay)) == 2)
        relay.take_up(settings_for(cloud, scanners=[{"ae_title": SCANNER, "modalities": ["CT"]}]))
        assert len(names(relay)) == 1
        relay.take_up(settings_for(cloud, time_zone="Asia/Tokyo"))
        assert len(names(relay)) == 2


def test_a_scanner_that_is_taken_out_keeps_its_profile_until_it_leaves(
    tmp_path: Path, cloud: FakeCloud
) -> None:
    mine = {"ae_title": NEW, "modalities": ["CT"]}
    with running_relay(tmp_path, cloud, scanners=[mine]) as relay:
        eventually(relay.cache.count)
        admission = relay._services.admission
        with scu.associated(scanner(relay, NEW), ModalityWorklistInformationFind) as association:
            relay.take_up(settings_for(cloud))
            assert admission.profile(NEW).modalities == ("CT",)
            answers = association.send_c_find(query(), ModalityWorklistInformationFind)
            assert [status.Status for status, _ in answers] == [0]  # the item is MR: it is not its own
        with pytest.raises(Forbidden):
            scu.echo(scanner(relay, NEW))


@BOTH
def test_a_relay_on_both_networks_serves_both_and_names_addresses_as_they_are(
    tmp_path: Path, cloud: FakeCloud, acceptor: str
) -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    only = {"ae_title": SCANNER, "addresses": ["127.0.0.0/8", "::1"]}
    with running_relay(tmp_path, cloud, host="::", acceptor=acceptor, scanners=[only]) as relay:
        port = relay.address[1]
        for host in ("127.0.0.1", "::1"):
            scu.echo(replace(scanner(relay), host=host, port=port))
            with pytest.raises(Forbidden):
                scu.echo(replace(scanner(relay, "STRANGER"), host=host, port=port))
        eventually(lambda: len(relay.report().refused) == 2)
        assert {each.address for each in relay.report().refused} == {"127.0.0.1", "::1"}
        scu.echo(relay.own_peer(5))


@BOTH
def test_case_does_not_matter_where_the_profile_says_so(
    tmp_path: Path, cloud: FakeCloud, acceptor: str
) -> None:
    cloud.put(item(scheduled_station_aetitle=NEW), item("other", scheduled_station_aetitle="OTHER"))
    lax = {"ae_title": NEW, "ignore_ae_title_case": True, "max_associations": 1}
    with running_relay(tmp_path, cloud, acceptor=acceptor, scanners=[lax, {"ae_title": SCANNER}]) as relay:
        eventually(lambda: relay.cache.count() == 2)
        peer = replace(scanner(relay, "new1"), called_ae="mwl_relay")
        assert len(shown(peer, query(ScheduledStationAETitle="New1"))) == 1
        assert len(shown(peer, query(ScheduledStationAETitle="other"))) == 0
        eventually(lambda: [title for title, each in relay.report().scanners.items() if each.query] == [NEW])
        assert not may_echo(scanner(relay, SCANNER.lower()))
        assert not may_echo(replace(scanner(relay), called_ae="mwl_relay"))
