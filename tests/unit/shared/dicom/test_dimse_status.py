"""Our names for DIMSE statuses agree with pynetdicom's table of the standard's."""

from __future__ import annotations

import pytest
from pynetdicom.status import (
    GENERAL_STATUS,
    MODALITY_WORKLIST_SERVICE_CLASS_STATUS,
    PROCEDURE_STEP_STATUS,
    code_to_category,
)

from shared.dicom import dimse_status

OF_THE_STANDARD = {**GENERAL_STATUS, **MODALITY_WORKLIST_SERVICE_CLASS_STATUS, **PROCEDURE_STEP_STATUS}
OURS = {
    name: value
    for name, value in vars(dimse_status).items()
    if isinstance(value, int) and name != "NO_LONGER_UPDATED"  # an Error ID
}
SAME_NAMES = {
    "NO_SUCH_ATTRIBUTE": "No Such Attribute",
    "INVALID_ATTRIBUTE_VALUE": "Invalid Attribute Value",
    "PROCESSING_FAILURE": "Processing Failure",
    "DUPLICATE_SOP_INSTANCE": "Duplication SOP Instance",
    "NO_SUCH_SOP_INSTANCE": "No Such SOP Instance",
    "INVALID_OBJECT_INSTANCE": "Invalid Object Instance",
    "NO_SUCH_SOP_CLASS": "No Such SOP Class",
    "MISSING_ATTRIBUTE": "Missing Attribute",
    "MISSING_ATTRIBUTE_VALUE": "Missing Attribute Value",
    "UNRECOGNIZED_OPERATION": "Unrecognised Operation",
    "RESOURCE_LIMITATION": "Resource Limitation",
}


@pytest.mark.parametrize("name", OURS)
def test_every_status_is_one_of_the_standard(name: str) -> None:
    assert OURS[name] in OF_THE_STANDARD


@pytest.mark.parametrize(("name", "standard"), SAME_NAMES.items())
def test_a_name_is_the_standard_s(name: str, standard: str) -> None:
    assert OF_THE_STANDARD[OURS[name]][1] == standard


def test_warnings_and_pending_are_what_they_say() -> None:
    assert {code_to_category(status) for status in dimse_status.WARNINGS} == {"Warning"}
    assert {code_to_category(status) for status in dimse_status.ALL_PENDING} == {"Pending"}
    assert code_to_category(dimse_status.CANCELLED) == "Cancel"
