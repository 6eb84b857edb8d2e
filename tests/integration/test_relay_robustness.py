"""A whole relay under peers that misbehave: they are dropped, hold nobody up, and leave nothing behind.

What the upper layer does with each kind of bad byte is in test_upper_layer.py.
"""

from __future__ import annotations

import os
import pkgutil
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic

import httpx
import pynetdicom
import pytest
from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from edge_relay.client import scu
from edge_relay.relay import Relay
from edge_relay.upper_layer import pynetdicom_tuning
from tests.rigs.patience import PATIENCE, SOON
from tests.rigs.relay import RELAY_AET, SCANNER, FakeCloud, enrolled, eventually, running_relay, scanner

LONGEST_MESSAGE = 1 << 20


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Relay]:
    with FakeCloud() as cloud, running_relay(tmp_path, cloud, pdu_timeout_seconds=0.3) as running:
        yield running


def test_the_version_is_the_one_the_tuning_was_written_for() -> None:
    assert pynetdicom.__version__ == "3.0.4"


@pytest.mark.parametrize("name", pynetdicom_tuning.PRIVATE_NAMES)
def test_every_private_name_used_is_there(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    association = Association(ApplicationEntity(), "requestor")
    instances = {"DULServiceProvider": association.dul, "DIMSEServiceProvider": association.dimse}
    if found := instances.get(module.rpartition(".")[2]):
        assert hasattr(found, attribute)
    else:
        assert hasattr(pkgutil.resolve_name(module), attribute)


def open_socket(relay: Relay) -> socket.socket:
    peer = socket.create_connection(relay.address, timeout=PATIENCE)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return peer


def closed_within(peer: socket.socket, seconds: float) -> bool:
    """Read until the relay closes; tell whether it did in time."""
    deadline = monotonic() + seconds
    peer.settimeout(seconds)
    try:
        while peer.recv(65_536):
            pass
    except ConnectionError:
        pass
    except TimeoutError:
        return False
    return monotonic() < deadline


@pytest.mark.parametrize(
    "junk",
    [
        b"\x01\x00\x00\x00\x00\x64half",
        b"\x04\x00\x00",
        b"\x01\x00" + struct.pack(">L", 300_000_000) + b"x" * 100,
        b"\x01\x00" + struct.pack(">L", LONGEST_MESSAGE + 1),
        b"\x99\x00\x00\x00\x00\x00",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_half_and_oversized_and_foreign_pdus_are_dropped_in_time(relay: Relay, junk: bytes) -> None:
    with open_socket(relay) as peer:
        peer.sendall(junk)
        assert closed_within(peer, SOON)
    scu.echo(scanner(relay))


def test_silent_and_stalled_peers_hold_nobody_up(relay: Relay) -> None:
    peers = [open_socket(relay) for _ in range(20)]
    for peer in peers[::2]:
        peer.sendall(b"\x01\x00\x00\x00")
    began = monotonic()
    scu.echo(scanner(relay))
    assert monotonic() - began < SOON
    for peer in peers:
        peer.close()


@contextmanager
def associated(relay: Relay) -> Iterator[tuple[Association, socket.socket]]:
    """Associate for verification; the socket is ours to close, for pynetdicom forgets when it is cut off."""
    ae = ApplicationEntity(SCANNER)
    ae.add_requested_context(Verification)
    association = ae.associate(*relay.address, ae_title=RELAY_AET)
    assert association.is_established
    connection = association.dul.socket
    assert connection is not None
    assert connection.socket is not None
    raw = connection.socket
    yield association, raw
    association.join(PATIENCE)
    raw.close()


def p_data(command: bytes) -> bytes:
    pdv = b"\x01\x03" + command
    item = struct.pack(">L", len(pdv)) + pdv
    return b"\x04\x00" + struct.pack(">L", len(item)) + item


def element(tag: int, value: bytes) -> bytes:
    return struct.pack("<HHL", 0, tag, len(value)) + value


US = struct.Struct("<H").pack


@pytest.mark.parametrize(
    "command",
    [
        b"\xff" * 40,
        element(0x0100, US(0x7777)) + element(0x0800, US(0x0101)),
        element(0x0100, US(0x0030)),
        # C-ECHO without a Message ID: pynetdicom alone would never answer it
        element(0x0002, b"1.2.840.10008.1.1\0") + element(0x0100, US(0x0030)) + element(0x0800, US(0x0101)),
    ],
)
def test_a_malformed_message_ends_its_association_only(relay: Relay, command: bytes) -> None:
    with associated(relay) as (association, raw):
        raw.sendall(p_data(command))
        association.join(PATIENCE)
        assert association.is_aborted
    scu.echo(scanner(relay))


def test_a_message_of_endless_fragments_is_cut_off(relay: Relay) -> None:
    fragment = b"\x01\x01" + b"\0" * 60_000
    item = struct.pack(">L", len(fragment)) + fragment
    with associated(relay) as (association, raw):
        with suppress(OSError):
            for _ in range(LONGEST_MESSAGE // 60_000 + 2):
                raw.sendall(b"\x04\x00" + struct.pack(">L", len(item)) + item)
        association.join(PATIENCE)
        assert not association.is_established
    scu.echo(scanner(relay))


def test_stopping_waits_for_nobody(tmp_path: Path) -> None:
    with FakeCloud() as cloud, running_relay(tmp_path, cloud) as relay:
        silent = [open_socket(relay) for _ in range(5)]
        with associated(relay) as (idle, _):
            began = monotonic()
            relay.stop()
            assert monotonic() - began < SOON
            idle.join(PATIENCE)
            assert idle.is_aborted
        for peer in silent:
            peer.close()


def test_a_thousand_associations_opened_and_dropped_leave_nothing_behind(relay: Relay) -> None:
    scu.echo(scanner(relay))

    def held() -> tuple[int, int]:
        return len(os.listdir("/proc/self/fd")), threading.active_count()

    before = held()
    for number in range(1000):
        with open_socket(relay) as peer:
            if number % 3:
                peer.sendall(b"\x01\x00\x00\x00\x00\x64half")
    eventually(lambda: held() <= before)
    scu.echo(scanner(relay))


def test_a_relay_reads_the_list_of_authorities_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[ssl.SSLContext] = []
    make = httpx.create_ssl_context

    def noted() -> ssl.SSLContext:
        read.append(make())
        return read[-1]

    with FakeCloud() as cloud:
        enrolled(tmp_path, cloud)
        monkeypatch.setattr(httpx, "create_ssl_context", noted)
        with running_relay(tmp_path, cloud):
            assert len(read) == 1
