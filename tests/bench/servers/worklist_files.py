"""The items as data sets and as the worklist files that wlmscpfs and Orthanc read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian
from pynetdicom.sop_class import ModalityWorklistInformationFind  # type: ignore[attr-defined]

from shared.worklist_item import WorklistItem


def dataset(item: WorklistItem) -> Dataset:
    """Return an item as a data set of the worklist's information model (PS3.4 Table K.6-1)."""
    protocol = Dataset()
    protocol.CodeValue = item.protocol_name
    protocol.CodingSchemeDesignator = "99BENCH"
    protocol.CodeMeaning = item.protocol_name
    step = Dataset()
    step.Modality = item.modality
    step.ScheduledStationAETitle = item.scheduled_station_aetitle
    step.ScheduledProcedureStepStartDate = item.scheduled_start_date
    step.ScheduledProcedureStepStartTime = item.scheduled_start_time
    step.ScheduledPerformingPhysicianName = item.performing_physician
    step.ScheduledProcedureStepDescription = item.procedure_description
    step.ScheduledProtocolCodeSequence = [protocol]
    step.ScheduledProcedureStepID = item.scheduled_procedure_step_id
    step.ScheduledStationName = item.station_name
    step.ScheduledProcedureStepStatus = item.performed_procedure_step_status.dicom_status()
    found = Dataset()
    found.AccessionNumber = item.accession_number
    found.ReferringPhysicianName = item.referring_physician_name
    found.StudyDescription = item.study_description
    found.ReferencedStudySequence = []
    found.ReferencedPatientSequence = []
    found.PatientName = item.patient_name
    found.PatientID = item.patient_id
    found.PatientBirthDate = item.patient_birth_date
    found.PatientSex = item.patient_sex
    found.PatientWeight = item.patient_weight_kg
    found.StudyInstanceUID = item.study_instance_uid
    found.RequestedProcedureDescription = item.procedure_description
    found.RequestedProcedureID = item.requested_procedure_id
    found.ScheduledProcedureStepSequence = [step]
    return found


def write(items: Iterable[WorklistItem], folder: Path) -> None:
    """Write one file an item, and the lock file that wlmscpfs asks for."""
    folder.mkdir(parents=True)
    (folder / "lockfile").touch()
    for item in items:
        found = dataset(item)
        found.file_meta = FileMetaDataset()
        found.file_meta.MediaStorageSOPClassUID = ModalityWorklistInformationFind
        found.file_meta.MediaStorageSOPInstanceUID = UID(item.study_instance_uid)
        found.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        found.save_as(folder / f"{item.id}.wl", enforce_file_format=True)
