"""Starting a command is measured on the process itself, and only if it ended as it must."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from infra.local.template import load
from shared.errors import Unavailable
from tests.bench.start import API, FUNCTIONS, cpu_seconds

BUSY = "import time\nwhile time.process_time() < 0.3: pass"


def test_what_the_process_computed_is_counted_and_what_it_slept_is_not(tmp_path: Path) -> None:
    assert cpu_seconds([sys.executable, "-c", BUSY], 0, tmp_path) >= 0.3
    assert cpu_seconds([sys.executable, "-S", "-c", "import time; time.sleep(1)"], 0, tmp_path) < 0.8


def test_a_command_that_ended_otherwise_is_no_figure(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="ended with 1, not 0"):
        cpu_seconds([sys.executable, "-c", "import no_such_module"], 0, tmp_path)


def test_every_function_that_is_deployed_has_a_row() -> None:
    properties = (resource.get("Properties", {}) for resource in load()["Resources"].values())
    handlers = {each["Handler"].rpartition(".")[0] for each in properties if "Handler" in each}
    assert {API, *FUNCTIONS} == handlers
