"""DCMTK's tools as scanners and as judges: findscu asks, dcmdump and dcm2json read what came.

    found = findscu(relay, tmp_path, "PatientName=Doe*", "Step.Modality=MR")
    assert found.statuses == (0xFF00, 0x0000)

Keys are written as findscu takes them; ``Step.`` and ``Code.`` stand for the item of the Scheduled Procedure
Step Sequence, and of the Scheduled Protocol Code Sequence in it.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import dcmread
from pydicom.uid import UID, ExplicitVRLittleEndian

from edge_relay.relay import Relay
from tests.rigs.patience import PATIENCE
from tests.rigs.relay import RELAY_AET, SCANNER

installed = pytest.mark.skipif(
    not all(map(shutil.which, ("findscu", "echoscu", "dcmdump", "dcm2json"))), reason="DCMTK is not installed"
)

PENDING, WARNING, SUCCESS, CANCELLED, MALFORMED = 0xFF00, 0xFF01, 0x0000, 0xFE00, 0xA900

_STEP = "ScheduledProcedureStepSequence[0]."
_SHORT = {"Step.": _STEP, "Code.": f"{_STEP}ScheduledProtocolCodeSequence[0]."}
_STATUS = re.compile(r"DIMSE Status +: 0x([0-9a-f]{4})")
_COMMENT = re.compile(r"\(0000,0902\) LO \[(.*)\] *#")


class Found:
    """What findscu was answered.

    :param said: everything it logged.
    :param files: the identifiers of the pending answers, in their order.
    """

    def __init__(self, said: str, files: tuple[Path, ...]) -> None:
        self.said = said
        self.files = files
        self.statuses = tuple(int(status, 16) for status in _STATUS.findall(said))
        self.comment = "".join(_COMMENT.findall(said))

    @cached_property
    def answers(self) -> list[Dataset]:
        """The identifiers as pydicom reads them."""
        return [dcmread(file, force=True) for file in self.files]


class Tool(NamedTuple):
    """What a tool said and how it ended."""

    code: int
    out: str
    errors: str


def tool(name: str, *arguments: str, cwd: Path | None = None) -> Tool:
    """Run one of DCMTK's tools to its end."""
    done = subprocess.run([name, *arguments], capture_output=True, cwd=cwd, timeout=PATIENCE, check=False)
    return Tool(
        done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
    )


def findscu(
    relay: Relay,
    folder: Path,
    *keys: str,
    calling: str = SCANNER,
    options: tuple[str, ...] = (),
    asked: tuple[Path, ...] = (),
) -> Found:
    """Ask a relay on one association; every call has a folder of its own in the one given.

    :param asked: files with an identifier each, which the keys are added to.
    """
    where = folder / f"answers{sum(1 for _ in folder.iterdir())}"
    where.mkdir()
    host, port = relay.address
    arguments = ["-W", "-X", "-d", "-aet", calling, "-aec", RELAY_AET, *options, host, str(port)]
    for key in keys:
        arguments += ["-k", long(key)]
    done = tool("findscu", *arguments, *map(str, asked), cwd=where)
    assert done.code == 0, done.errors[-2000:]
    return Found(done.out + done.errors, tuple(sorted(where.glob("rsp*.dcm"))))


def long(key: str) -> str:
    """Return a key as findscu wants it."""
    for short, path in _SHORT.items():
        if key.startswith(short):
            return path + key.removeprefix(short)
    return key


def saved(path: Path, dataset: Dataset, syntax: UID = ExplicitVRLittleEndian) -> Path:
    """Write a data set where DCMTK can read it, and return where that is."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID("1.2.276.0.7230010.3.1.0.1")  # DCMTK's own, for what is no image
    meta.MediaStorageSOPInstanceUID = UID("2.25.1")
    meta.TransferSyntaxUID = syntax
    dataset.file_meta = meta
    dataset.save_as(path, enforce_file_format=True)
    return path


def as_json(file: Path) -> dict[str, Any]:
    """Return a file as dcm2json reads it, its text converted to UTF-8 by DCMTK."""
    done = tool("dcm2json", str(file))
    assert (done.code, done.errors) == (0, ""), done.errors
    found: dict[str, Any] = json.loads(done.out)
    return found


def complaints(file: Path) -> list[str]:
    """Return what dcmdump warns of."""
    done = tool("dcmdump", "-v", str(file))
    assert done.code == 0, done.errors
    return [line for line in done.errors.splitlines() if line.startswith(("W:", "E:"))]
