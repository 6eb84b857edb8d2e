"""The relay where Linux's own is missing, as on Windows; `tests.rigs.bare_system` says how far that goes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge_relay.client import scu
from tests.rigs import relay as relay_rig
from tests.rigs.patience import PATIENCE
from tests.rigs.relay import CODE, RELAY_AET, SCANNER, FakeCloud
from tests.structure.imports import ROOT

pytestmark = pytest.mark.slow


def command(folder: Path, *arguments: str) -> list[str]:
    places = ["--config", str(folder / "relay.toml")] if arguments[0] != "status" else []
    places += ["--state-dir", str(folder / "state")]
    return [sys.executable, "-m", "tests.rigs.bare_system", "edge_relay", *arguments, *places]


def told(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(folder, *arguments), cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


@contextmanager
def serving(folder: Path) -> Iterator[scu.Peer]:
    """Run the relay; when the block ends, it is told to end, and does."""
    with subprocess.Popen(command(folder, "run"), cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            host, port = running.stdout.readline().split()[1].rsplit(":", 1)
            yield scu.Peer(host, int(port), RELAY_AET, SCANNER)
            running.terminate()
            assert running.wait(PATIENCE) == 0
        finally:
            running.kill()


def test_a_relay_serves_a_scanner_passes_its_report_on_and_ends_when_told(tmp_path: Path) -> None:
    with FakeCloud() as cloud:
        exam = relay_rig.item(patient_id="sub_900007_ses_1")
        cloud.put(exam)
        (tmp_path / "relay.toml").write_text(relay_rig.toml(cloud))
        assert "enrolled" in told(tmp_path, "enroll", CODE).stdout
        with serving(tmp_path) as peer:
            scu.echo(peer)
            query = scu.worklist_query(patient_id="sub_900007_ses_1")
            relay_rig.eventually(lambda: len(scu.find(peer, query)) == 1)
            relay_rig.eventually(lambda: json.loads(told(tmp_path, "status", "--json").stdout)["items"] == 1)
            scu.create_step(peer, relay_rig.began(exam), "2.25.1")
            relay_rig.eventually(lambda: cloud.recorded)
            assert "another relay is running on this state folder" in told(tmp_path, "run").stderr
