"""cache.db, read by another process beside its owner."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path

from edge_relay.worklist.cache import Cache, Unreadable
from edge_relay.worklist.cache_reader import CacheReader
from tests.rigs.relay import item
from tests.rigs.worklist import page


def test_another_process_reads_beside_the_owner(tmp_path: Path) -> None:
    with closing(Cache(tmp_path / "cache.db")) as cache:
        cache.apply_page(page((1, item("a"))), "", [Unreadable("b", 2, "why")])
        with closing(CacheReader(tmp_path / "cache.db")) as reader:
            assert [cached.item.id for cached in reader.select()] == ["a"]
            assert (reader.count(), reader.unreadable_count()) == (1, 1)


def test_reading_loads_nothing_of_dicom_so_that_status_starts_quickly() -> None:
    code = "import sys, edge_relay.health.status; print('pydicom' in sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "False"
