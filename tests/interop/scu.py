"""pynetdicom as a scanner: an implementation of the other side that is not ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydicom.uid import UID, ImplicitVRLittleEndian
from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association

from edge_relay.relay import Relay
from tests.rigs.relay import RELAY_AET


@contextmanager
def associated(
    relay: Relay, calling: str, *services: str, syntax: UID = ImplicitVRLittleEndian
) -> Iterator[Association]:
    """Open an association for some SOP classes in one transfer syntax, and release it."""
    ae = ApplicationEntity(calling)
    for service in services:
        ae.add_requested_context(service, syntax)
    association = ae.associate(*relay.address, ae_title=RELAY_AET)
    assert association.is_established
    keep_answers(association)
    try:
        yield association
    finally:
        association.release()


def keep_answers(association: Association) -> None:
    """Keep pynetdicom's reactor from taking the answers its own caller waits for.

    Between two requests the reactor's thread may have been woken and not yet have run (pynetdicom 3.0.4):
    the second request then thinks it paused, and if it is answered before the reactor has looked for messages
    once more, its answer is gone, and the caller waits for its whole time-out. A server that takes a
    millisecond or more never meets this; the relay does. Who asks once on each association is safe.
    """
    get_msg = association.dimse.get_msg

    def for_callers_only(block: bool = False) -> Any:
        return get_msg(block) if block else (None, None)

    association.dimse.get_msg = for_callers_only  # type: ignore[method-assign]
