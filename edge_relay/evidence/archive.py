"""Asking an archive (PACS) about one exam: C-FIND of the Study Root model, over one association."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pydicom.dataset import Dataset
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind  # type: ignore[attr-defined]

from edge_relay.client.scu import Peer, associated, found_by
from edge_relay.client.tls_trouble import TlsNames
from edge_relay.config import ArchiveSettings
from edge_relay.evidence.study import (
    MOST_COUNTED,
    Series,
    images_found,
    images_query,
    patient_ids,
    series_of,
    series_query,
    study_query,
)
from edge_relay.services.tls import tls_for_client
from shared.errors import Forbidden, Rejected
from shared.steps.study_images import StudyImages
from shared.worklist_item import WorklistItem

SERVICE: Final[str] = StudyRootQueryRetrieveInformationModelFind
Find = Callable[[Dataset], list[Dataset]]
_SETTINGS: Final = TlsNames("tls_ca of [[archives]]", "tls_client of [[archives]]", "port of [[archives]]")


def peer_of(archive: ArchiveSettings, own_title: str) -> Peer:
    """Return an archive as the DICOM client calls it; its files are read now: renewed ones need no restart.

    :param own_title: the relay's own AE title.
    :raises Rejected: a file cannot be used.
    """
    tls = tls_for_client(archive.tls_ca, archive.tls_client) if archive.tls_ca else None
    calling = archive.calling_ae_title or own_title
    return Peer(
        archive.host, archive.port, archive.ae_title, calling, archive.timeout_seconds, tls, _SETTINGS
    )


def ask(archive: Peer, item: WorklistItem) -> StudyImages | None:
    """Return what an archive has of an exam; None: nothing.

    :raises Unavailable: it cannot be reached, or gave up: the same later is safe.
    :raises Rejected: it refuses us, or this service.
    """
    try:
        with associated(archive, SERVICE) as association:
            return _ask(lambda query: found_by(association, query, SERVICE, says=False), archive, item)
    except Forbidden as error:  # the archive does, and not the cloud
        hint = "is the relay's AE title known there?"
        raise Rejected(error.what, where=f"archive {archive.called_ae}", hint=hint) from None


def _ask(find: Find, archive: Peer, item: WorklistItem) -> StudyImages | None:
    study = item.study_instance_uid
    ids = patient_ids(find(study_query(study)), study)
    if not ids:
        return None
    series = series_of(find(series_query(study)), study, item.modality)
    return images_found(item, archive.called_ae, ids, _counted(find, study, series))


def _counted(find: Find, study: str, series: list[Series]) -> list[Series]:
    """Return series with the number of their images, where the archive does not say it and they are few."""
    if len(series) > MOST_COUNTED or all(each.images for each in series):
        return series
    return [
        each if each.images else each._replace(images=len(find(images_query(study, each.uid))))
        for each in series
    ]
