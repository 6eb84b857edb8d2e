"""A relay whose journal cannot be used: scanners get their worklist, MPPS is refused, and it is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_relay.client import scu
from shared.errors import Rejected
from tests.rigs.relay import (
    FakeCloud,
    began,
    completed,
    eventually,
    item,
    names,
    running_relay,
    scanner,
    statuses,
)

UID = "2.25.1001"


def test_it_starts_serves_the_worklist_refuses_mpps_and_heals(tmp_path: Path) -> None:
    journal = tmp_path / "journal.db"
    junk = b"what is left after a crash of the disk" * 500
    with FakeCloud() as cloud:
        cloud.put(item())
        journal.write_bytes(junk)
        with running_relay(tmp_path, cloud) as relay:
            eventually(lambda: names(relay))
            with pytest.raises(Rejected, match="0213"):
                scu.create_step(scanner(relay), began(item()), UID)
            assert "not a database" in relay.journal.problem
            assert statuses(relay) == ["SCHEDULED"]
            assert journal.read_bytes() == junk
            journal.unlink()  # the operator has put it aside
            eventually(lambda: not relay.journal.problem)
            scu.create_step(scanner(relay), began(item()), UID)
            scu.set_step(scanner(relay), completed(), UID)
            cloud.wait_for(lambda c: len(c.recorded) == 2)
