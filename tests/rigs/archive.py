"""A real archive (PACS) on a free port, DCMTK's dcmqrscp or Orthanc, and what a scanner stores there.

with running_archive("dcmqrscp", tmp_path) as archive:
    archive.store(study_instance_uid, patient_id, series=2, images=3)
"""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom.ae import ApplicationEntity
from pynetdicom.sop_class import MRImageStorage  # type: ignore[attr-defined]

from edge_relay.config import ArchiveSettings
from edge_relay.upper_layer.pynetdicom_tuning import close_broken_connections
from tests.rigs.patience import PATIENCE
from tests.rigs.tls import Issued

AE_TITLE: Final = "PACS"
PROGRAMS: Final = {"dcmqrscp": "dcmqrscp", "orthanc": "Orthanc"}
"""What can play an archive, and the program that must be installed for it."""


@dataclass
class Archive:
    """A running archive.

    :param tls: how to store images there; None: not encrypted.
    """

    port: int
    tls: ssl.SSLContext | None = None

    def settings(self, **changes: Any) -> ArchiveSettings:
        """Return it as relay.toml names it."""
        return ArchiveSettings(ae_title=AE_TITLE, host="127.0.0.1", port=self.port, **changes)

    def store(
        self,
        study_instance_uid: str,
        patient_id: str,
        *,
        series: int = 1,
        images: int = 1,
        modality: str = "MR",
        at: str = "20261122101500",
    ) -> None:
        """Store series of a study, as a scanner does (C-STORE)."""
        uids = [f"2.25.{uuid4().int}" for _ in range(series)]
        self._send(
            [
                _image(study_instance_uid, patient_id, uid, number, modality, at)
                for uid in uids
                for number in range(images)
            ]
        )

    def _send(self, images: Sequence[Dataset]) -> None:
        close_broken_connections()
        ae = ApplicationEntity("MR1")
        ae.add_requested_context(MRImageStorage, ExplicitVRLittleEndian)
        association = ae.associate(
            "127.0.0.1",
            self.port,
            ae_title=AE_TITLE,
            tls_args=(self.tls, "127.0.0.1") if self.tls else None,
        )
        assert association.is_established
        try:
            statuses = [association.send_c_store(each).Status for each in images]
        finally:
            association.release()
        assert statuses == [0] * len(images)


@contextmanager
def running_archive(kind: str, folder: Path) -> Iterator[Archive]:
    """Run an archive that has no image yet, until the end."""
    port = _free_port()
    with _running(_COMMANDS[kind](folder, port), port, folder):
        yield Archive(port)


@contextmanager
def archive_over_tls(folder: Path, own: Issued, trusted: Path, client: ssl.SSLContext) -> Iterator[Archive]:
    """Run an Orthanc that speaks TLS only, and wants a client certificate.

    :param trusted: the authority of clients' certificates. ``client``: how to store images there.
    """
    tls = {
        "DicomTlsEnabled": True,
        "DicomTlsCertificate": str(own.certificate),
        "DicomTlsPrivateKey": str(own.key),
        "DicomTlsTrustedCertificates": str(trusted),
    }
    port = _free_port()
    with _running(_orthanc(folder, port, tls), port, folder):
        yield Archive(port, client)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def _running(command: Sequence[str], port: int, folder: Path) -> Iterator[None]:
    with (folder / "archive.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        _wait_for(port, process, folder / "archive.log")
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _dcmqrscp(folder: Path, port: int) -> list[str]:
    store = folder / "store"
    store.mkdir()
    config = folder / "dcmqrscp.cfg"
    config.write_text(
        f"NetworkTCPPort = {port}\nMaxPDUSize = 16384\nMaxAssociations = 8\n"
        "HostTable BEGIN\nHostTable END\nVendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\n{AE_TITLE} {store} RW (100, 64mb) ANY\nAETable END\n"
    )
    return [_program("dcmqrscp"), "--config", str(config)]


def _orthanc(folder: Path, port: int, more: Mapping[str, Any] | None = None) -> list[str]:
    config = folder / "orthanc.json"
    config.write_text(
        json.dumps(
            {
                "DicomPort": port,
                "DicomAet": AE_TITLE,
                "HttpServerEnabled": False,
                "StorageDirectory": str(folder / "store"),
                "IndexDirectory": str(folder / "store"),
                "DicomAlwaysAllowFind": True,
                "Plugins": [],
                **(more or {}),
            }
        )
    )
    return [_program("orthanc"), str(config)]


_COMMANDS: Final = {"dcmqrscp": _dcmqrscp, "orthanc": _orthanc}


def _program(kind: str) -> str:
    found = shutil.which(PROGRAMS[kind])
    assert found, f"{kind} is not installed"
    return found


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text("utf-8", "replace")[-2000:]
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError(f"the archive does not listen: {log.read_text('utf-8', 'replace')[-2000:]}")


def _image(study: str, patient_id: str, series: str, number: int, modality: str, at: str) -> Dataset:
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.SOPClassUID, image.SOPInstanceUID = MRImageStorage, f"2.25.{uuid4().int}"
    image.StudyInstanceUID, image.SeriesInstanceUID = study, series
    image.PatientID, image.PatientName, image.PatientBirthDate, image.PatientSex = patient_id, "A^B", "", ""
    image.StudyDate, image.StudyTime = at[:8], at[8:]
    image.SeriesDate, image.SeriesTime = at[:8], at[8:]
    image.StudyID = image.AccessionNumber = ""
    image.Modality, image.SeriesNumber, image.InstanceNumber = modality, 1, number + 1
    return image
