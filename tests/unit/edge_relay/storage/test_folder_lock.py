from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_relay.storage.folder_lock import lock
from shared.errors import AlreadyExists


def test_a_folder_is_locked_once(tmp_path: Path) -> None:
    held = lock(tmp_path / "relay.lock")
    try:
        with pytest.raises(AlreadyExists, match="another relay"):
            lock(tmp_path / "relay.lock")
    finally:
        os.close(held)


def test_a_lock_ends_with_its_descriptor(tmp_path: Path) -> None:
    os.close(lock(tmp_path / "relay.lock"))
    os.close(lock(tmp_path / "relay.lock"))
