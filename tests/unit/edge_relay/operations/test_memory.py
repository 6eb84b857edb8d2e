"""What a relay's process does about its memory."""

from __future__ import annotations

import subprocess
import sys

from tests.rigs.patience import PATIENCE

_SERVED = """
import gc, sys
import edge_relay.cli
from edge_relay.__main__ import main
from edge_relay.operations import memory

def command(prog_name):
    loading = gc.isenabled()
    memory.settle()
    print(loading, gc.isenabled(), gc.get_freeze_count() > 1000)

edge_relay.cli.app = command
main()
"""


def test_the_collector_rests_while_a_command_loads_and_works_while_the_relay_serves() -> None:
    process = [sys.executable, "-c", _SERVED]
    ended = subprocess.run(process, capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert ended.stdout.split() == ["False", "True", "True"]
