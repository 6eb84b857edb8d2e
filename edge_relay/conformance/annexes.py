"""Annexes A.A to A.E: objects, attribute sources, codes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pydicom.datadict import dictionary_description

from edge_relay.conformance.markdown import table, tag_text, text
from edge_relay.conformance.sources import fields_of
from edge_relay.worklist.attributes import PRIVATE_DESIGNATOR, WORKLIST, Sequence, Tree
from shared.steps.procedure_step import WRONG_WORKLIST_ENTRY

_DERIVED: Final = frozenset(
    {"study_instance_uid", "accession_number", "requested_procedure_id", "scheduled_procedure_step_id"}
)


def section() -> str:
    """Return the annexes."""
    return text(
        "## Annex A.A Information Object Definitions",
        """
        None: no composite instances are created. Private attributes are not created; those in MPPS messages
        are kept.
        """,
        "## Annex A.B Structured Report content",
        "Not applicable.",
        "## Annex A.C Security details",
        "None beyond section 8.",
        "## Annex A.D Mapping of attributes",
        "### A.D.1 From the worklist item to the answer",
        """
        An item comes from REDCap, where a source definition says what fills each field, or from a person
        through the cloud's API. If the table names two fields, the second is used if the first is empty.
        """,
        table(("Attribute", "Tag", "Field of the item", "Filled by"), _mapping(WORKLIST)),
        f"""
        A code without a coding scheme gets `{PRIVATE_DESIGNATOR}`. Values that DICOM does not allow are
        refused on input, so answers never contain a value that was cut or guessed.
        """,
        "### A.D.2 From MPPS",
        table(("Attribute", "Tag", "Used for"), _USED),
        "## Annex A.E Code set usage",
        table(
            ("Code", "Scheme", "Where"),
            (
                (
                    WRONG_WORKLIST_ENTRY,
                    "DCM",
                    "as discontinuation reason (CID 9300): makes the item scheduled again",
                ),
                (
                    "from the item",
                    f"from the item, else {PRIVATE_DESIGNATOR}",
                    "Scheduled Protocol Code Sequence; its code meaning is the protocol's name",
                ),
            ),
        ),
    )


def _mapping(tree: Tree, path: str = "") -> Iterator[tuple[str, ...]]:
    for entry in tree.values():
        if isinstance(entry, Sequence):
            yield from _mapping(entry.children, path + ">")
        elif fields := fields_of(entry):
            name = f"{path}{dictionary_description(entry.tag)}"
            yield name, tag_text(entry.tag), ", ".join(f"`{each}`" for each in fields), _filled_by(fields[0])


def _filled_by(field: str) -> str:
    if field in _DERIVED:
        return "computed from the REDCap row: the same row always gives the same value"
    if field == "performed_procedure_step_status":
        return "MPPS, or a person; SCHEDULED at first"
    return "source definition, or a person"


_USED: Final = (
    (">Study Instance UID", "(0020,000D)", "linking to items"),
    (">Scheduled Procedure Step ID", "(0040,0009)", "linking to items"),
    (">Accession Number", "(0008,0050)", "linking to items"),
    ("Performed Procedure Step Status", "(0040,0252)", "the item's status"),
    ("Performed Procedure Step Start Date, Time", "(0040,0244), (0040,0245)", "actual start"),
    ("Performed Procedure Step End Date, Time", "(0040,0250), (0040,0251)", "actual end"),
    ("Performed Station AE Title, Name", "(0040,0241), (0040,0242)", "the station"),
    ("Performed Procedure Step Discontinuation Reason Code Sequence", "(0040,0281)", "the reason; see A.E"),
    ("Performed Series Sequence", "(0040,0340)", "number of series"),
    ("Patient ID, Modality, Start Date", "", "suggesting an item for an unscheduled step"),
)
