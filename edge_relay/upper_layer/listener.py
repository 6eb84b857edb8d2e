"""The ports: connections accepted within limits, one event loop in one thread for all of them, and the end.

What is bounded before anything is read: connections in total and from one address, and the time a TLS
handshake may take. The relay's own machine keeps a few places free, so that it can always ask itself.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections import Counter
from collections.abc import Sequence
from functools import partial
from ipaddress import ip_address
from typing import Any, Final

from edge_relay.upper_layer.application import Application, ConnectionLimits, Limits, Port, address_of
from edge_relay.upper_layer.association import Association
from edge_relay.upper_layer.message import LargeAnswers, LargeMessages
from edge_relay.upper_layer.negotiation import Negotiator

log = logging.getLogger(__name__)

_BACKLOG: Final = 512
_ACCEPTS_AT_ONCE: Final = 64
_ACCEPT_PAUSE_SECONDS: Final = 0.5  # after the system had no descriptor left
_LONGEST_SWEEP_SECONDS: Final = 0.25
_PLACES_FOR_OURSELVES: Final = 8
_TLS_GOODBYE_SECONDS: Final = 1.0  # for a peer to say that it has seen ours; without TLS nobody waits for it
_LAST_SECONDS: Final = 0.5  # for asyncio to close what has been aborted


class Listener:
    """Bound ports and the thread that serves them.

    :raises OSError: if a port is taken, or an address is not this machine's.
    """

    def __init__(
        self,
        ports: Sequence[Port],
        application: Application,
        negotiator: Negotiator,
        limits: Limits,
        connections: ConnectionLimits,
    ) -> None:
        self._application: Final = application
        self._negotiator: Final = negotiator
        self._limits: Final = limits
        self._most: Final = connections
        self._large: Final = LargeMessages()
        self._answers: Final = LargeAnswers()
        self._associations: Final[set[Association]] = set()
        self._addresses: Final[Counter[str]] = Counter()
        self._opening: Final[set[asyncio.Task[None]]] = set()
        self._stopped_clean = True
        self._stopping = False
        self._ended: Final = threading.Event()
        self._started: Final = threading.Event()
        # Windows' usual loop cannot watch sockets (add_reader); elsewhere this is the usual one.
        self._loop: Final = asyncio.SelectorEventLoop()
        self._loop.set_exception_handler(_quietly)
        self._thread: Final = threading.Thread(target=self._run, name="dicom", daemon=True)
        self._bound: Final[list[tuple[socket.socket, Port]]] = []
        try:
            for port in ports:
                self._bound.append((_bind(port), port))
        except OSError:
            self._close()
            raise
        self._addresses_bound: Final = [listening.getsockname()[:2] for listening, _ in self._bound]

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Host and port of each port, as bound, in the order given."""
        return list(self._addresses_bound)

    def start(self) -> None:
        """Accept connections from now on."""
        self._thread.start()
        self._started.wait()

    def stop(self, timeout: float) -> bool:
        """Stop accepting, let what is being answered end, then close everything.

        :return: whether all of it ended within the time, in seconds; it is over in any case.
        """
        if not self._thread.is_alive():
            self._close()
            return True
        self._loop.call_soon_threadsafe(self._begin_stop, timeout)
        self._ended.wait(timeout + 1.0)
        self._thread.join(1.0)
        return self._stopped_clean and not self._thread.is_alive()

    # -------------------------------------------------------------------------- on the event loop's thread

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        for listening, port in self._bound:
            self._loop.add_reader(listening, self._accept, listening, port)
        self._sweep()
        self._loop.call_soon(self._started.set)
        try:
            self._loop.run_forever()
        finally:
            self._close()
            self._ended.set()

    def _close(self) -> None:
        for listening, _ in self._bound:
            listening.close()
        if not self._loop.is_running():
            self._loop.close()

    def _accept(self, listening: socket.socket, port: Port) -> None:
        for _ in range(_ACCEPTS_AT_ONCE):
            try:
                connection, peer = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                # No descriptor left, most likely: the connection waits in the backlog, others may end.
                log.warning("a connection cannot be accepted (%s); trying again", error.strerror)
                self._loop.remove_reader(listening)
                self._loop.call_later(_ACCEPT_PAUSE_SECONDS, self._accept_again, listening, port)
                return
            connection.setblocking(False)
            address = address_of(peer)
            if self._has_room(address):
                self._addresses[address] += 1
                opening = self._loop.create_task(self._open(connection, address, port))
                self._opening.add(opening)
                opening.add_done_callback(partial(self._opened, connection, address))
            else:
                self._application.refused("", address, "too many connections are open")
                connection.close()

    def _accept_again(self, listening: socket.socket, port: Port) -> None:
        if not self._stopping:
            self._loop.add_reader(listening, self._accept, listening, port)

    def _has_room(self, address: str) -> bool:
        total = self._addresses.total()
        if ip_address(address.partition("%")[0]).is_loopback:
            return total < self._most.total + _PLACES_FOR_OURSELVES
        return total < self._most.total and self._addresses[address] < self._most.per_address

    async def _open(self, connection: socket.socket, address: str, port: Port) -> None:
        def association() -> Association:
            return Association(
                self._application,
                self._negotiator,
                self._limits,
                on_open=self._made,
                on_close=lambda each: self._gone(each, address),
                large=self._large,
                answers=self._answers,
            )

        options: dict[str, Any] = {}
        if port.tls is not None:
            options = {
                "ssl": port.tls(),
                "ssl_handshake_timeout": self._limits.artim_seconds,
                "ssl_shutdown_timeout": min(_TLS_GOODBYE_SECONDS, self._limits.pdu_seconds),
            }
        await self._loop.connect_accepted_socket(association, connection, **options)

    def _opened(self, connection: socket.socket, address: str, opening: asyncio.Task[None]) -> None:
        """Clean up after a connection that never came to stand, be it that it was given up at once."""
        self._opening.discard(opening)
        error = None if opening.cancelled() else opening.exception()
        if opening.cancelled() or error is not None:
            self._forget(address)
            connection.close()
        # Who leaves by itself, as a probe of the port does, was not refused.
        if error is not None and not isinstance(error, ConnectionResetError):
            self._application.refused("", address, f"the TLS handshake failed ({_reason(error)})")
        self._stop_if_over()

    def _made(self, association: Association) -> None:
        self._associations.add(association)
        if self._stopping:
            association.stop()

    def _gone(self, association: Association, address: str) -> None:
        self._associations.discard(association)
        self._forget(address)
        self._stop_if_over()

    def _stop_if_over(self) -> None:
        if self._stopping and not self._associations and not self._opening:
            self._loop.stop()

    def _forget(self, address: str) -> None:
        self._addresses[address] -= 1
        if self._addresses[address] <= 0:
            del self._addresses[address]

    def _sweep(self) -> None:
        now = self._loop.time()
        shortest = min(self._limits.artim_seconds, self._limits.idle_seconds, self._limits.pdu_seconds)
        self._loop.call_later(min(_LONGEST_SWEEP_SECONDS, shortest / 4), self._sweep)
        for association in list(self._associations):
            association.look_for_a_place()
            if why := association.overdue(now):
                association.drop(why)

    def _begin_stop(self, timeout: float) -> None:
        self._stopping = True
        for listening, _ in self._bound:
            self._loop.remove_reader(listening)
            listening.close()
        for opening in self._opening:
            opening.cancel()
        for association in list(self._associations):
            association.stop()
        self._loop.call_later(timeout, self._give_up)
        self._stop_if_over()

    def _give_up(self) -> None:
        self._stopped_clean = False
        for association in list(self._associations):
            association.drop("the relay is stopping")
        self._loop.call_later(_LAST_SECONDS, self._loop.stop)


def _bind(port: Port) -> socket.socket:
    family = socket.AF_INET6 if ":" in port.host else socket.AF_INET
    both = port.host == "::" and socket.has_dualstack_ipv6()
    listening = socket.create_server(
        (port.host, port.port), family=family, backlog=_BACKLOG, dualstack_ipv6=both
    )
    listening.setblocking(False)
    # Accepted sockets inherit it: command set and data set are separate small writes, and Nagle's algorithm
    # would hold the second back until the first is acknowledged.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def _reason(error: BaseException) -> str:
    if isinstance(error, ConnectionAbortedError):
        return "it took too long"
    return str(getattr(error, "reason", "") or type(error).__name__)


def _quietly(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Say what asyncio complains about, without its context: that could quote what a peer sent."""
    log.warning(
        "the network layer says: %s (%s)", context.get("message"), type(context.get("exception")).__name__
    )
