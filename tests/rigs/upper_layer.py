"""What tests of the upper layer share: an application that does as its data sets say, and raw peers.

    with serving(Toy()) as (toy, listener), associated(listener) as peer:
        peer.send(find(1, b"endless"))
        ...

The upper layer never looks into a data set, so those of these tests are plain words:

    <anything else>     one pending answer with the same data, then Success
    many <n> <size>     n pending answers of that many bytes, then Success
    endless <size>      pending answers for ever
    silent              never an answer, but None for ever
    later               a future, found in `Toy.futures`
    broken, ended       raises; ends without a final answer
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import NamedTuple

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom.dsutils import encode

from edge_relay.upper_layer.application import ConnectionLimits, Limits, Port
from edge_relay.upper_layer.command import CommandField
from edge_relay.upper_layer.listener import Listener
from edge_relay.upper_layer.message import Request
from edge_relay.upper_layer.negotiation import Negotiator, Proposal, Rejection
from edge_relay.upper_layer.operation import Operation, Response
from edge_relay.upper_layer.pdu import Framer, Pdu, PduType, data_pdus, pdvs
from tests.rigs.patience import PATIENCE, SOON

VERIFICATION = "1.2.840.10008.1.1"
WORKLIST = "1.2.840.10008.5.1.4.31"
APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
IMPLICIT = "1.2.840.10008.1.2"
ECHO_CONTEXT, FIND_CONTEXT = 1, 3
PENDING, SUCCESS, CANCELLED = 0xFF00, 0x0000, 0xFE00
RELEASE_RQ = b"\x05\0\0\0\0\x04\0\0\0\0"

PATIENT = Limits()


def only(**short: float) -> Limits:
    """Return limits of which only those given can be reached, however busy the machine is."""
    patient = {"artim_seconds": PATIENCE, "idle_seconds": PATIENCE, "pdu_seconds": PATIENCE}
    return Limits(**{**patient, **short})  # type: ignore[arg-type]


class Toy:
    """An application that does as its data sets say, and notes what happens to it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.rejection: Rejection | None = None
        self.open: list[str] = []
        self.refusals: list[tuple[str, str, str]] = []
        self.performed: list[Request] = []
        self.answers: list[tuple[int, int, int]] = []  # message id, status, pending answers
        self.futures: list[Future[Response]] = []
        self.ended = 0  # iterators that were closed or exhausted
        self.drawn = 0  # answers taken from them

    def until(self, holds: Callable[[Toy], bool]) -> bool:
        """Wait until something holds; tell whether it came to."""
        with self._changed:
            return self._changed.wait_for(lambda: holds(self), PATIENCE)

    def admit(self, proposal: Proposal, address: str) -> Rejection | None:
        return self.rejection

    def opened(self, calling_ae_title: str) -> None:
        with self._noting():
            self.open.append(calling_ae_title)

    def closed(self, calling_ae_title: str) -> None:
        with self._noting():
            self.open.remove(calling_ae_title)

    def refused(self, calling_ae_title: str, address: str, why: str) -> None:
        with self._noting():
            self.refusals.append((calling_ae_title, address, why))

    def perform(self, request: Request) -> Operation:
        with self._noting():
            self.performed.append(request)
        if request.command.field is not CommandField.C_FIND:
            return iter((Response(SUCCESS),))
        word, *numbers = (request.data or b"").decode().split() or [""]
        if word == "later":
            later: Future[Response] = Future()
            with self._noting():
                self.futures.append(later)
            return later
        if word == "unable":
            raise RuntimeError("a fault of ours")
        return self._yielding(
            word, [int(number) for number in numbers if number.isdigit()], request.data or b""
        )

    def answered(self, request: Request, status: int, seconds: float, answers: int) -> None:
        with self._noting():
            self.answers.append((request.command.message_id, status, answers))

    def _yielding(self, word: str, numbers: list[int], data: bytes) -> Iterator[Response | None]:
        try:
            if word == "broken":
                raise RuntimeError("a fault of ours")
            if word == "silent":
                while True:
                    yield None
            count = {"many": numbers[0] if numbers else 0, "endless": 1 << 60, "ended": 0}.get(word, 1)
            answer = bytes(numbers[-1]) if word in {"many", "endless"} else data
            for _ in range(count):
                self.drawn += 1
                yield Response(PENDING, answer)
            if word != "ended":
                yield Response(SUCCESS)
        finally:
            with self._noting():
                self.ended += 1

    @contextmanager
    def _noting(self) -> Iterator[None]:
        with self._changed:
            yield
            self._changed.notify_all()


@contextmanager
def serving(
    toy: Toy | None = None,
    limits: Limits = PATIENT,
    connections: ConnectionLimits | None = None,
    ports: tuple[Port, ...] = (Port("127.0.0.1", 0),),
) -> Iterator[tuple[Toy, Listener]]:
    toy = toy or Toy()
    negotiator = Negotiator([VERIFICATION, WORKLIST], limits.max_pdu_bytes)
    listener = Listener(ports, toy, negotiator, limits, connections or ConnectionLimits())
    listener.start()
    try:
        yield toy, listener
    finally:
        listener.stop(1.0)


class Answer(NamedTuple):
    """A response as a peer sees it: who is answered, how, with what, in how many PDUs."""

    message_id: int
    status: int
    data: bytes
    pdus: int


class Peer:
    """A peer on a raw socket."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.longest_pdu = 0
        self._framer = Framer(1 << 24)
        self._arrived: list[Pdu] = []
        connection.settimeout(PATIENCE)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def pdu(self) -> Pdu | None:
        """Return the next PDU, None once the connection has been closed."""
        while not self._arrived:
            try:
                data = self.socket.recv(65_536)
            except ConnectionError:
                return None
            if not data:
                return None
            self._arrived += self._framer.feed(data)
        self.longest_pdu = max(self.longest_pdu, len(self._arrived[0].raw) - 6)
        return self._arrived.pop(0)

    def answer(self) -> Answer:
        """Return the next response."""
        kinds: dict[bool, bytes] = {True: b"", False: b""}
        command: dict[int, int] = {}
        pdus = 0
        while True:
            pdu = self.pdu()
            if pdu is None or pdu.type is not PduType.P_DATA_TF:
                raise AssertionError(f"no answer but {'the end' if pdu is None else pdu.type.name}")
            pdus += 1
            for value in pdvs(pdu.raw):
                kinds[value.is_command] += value.data
                if value.is_command and value.is_last:
                    command = _shorts(kinds[True])
                if value.is_last and (not value.is_command or command.get(0x0800) == 0x0101):
                    return Answer(command[0x0120], command[0x0900], kinds[False], pdus)

    def answers(self) -> list[Answer]:
        """Return the next responses up to the final one."""
        found = [self.answer()]
        while found[-1].status == PENDING:
            found.append(self.answer())
        return found

    def associate(self, **options: int) -> Pdu | None:
        self.send(request(**options))
        return self.pdu()

    def echo(self) -> None:
        """Ask whether we are being served; raise if not."""
        self.send(echo(99))
        assert self.answer()[:2] == (99, SUCCESS)

    def close(self) -> None:
        self.socket.close()


@contextmanager
def connected(listener: Listener, port: int = 0, source: str = "") -> Iterator[Peer]:
    peer = Peer(socket.create_connection(listener.addresses[port], PATIENCE, (source, 0) if source else None))
    try:
        yield peer
    finally:
        peer.close()


@contextmanager
def associated(listener: Listener, **options: int) -> Iterator[Peer]:
    with connected(listener) as peer:
        answer = peer.associate(**options)
        assert answer is not None
        assert answer.type is PduType.A_ASSOCIATE_AC
        yield peer


def request(longest: int = 65_536) -> bytes:
    """An A-ASSOCIATE-RQ for both services."""

    def item(kind: int, body: bytes) -> bytes:
        return struct.pack(">BBH", kind, 0, len(body)) + body

    body = struct.pack(">HH16s16s32x", 1, 0, b"MWL_RELAY".ljust(16), b"SCANNER1".ljust(16))
    body += item(0x10, APPLICATION_CONTEXT.encode())
    for number, uid in ((ECHO_CONTEXT, VERIFICATION), (FIND_CONTEXT, WORKLIST)):
        syntaxes = item(0x30, uid.encode()) + item(0x40, IMPLICIT.encode())
        body += item(0x20, bytes((number, 0, 0, 0)) + syntaxes)
    body += item(0x50, item(0x51, struct.pack(">L", longest)) + item(0x52, b"1.2.3"))
    return struct.pack(">BBL", 1, 0, len(body)) + body


def echo(message_id: int) -> bytes:
    return data_pdus(ECHO_CONTEXT, _command(0x30, message_id, VERIFICATION), 16_384, is_command=True)


def find(message_id: int, data: bytes) -> bytes:
    command_set = _command(0x20, message_id, WORKLIST, data_set=True)
    return data_pdus(FIND_CONTEXT, command_set, 16_384, is_command=True) + data_pdus(
        FIND_CONTEXT, data, 16_384, is_command=False
    )


def cancel(message_id: int) -> bytes:
    dataset = Dataset()
    dataset.CommandField = 0x0FFF
    dataset.MessageIDBeingRespondedTo = message_id
    dataset.CommandDataSetType = 0x0101
    return data_pdus(FIND_CONTEXT, encode(dataset, True, True) or b"", 16_384, is_command=True)


def _command(field: int, message_id: int, uid: str, *, data_set: bool = False) -> bytes:
    dataset = Dataset()
    dataset.AffectedSOPClassUID = UID(uid)
    dataset.CommandField = field
    dataset.MessageID = message_id
    dataset.CommandDataSetType = 0x0001 if data_set else 0x0101
    return encode(dataset, True, True) or b""


def _shorts(command: bytes) -> dict[int, int]:
    """The elements of a command set that are two bytes long."""
    found = {}
    at = 0
    while at < len(command):
        _, element, length = struct.unpack_from("<HHL", command, at)
        if length == 2:
            (found[element],) = struct.unpack_from("<H", command, at + 8)
        at += 8 + length
    return found


def listen_for_a_moment(address: tuple[str, int]) -> None:
    """Raise OSError unless a port can be listened on: whoever had it has let it go.

    The system may have given it to somebody else meanwhile, for a connection; that is over soon.
    """
    deadline = time.monotonic() + SOON
    while True:
        try:
            socket.create_server(address).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
