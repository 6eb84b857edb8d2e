"""Section 5.2.3: where the standard leaves room, what was chosen, and what dcm4che does there.

dcm4che's column was read from its source: dcm4chee-arc-light (`QueryBuilder`, `MWLCFindSCP`, `MWLQueryTask`,
`MPPSServiceEJB`, `ProcedureServiceImpl`, `MWLScheduler`) and dcm4che (`BasicMPPSSCP`, `BasicQueryTask`,
`MppsSCP`), as of August 2026.
"""

from __future__ import annotations

from typing import Final

from edge_relay.conformance.markdown import table, text


def section() -> str:
    """Return the section."""
    return text(
        "#### 5.2.3 Where the standard leaves room",
        """
        Many sites know dcm4chee-arc-light. This is where it and the relay differ, or agree beyond what the
        standard asks. Its column was read from its source (August 2026); a site may have configured it
        otherwise.
        """,
        "##### 5.2.3.1 Worklist queries",
        table(("Question", "The relay", "dcm4chee-arc-light"), _QUERIES),
        "##### 5.2.3.2 MPPS",
        table(("Question", "The relay", "dcm4chee-arc-light"), _STEPS),
    )


_QUERIES: Final = (
    (
        "Which items, if the query names no status?",
        "those with a status of the profile; by default SCHEDULED, ARRIVED, READY, STARTED: a scanner that "
        "restarts in mid-exam finds its patient again",
        "all but those with a status of a list; its default configuration hides STARTED, DEPARTED, CANCELED, "
        "DISCONTINUED and COMPLETED",
    ),
    (
        "Does a status in the query lift that?",
        "yes",
        "yes",
    ),
    (
        "Several values in one key",
        "alternatives, for every VR",
        "alternatives for Study Instance UID, Requested Procedure ID, Scheduled Procedure Step ID, Modality, "
        "status and Institution Name; of Accession Number and Station AE Title the first value counts",
    ),
    (
        "Case of Modality and status (CS)",
        "counts: `mr` finds nothing",
        "ignored: both are made upper-case first",
    ),
    (
        "Wild cards in Scheduled Station AE Title",
        "match; the scanner's own title also stands for the stations of its profile",
        "do not match: the title is compared whole",
    ),
    (
        "Start Date and Start Time in one query",
        "one interval if both are ranges; else matched separately. A profile can switch that off",
        "one interval whenever both have a value",
    ),
    (
        "A range of times whose first is later than its last, `2200-0200`",
        "the night: from 22:00 to midnight, and from midnight to 02:00",
        "the same",
    ),
    (
        "A key that is not supported",
        "answers have FF01",
        "answers have FF00; the key is returned empty",
    ),
    (
        "Order of the answers",
        "by start, always the same",
        "as the database gives them, unless the query has a Sorting Operations Sequence",
    ),
)

_STEPS: Final = (
    (
        "N-CREATE with COMPLETED or DISCONTINUED",
        "0106: PS3.4 F.7.2.1 begins a step with IN PROGRESS",
        "accepted",
    ),
    (
        "N-CREATE twice; N-SET of an unknown step; N-SET after the end",
        "0111; 0112; 0110 with Error ID A710",
        "the same",
    ),
    (
        "Are attributes checked?",
        "as the profile says: strict or lenient",
        "no; the tool `mppsscp` validates against a list that may be replaced",
    ),
    (
        "N-CREATE without Patient ID",
        "accepted, and told to people if it matches no item",
        "accepted, given an ID, or refused with A777, as configured",
    ),
    (
        "Which item does a step belong to?",
        "Study Instance UID with Scheduled Procedure Step ID; else Accession Number; else the only open item "
        "of the study, with a warning",
        "Study Instance UID with Scheduled Procedure Step ID",
    ),
    (
        "Status of an item with several steps",
        "what all of its steps amount to (5.2.2.4)",
        "what the last message said",
    ),
    (
        "Discontinued with reason 110514, wrong worklist entry",
        "the item is scheduled again",
        "the item is DISCONTINUED",
    ),
    (
        "A step that is never ended",
        "superseded by a later step of the same scanner, or set aside by the cloud after "
        "`step_patience_hours` without news (12); a late report counts",
        "a rule may set items to a status some time after their scheduled start",
    ),
    (
        "Attributes of an N-SET",
        "all are kept; each replaces the one before, and sequences as a whole",
        "those of its attribute filter are kept; each replaces the one before",
    ),
    (
        "N-GET of a step (MPPS Retrieve)",
        "supported",
        "not by the MPPS service: an operation that is not recognized (0211)",
    ),
)
