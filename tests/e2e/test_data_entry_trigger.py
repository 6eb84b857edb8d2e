"""A saved form reaches the scanner because REDCap says so, with no schedule to find it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from unittest.mock import patch

from infra.local.options import StackOptions
from infra.local.stack import LocalStack
from infra.local.story import Story
from tests.rigs.patience import PATIENCE


def test_a_saved_form_is_on_the_scanner_long_before_the_schedule_comes_round(tmp_path: Path) -> None:
    options = StackOptions(folder=tmp_path / "stack", schedule_seconds=3600.0)
    with patch.dict(os.environ):
        for name in [name for name in os.environ if name.startswith(("AWS_", "REDCAP_"))]:
            del os.environ[name]
        with LocalStack(options) as stack:
            first_sync(stack)
            assert "visible after" in Story(stack).book()


def first_sync(stack: LocalStack) -> None:
    """Wait for the one sync that the schedule asks for at the start."""
    deadline = time.monotonic() + PATIENCE
    while stack.source_state().watermark is None:
        assert time.monotonic() < deadline, "the first sync did not end"
        time.sleep(0.05)
