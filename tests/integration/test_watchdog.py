"""The self-query over real DICOM, against servers that answer well, badly, or not at all."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    ModalityWorklistInformationFind,
    Verification,
)

from edge_relay.client.scu import Peer
from edge_relay.operations import watchdog
from edge_relay.upper_layer.pynetdicom_tuning import quiet
from shared.errors import Forbidden, MwlError, Rejected, Unavailable
from tests.rigs.patience import PATIENCE


@contextmanager
def a_server(*, echo: int = 0x0000, find: int = 0x0000, asked: list[Dataset] | None = None) -> Iterator[Peer]:
    def on_find(event: evt.Event) -> Iterator[tuple[int, None]]:
        if asked is not None:
            asked.append(event.identifier)
        yield find, None

    quiet()
    ae = AE("RELAY")
    ae.add_supported_context(Verification)
    ae.add_supported_context(ModalityWorklistInformationFind)
    ae.require_calling_aet = ["RELAY"]
    handlers = [(evt.EVT_C_ECHO, lambda _: echo), (evt.EVT_C_FIND, on_find)]
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)  # type: ignore[arg-type]
    assert server is not None
    try:
        yield Peer("127.0.0.1", server.server_address[1], "RELAY", "RELAY", timeout_seconds=PATIENCE)
    finally:
        server.shutdown()
        server.server_close()


def test_a_relay_that_answers_is_alive_and_is_asked_for_nobody() -> None:
    asked: list[Dataset] = []
    with a_server(asked=asked) as peer:
        assert watchdog.ask(peer) == ""
    assert asked[0].PatientID
    assert not set(str(asked[0].PatientID)) & set("*?\\")


def test_a_relay_without_a_worklist_is_alive() -> None:
    # Its cloud may have been away from the start; systemd must not start it anew for that.
    with a_server(find=0xA700) as peer:
        assert watchdog.ask(peer) == ""


def test_a_relay_that_cannot_search_is_alive_and_complained_of() -> None:
    with a_server(find=0xC001) as peer:
        assert "C001" in watchdog.ask(peer)


def test_an_echo_that_fails_is_no_answer() -> None:
    with a_server(echo=0x0211) as peer, pytest.raises(Rejected):
        watchdog.ask(peer)


def test_a_port_nobody_listens_on_is_no_answer() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(Unavailable):
            watchdog.ask(Peer("127.0.0.1", free.getsockname()[1], "RELAY", "RELAY"))


def test_a_refusal_is_no_answer() -> None:
    with a_server() as peer, pytest.raises(Forbidden):
        watchdog.ask(Peer(peer.host, peer.port, "RELAY", "SOMEBODY"))


def test_a_relay_that_hangs_is_no_answer() -> None:
    # The kernel accepts the connection; nobody reads it.
    with socket.create_server(("127.0.0.1", 0)) as hanging, pytest.raises(MwlError):
        watchdog.ask(Peer("127.0.0.1", hanging.getsockname()[1], "RELAY", "RELAY", timeout_seconds=0.3))
