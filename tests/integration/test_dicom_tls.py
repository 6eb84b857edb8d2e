"""DICOM over TLS, PS3.15 B.9: who is let in, who is not, and certificates renewed while in service."""

from __future__ import annotations

import logging
import shutil
import ssl
import subprocess
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Literal

import pytest
from cryptography import x509

from edge_relay.client import scu
from edge_relay.client.tls_trouble import tls_trouble
from edge_relay.services.tls import ServerTls, TlsFiles
from edge_relay.upper_layer.application import Limits, Port
from edge_relay.upper_layer.listener import Listener
from edge_relay.upper_layer.pdu import PduType
from shared.errors import Rejected, Unavailable
from tests.rigs.patience import PATIENCE, SOON
from tests.rigs.relay import eventually
from tests.rigs.tls import Authority, Issued
from tests.rigs.upper_layer import Peer, Toy, associated, connected, echo, find, only, request, serving

Demand = Literal["required", "optional", "none"]
TLS_1_2, TLS_1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


@dataclass
class Site:
    """One hospital's certificates, and a clock that tests set."""

    folder: Path
    hospital: Authority
    stranger: Authority
    server: Issued
    scanner: Issued
    seconds: float = 0.0
    lines: list[str] = field(default_factory=list)

    def tls(self, demand: Demand = "required") -> ServerTls:
        files = TlsFiles(self.server.certificate, self.server.key, self.hospital.file, demand)
        return ServerTls(files, lambda: self.seconds)

    def client(self, shown: Issued | None = None, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.hospital.file))
        if version is not None:
            context.minimum_version = context.maximum_version = version
        if shown is not None:
            context.load_cert_chain(shown.certificate, shown.key)
        return context


@pytest.fixture
def site(tmp_path: Path) -> Site:
    hospital, stranger = Authority(tmp_path, "hospital"), Authority(tmp_path, "stranger")
    return Site(tmp_path, hospital, stranger, hospital.issue("relay"), hospital.issue("scanner"))


@contextmanager
def serving_tls(tls: ServerTls, limits: Limits | None = None) -> Iterator[tuple[Toy, Listener]]:
    """A relay with a plain port, the first, and one with TLS."""
    ports = (Port("127.0.0.1", 0), Port("127.0.0.1", 0, tls.context))
    with serving(limits=limits or Limits(), ports=ports) as served:
        yield served


def ask(listener: Listener, context: ssl.SSLContext) -> None:
    host, port = listener.addresses[1]
    scu.echo(scu.Peer(host, port, "MWL_RELAY", "SCANNER1", 5, context))


@contextmanager
def secured(listener: Listener, context: ssl.SSLContext) -> Iterator[Peer]:
    with (
        connected(listener, 1) as plain,
        context.wrap_socket(plain.socket, server_hostname="127.0.0.1") as connection,
    ):
        yield Peer(connection)


def turned_away(listener: Listener, context: ssl.SSLContext) -> bool:
    """Tell whether the TLS port ends the connection, which TLS 1.3 lets a client know late."""
    try:
        with secured(listener, context) as peer:
            return peer.associate() is None
    except (ssl.SSLError, ConnectionError):
        return True


def said(toy: Toy, why: str) -> bool:
    return toy.until(lambda toy: any(why in each for *_, each in toy.refusals))


@pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3])
@pytest.mark.parametrize("demand", ["required", "optional", "none"])
def test_a_scanner_with_the_hospital_s_certificate_is_served(
    site: Site, version: ssl.TLSVersion, demand: Demand
) -> None:
    with serving_tls(site.tls(demand)) as (toy, listener):
        ask(listener, site.client(site.scanner, version))
        assert toy.until(lambda toy: len(toy.answers) == 1 and not toy.open)
        assert toy.refusals == []


@pytest.mark.parametrize("demand", ["optional", "none"])
def test_a_scanner_without_certificate_is_served_if_none_is_required(site: Site, demand: Demand) -> None:
    with serving_tls(site.tls(demand)) as (_, listener):
        ask(listener, site.client())


@pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3])
def test_a_scanner_without_certificate_is_refused_if_one_is_required(
    site: Site, version: ssl.TLSVersion
) -> None:
    with serving_tls(site.tls()) as (toy, listener):
        assert turned_away(listener, site.client(version=version))
        assert said(toy, "the TLS handshake failed (PEER_DID_NOT_RETURN_A_CERTIFICATE)")
        assert toy.performed == []


@pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3])
def test_our_own_client_says_that_a_certificate_is_wanted(site: Site, version: ssl.TLSVersion) -> None:
    with serving_tls(site.tls()) as (_, listener):
        host, port = listener.addresses[-1]
        for shown in (None, site.stranger.issue("stranger")):
            said = tls_trouble(host, port, site.client(shown, version), SOON)
            assert "--tls-client" in said
        peer = scu.Peer(host, port, "ANY", "ANY", SOON, site.client(None, version))
        with pytest.raises(Unavailable, match=r"did not answer over TLS.*--tls-client"):
            scu.echo(peer)


def test_our_own_client_says_that_a_certificate_is_not_trusted(site: Site) -> None:
    with serving_tls(site.tls("none")) as (_, listener):
        host, port = listener.addresses[-1]
        stranger = ssl.create_default_context(cafile=str(site.stranger.file))
        assert "its certificate is not trusted" in tls_trouble(host, port, stranger, SOON)


def test_our_own_client_says_that_a_port_speaks_no_tls(site: Site) -> None:
    with serving(Toy()) as (_, listener):
        host, port = listener.addresses[0]
        said = tls_trouble(host, port, site.client(), SOON)
        assert "does not speak TLS" in said or "closed" in said or "failed" in said


@pytest.mark.parametrize("demand", ["required", "optional"])
def test_a_stranger_s_certificate_is_refused(site: Site, demand: Demand) -> None:
    with serving_tls(site.tls(demand)) as (toy, listener):
        assert turned_away(listener, site.client(site.stranger.issue("intruder")))
        assert said(toy, "the TLS handshake failed (CERTIFICATE_VERIFY_FAILED)")
        assert toy.performed == []


def test_a_certificate_that_has_ended_is_refused(site: Site) -> None:
    with serving_tls(site.tls()) as (toy, listener):
        assert turned_away(listener, site.client(site.hospital.issue("old", lasts=timedelta(days=-1))))
        assert said(toy, "CERTIFICATE_VERIFY_FAILED")


def test_tls_1_1_is_refused(site: Site) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old = site.client(site.scanner, ssl.TLSVersion.TLSv1_1)
    old.set_ciphers("ALL:@SECLEVEL=0")
    with serving_tls(site.tls()) as (toy, listener):
        assert turned_away(listener, old)
        assert said(toy, "UNSUPPORTED_PROTOCOL")


@pytest.mark.parametrize("cipher", ["AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA"])
def test_ciphers_without_forward_secrecy_or_authenticated_encryption_are_refused(
    site: Site, cipher: str
) -> None:
    weak = site.client(site.scanner, TLS_1_2)
    weak.set_ciphers(cipher)
    with serving_tls(site.tls()) as (toy, listener):
        assert turned_away(listener, weak)
        assert said(toy, "NO_SHARED_CIPHER")


def test_a_peer_that_is_silent_in_its_handshake_keeps_nobody_out_and_is_dropped(site: Site) -> None:
    with (
        serving_tls(site.tls(), only(artim_seconds=0.3, pdu_seconds=0.3)) as (toy, listener),
        connected(listener, 1) as silent,
    ):
        ask(listener, site.client(site.scanner))
        began = perf_counter()
        assert silent.pdu() is None
        assert perf_counter() - began < SOON
        assert said(toy, "it took too long")


def test_a_probe_of_the_port_is_not_worth_a_line(site: Site) -> None:
    with serving_tls(site.tls()) as (toy, listener):
        for _ in range(3):
            with connected(listener, 1):
                pass
        ask(listener, site.client(site.scanner))
        eventually(lambda: not listener._addresses)
        assert toy.refusals == []


def test_plain_dicom_on_the_tls_port_ends_at_once(site: Site) -> None:
    with serving_tls(site.tls()) as (toy, listener), connected(listener, 1) as peer:
        peer.send(request())
        assert peer.pdu() is None
        assert said(toy, "the TLS handshake failed")
        ask(listener, site.client(site.scanner))


def test_tls_on_the_plain_port_ends_at_once(site: Site) -> None:
    with serving_tls(site.tls()) as (toy, listener), connected(listener) as peer:
        with pytest.raises(ssl.SSLError):
            site.client().wrap_socket(peer.socket, server_hostname="127.0.0.1")
        assert said(toy, "a PDU of unknown type")
        with associated(listener) as other:
            other.echo()


def test_requests_answers_and_the_end_are_as_without_tls(site: Site) -> None:
    limits = Limits(pdu_seconds=0.3)
    with (
        serving_tls(site.tls(), limits) as (toy, listener),
        secured(listener, site.client(site.scanner)) as peer,
    ):
        peer.associate()
        peer.send(find(1, b"many 200 20000") + b"".join(echo(number) for number in range(2, 500)))
        assert len(peer.answers()) == 201
        assert [peer.answer().message_id for _ in range(2, 500)] == list(range(2, 500))
        assert listener.stop(2)
        aborted = peer.pdu()
        assert aborted is not None
        assert aborted.type is PduType.A_ABORT
        assert toy.open == []


def test_a_peer_that_never_reads_is_dropped_with_tls_too(site: Site) -> None:
    with serving_tls(site.tls(), only(pdu_seconds=0.25)) as (toy, listener):
        with secured(listener, site.client(site.scanner)) as peer:
            peer.associate()
            peer.send(find(1, b"endless 4000"))
            assert said(toy, "the peer does not take its answers")
            assert toy.drawn * 4000 < 16_000_000
        assert toy.until(lambda toy: not toy.open and toy.ended == 1)


def test_the_end_comes_in_time_for_peers_in_their_handshake_or_stalled(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        serving_tls(site.tls()) as (toy, listener),
        connected(listener, 1) as silent,
        secured(listener, site.client(site.scanner)) as stalled,
    ):
        stalled.associate()
        stalled.send(find(1, b"endless 4000"))
        assert toy.until(lambda toy: len(toy.performed) == 1)
        began = perf_counter()
        assert listener.stop(0.2) is False
        assert perf_counter() - began < SOON
        assert silent.pdu() is None
        assert not listener._opening
        assert not listener._associations
    assert caplog.records == []


# -------------------------------------------------------------------------------------------- certificates


def shown_by(listener: Listener, context: ssl.SSLContext) -> int:
    """The serial number of the certificate the port shows."""
    with secured(listener, context) as peer:
        assert isinstance(peer.socket, ssl.SSLSocket)
        raw = peer.socket.getpeercert(binary_form=True)
        assert raw is not None
        return x509.load_der_x509_certificate(raw).serial_number


def serial(issued: Issued) -> int:
    return x509.load_pem_x509_certificate(issued.certificate.read_bytes()).serial_number


def test_a_certificate_replaced_on_disk_is_used_by_the_next_connection(site: Site) -> None:
    tls = site.tls("none")
    with serving_tls(tls) as (_, listener):
        old = serial(site.server)
        assert shown_by(listener, site.client()) == old
        with secured(listener, site.client()) as standing:
            standing.associate()
            site.hospital.issue("relay", lasts=timedelta(days=9))
            assert shown_by(listener, site.client()) == old  # not looked at again so soon
            site.seconds += 6
            assert shown_by(listener, site.client()) == serial(site.server) != old
            standing.echo()
    assert timedelta(days=8) < tls.not_after() - datetime.now(UTC) < timedelta(days=9)


@pytest.mark.parametrize("broken", ["certificate", "key", "gone", "other key", "empty"])
def test_a_replacement_that_cannot_be_used_leaves_the_old_one_and_says_so(
    site: Site, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    tls = site.tls()
    old, ends = serial(site.server), tls.not_after()
    certificate = site.server.certificate.read_bytes()
    damage: dict[str, Callable[[], object]] = {
        "certificate": lambda: site.server.certificate.write_bytes(b"-----BEGIN CERTIFICATE-----\nno\n"),
        "key": lambda: site.server.key.write_text("no key"),
        "gone": site.server.certificate.unlink,
        "other key": lambda: shutil.copy(site.stranger.issue("other").key, site.server.key),
        "empty": lambda: site.server.certificate.write_text(""),
    }
    with serving_tls(tls) as (_, listener), caplog.at_level(logging.INFO, "edge_relay.services.tls"):
        damage[broken]()
        site.seconds += 6
        assert shown_by(listener, site.client(site.scanner)) == old
        ask(listener, tls.self_client())
        site.seconds += 6
        assert shown_by(listener, site.client(site.scanner)) == old
        assert tls.not_after() == ends
        assert len(caplog.records) == 1  # once, not each time
        assert "the old ones stay" in caplog.text
        assert certificate.decode() not in caplog.text
        site.hospital.issue("relay")
        site.seconds += 6
        assert shown_by(listener, site.client(site.scanner)) == serial(site.server) != old
        assert "has been renewed" in caplog.text


def test_a_certificate_and_key_replaced_one_after_the_other_are_used_once_both_are_there(site: Site) -> None:
    tls = site.tls("none")
    with serving_tls(tls) as (_, listener):
        old = serial(site.server)
        key = site.server.key.read_bytes()
        site.hospital.issue("relay")
        new_key = site.server.key.read_bytes()
        site.server.key.write_bytes(key)
        site.seconds += 6
        assert shown_by(listener, site.client()) == old
        site.server.key.write_bytes(new_key)
        site.seconds += 6
        assert shown_by(listener, site.client()) != old


def test_the_clients_authority_is_renewed_too(site: Site) -> None:
    with serving_tls(site.tls()) as (_, listener):
        scanner = site.client(site.stranger.issue("visitor"))
        assert turned_away(listener, scanner)
        site.hospital.file.write_bytes(site.hospital.file.read_bytes() + site.stranger.file.read_bytes())
        site.seconds += 6
        ask(listener, scanner)


@pytest.mark.parametrize("demand", ["required", "optional", "none"])
def test_the_relay_may_ask_itself_whatever_it_demands_of_others(site: Site, demand: Demand) -> None:
    site.server = site.stranger.issue("relay")
    tls = site.tls(demand)
    with serving_tls(tls) as (_, listener):
        ask(listener, tls.self_client())


def test_the_relay_asks_nobody_else_by_mistake(site: Site) -> None:
    tls = site.tls()
    site.server = site.hospital.issue("another")
    with serving_tls(site.tls()) as (_, listener):
        assert turned_away(listener, tls.self_client())


def test_the_relay_may_ask_itself_also_when_its_certificate_has_ended(site: Site) -> None:
    site.server = site.hospital.issue("relay", lasts=timedelta(days=-1))
    tls = site.tls()
    with serving_tls(tls) as (_, listener):
        ask(listener, tls.self_client())
        assert turned_away(listener, site.client(site.scanner))
    assert tls.not_after() < datetime.now(UTC)


def test_what_the_relay_shows_itself_is_nobody_else_s_to_show(site: Site) -> None:
    other = site.tls()
    with serving_tls(site.tls()) as (_, listener):
        assert turned_away(listener, other.self_client())


def test_an_encrypted_key_is_refused_and_nobody_is_asked_for_its_password(site: Site) -> None:
    site.server = site.hospital.issue("locked", password=b"secret")
    with pytest.raises(Rejected, match="key"):
        site.tls()


@pytest.mark.parametrize("missing", ["certificate", "key", "authority"])
def test_files_that_are_not_there_are_named(site: Site, missing: str) -> None:
    paths = {
        "certificate": site.server.certificate,
        "key": site.server.key,
        "authority": site.hospital.file,
    }
    paths[missing].unlink()
    with pytest.raises(Rejected) as refused:
        site.tls()
    assert str(paths[missing if missing == "authority" else "certificate"]) in str(refused.value)


@pytest.mark.skipif(not shutil.which("echoscu"), reason="DCMTK is not installed (apt install dcmtk)")
def test_dcmtk_is_served_with_its_certificate_and_not_without(site: Site) -> None:
    with serving_tls(site.tls()) as (toy, listener):
        host, port = listener.addresses[1]
        where = ["+cf", str(site.hospital.file), host, str(port)]
        shown = ["+tls", str(site.scanner.key), str(site.scanner.certificate)]
        subprocess.run(["echoscu", *shown, *where], check=True, timeout=PATIENCE, capture_output=True)
        assert toy.until(lambda toy: len(toy.answers) == 1)
        ran = subprocess.run(["echoscu", "+tla", *where], check=False, timeout=PATIENCE, capture_output=True)
        assert ran.returncode != 0
        assert len(toy.answers) == 1
