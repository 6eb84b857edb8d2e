"""The attributes of a Modality Performed Procedure Step and what is required of them: data, from PS3.4. Pure.

Table F.7.2-1, as of 2024. Each row: requirement types for N-CREATE and N-SET as the standard writes them
(SCU/SCP; ``-`` is "not allowed") and the type in the final state, empty where the table leaves it out.
Conditional types (1C) are those of codes and of Specific Character Set: `edge_relay.mpps.check` knows when.
The code macros are Tables F.7.2-1a, -1c and -1e without their optional rows. "All other
attributes" are 3/3: they are kept.
"""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple

from pydicom.datadict import tag_for_keyword


class Requirement(NamedTuple):
    """One row of the table.

    :param create: requirement type in N-CREATE, SCU/SCP.
    :param set: requirement type in N-SET, SCU/SCP; ``-`` if it may not be set.
    :param final: requirement type once the status is COMPLETED or DISCONTINUED; empty if none is named.
    :param children: the rows of a sequence's items.
    """

    keyword: str
    create: str
    set: str
    final: str = ""
    children: tuple[Requirement, ...] = ()

    @property
    def tag(self) -> str:
        """Its tag as the DICOM JSON model has it, ``GGGGEEEE``."""
        return _tag(self.keyword)


@cache
def _tag(keyword: str) -> str:
    return f"{tag_for_keyword(keyword) or 0:08X}"


_R = Requirement

_INSTANCE: Final = (
    _R("ReferencedSOPClassUID", "1/1", "-"),
    _R("ReferencedSOPInstanceUID", "1/1", "-"),
)
_SET_INSTANCE: Final = (
    _R("ReferencedSOPClassUID", "1/1", "1/1"),
    _R("ReferencedSOPInstanceUID", "1/1", "1/1"),
)
_CODE_NO_SET: Final = (  # Table F.7.2-1a
    _R("CodeValue", "1C/1C", "-"),
    _R("CodingSchemeDesignator", "1C/1C", "-"),
    _R("CodeMeaning", "1/1", "-"),
)
_CODE: Final = (  # Table F.7.2-1c
    _R("CodeValue", "1C/1C", "3/1C"),
    _R("CodingSchemeDesignator", "1C/1C", "1C/1C"),
    _R("CodeMeaning", "1/1", "1/1"),
)
_CODE_MEANING_OPTIONAL: Final = (  # Table F.7.2-1e
    _R("CodeValue", "1C/1C", "3/1C"),
    _R("CodingSchemeDesignator", "1C/1C", "1C/1C"),
    _R("CodeMeaning", "3/3", "3/3"),
)
_SCHEDULED_STEP: Final = (
    _R("StudyInstanceUID", "1/1", "-"),
    _R("ReferencedStudySequence", "2/2", "-", children=_INSTANCE),
    _R("AccessionNumber", "2/2", "-"),
    _R("RequestedProcedureID", "2/2", "-"),
    _R("RequestedProcedureCodeSequence", "3/3", "-", children=_CODE_NO_SET),
    _R("RequestedProcedureDescription", "2/2", "-"),
    _R("ScheduledProcedureStepID", "2/2", "-"),
    _R("ScheduledProcedureStepDescription", "2/2", "-"),
    _R("ScheduledProtocolCodeSequence", "2/2", "-", children=_CODE_NO_SET),
)
_SERIES: Final = (
    _R("PerformingPhysicianName", "2/2", "2/2", "2"),
    _R("ProtocolName", "1/1", "1/1", "1"),
    _R("OperatorsName", "2/2", "2/2", "2"),
    _R("SeriesInstanceUID", "1/1", "1/1", "1"),
    _R("SeriesDescription", "2/2", "2/2", "2"),
    _R("RetrieveAETitle", "2/2", "2/2", "2"),
    _R("ArchiveRequested", "3/3", "3/3"),
    _R("ReferencedImageSequence", "2/2", "2/2", children=_SET_INSTANCE),
    _R("ReferencedNonImageCompositeSOPInstanceSequence", "2/2", "2/2", children=_SET_INSTANCE),
)

ATTRIBUTES: Final = (
    #  keyword                                    N-CREATE  N-SET   final
    _R("SpecificCharacterSet", "1C/1C", "1C/1C"),
    # Performed Procedure Step Relationship
    _R("ScheduledStepAttributesSequence", "1/1", "-", children=_SCHEDULED_STEP),
    _R("PatientName", "2/2", "-"),
    _R("PatientID", "2/2", "-"),
    _R("IssuerOfPatientID", "3/3", "-"),
    _R("IssuerOfPatientIDQualifiersSequence", "3/3", "-"),
    _R("OtherPatientIDsSequence", "3/3", "-"),
    _R("PatientBirthDate", "2/2", "-"),
    _R("PatientSex", "2/2", "-"),
    _R("ReferencedPatientSequence", "2/2", "-", children=_INSTANCE),
    _R("AdmissionID", "3/3", "-"),
    _R("IssuerOfAdmissionIDSequence", "3/3", "-"),
    _R("ServiceEpisodeID", "3/3", "-"),
    _R("IssuerOfServiceEpisodeIDSequence", "3/3", "-"),
    _R("ServiceEpisodeDescription", "3/3", "-"),
    # Performed Procedure Step Information
    _R("PerformedProcedureStepID", "1/1", "-"),
    _R("PerformedStationAETitle", "1/1", "-"),
    _R("PerformedStationName", "2/2", "-"),
    _R("PerformedLocation", "2/2", "-"),
    _R("PerformedProcedureStepStartDate", "1/1", "-"),
    _R("PerformedProcedureStepStartTime", "1/1", "-"),
    _R("PerformedProcedureStepStatus", "1/1", "3/1"),
    _R("PerformedProcedureStepDescription", "2/2", "3/2"),
    _R("PerformedProcedureTypeDescription", "2/2", "3/2"),
    _R("ProcedureCodeSequence", "2/2", "3/2", children=_CODE_MEANING_OPTIONAL),
    _R("ReasonForPerformedProcedureCodeSequence", "3/3", "3/3", children=_CODE),
    _R("PerformedProcedureStepEndDate", "2/2", "3/1", "1"),
    _R("PerformedProcedureStepEndTime", "2/2", "3/1", "1"),
    _R("CommentsOnThePerformedProcedureStep", "3/3", "3/3"),
    _R("PerformedProcedureStepDiscontinuationReasonCodeSequence", "3/3", "3/3", children=_CODE),
    # Image Acquisition Results
    _R("Modality", "1/1", "-"),
    _R("StudyID", "2/2", "-"),
    _R("PerformedProtocolCodeSequence", "2/2", "3/2", children=_CODE_MEANING_OPTIONAL),
    _R("PerformedSeriesSequence", "2/2", "3/1", "1", children=_SERIES),
)
