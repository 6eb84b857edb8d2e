"""Section 5.2.2: the Modality Performed Procedure Step (PS3.4 Annex F)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydicom.datadict import dictionary_description

from edge_relay.conformance.markdown import table, tag_text, text
from edge_relay.mpps.intake import MOST_WAITING
from edge_relay.mpps.requirements import ATTRIBUTES, Requirement
from shared.procedure_step import TRANSITIONS, EventKind, Move, Refusal


def section() -> str:
    """Return the section."""
    return text(
        "#### 5.2.2 Modality Performed Procedure Step service, SCP",
        "##### 5.2.2.1 Attributes",
        """
        Requirement types as in PS3.4 Table F.7.2-1, SCU/SCP; `-`: may not be set. Final state: what a step
        must have once it has ended. Every other attribute is of type 3/3; all that can be read is kept,
        private ones too.
        """,
        table(("Attribute", "Tag", "N-CREATE", "N-SET", "Final state"), _rows(ATTRIBUTES)),
        "##### 5.2.2.2 Strict and lenient",
        """
        A profile's `mpps` says how the messages of a scanner are judged. **strict**: types 1 and 2 of the
        table are required, `-` is refused, dates and times must be legal; the first kind of flaw is answered
        (7.3). **lenient**, the default: such messages are taken, and what was wrong is kept with them and
        logged without values. In both, conditional types (1C) are not checked, nor is it that an attribute
        set had been created (note 5 of the table); the status must be a defined term, the SOP Instance UID a
        UID, and the state table holds. Flaws never become a warning status: a message is taken with 0000 or
        refused.

        When a step ends, a strict scanner's COMPLETED is refused if, all its messages together, something of
        the last column is lacking. DISCONTINUED is not refused, because a scanner that stops before its first
        series has none to name. PS3.7 has no 0120 for N-SET: what is missing there is answered with 0121.
        """,
        "##### 5.2.2.3 States",
        table(("State", "Message", "Status in it", "Outcome"), _moves()),
        """
        A message without a status keeps the state; an N-CREATE without one means IN PROGRESS (lenient only).
        What is COMPLETED or DISCONTINUED stays so. N-SET IN PROGRESS may be sent any number of times.
        """,
        "##### 5.2.2.4 N-CREATE and N-SET",
        f"""
        - The SOP Instance UID is the command's Affected SOP Instance UID. If it has none, the relay makes one
          under 2.25 and returns it. The response carries no attributes.
        - N-SET replaces what it carries, sequences as a whole; Specific Character Set stays that of the
          N-CREATE.
        - Success means that the message is on the relay's disk. If it cannot be written, or {MOST_WAITING}
          messages wait already, 0213 is answered, nothing has been kept, and the scanner is to send it again.
          Sent again although it had been kept, an N-CREATE is answered 0111: the step is known, and the
          scanner may go on with N-SET.
        - The step is linked to worklist items by the items of its Scheduled Step Attributes Sequence: Study
          Instance UID with Scheduled Procedure Step ID, else Accession Number. One step may be of several
          items and several steps of one item. A step that fits none is taken as unscheduled, and never linked
          by patient alone.
        - The status of an item follows all of its steps: started while any is IN PROGRESS, else completed if
          any was, else discontinued. DISCONTINUED with reason 110514, DCM, "Incorrect worklist entry
          selected", puts the item back.
        - Messages are sent on to the cloud by HTTPS as DICOM JSON. They are not forwarded by DICOM, and
          changes are not notified (N-EVENT-REPORT).
        """,
        "##### 5.2.2.5 N-GET of the Modality Performed Procedure Step Retrieve SOP Class",
        """
        Returns the attributes in the Attribute Identifier List, or all if there is none, as the step's
        messages left them, and Specific Character Set if the step has it. Text beyond the step's character
        set is returned in ISO_IR 192. 0001 is answered if some attribute asked for is not held, 0112 if no
        such step is: other scanners' steps are returned too; steps that have ended are dropped some time
        after the cloud has them (`retain_delivered_days`). An empty attribute and one that was never sent
        differ: the first is returned empty.
        """,
    )


def _rows(requirements: Iterable[Requirement], depth: int = 0) -> Iterator[tuple[str, ...]]:
    for row in requirements:
        tag = int(row.tag, 16)
        name = ">" * depth + dictionary_description(tag)
        yield name, tag_text(tag), row.create, row.set, row.final
        yield from _rows(row.children, depth + 1)


def _moves() -> Iterator[tuple[str, str, str, str]]:
    for (now, kind, asked), outcome in sorted(TRANSITIONS.items(), key=_order):
        state = "no such step" if now is None else _dicom(now)
        yield state, kind, _dicom(asked), _outcome(outcome)


def _order(entry: tuple[tuple[object, EventKind, object], object]) -> tuple[bool, str, str]:
    (now, kind, _), _ = entry
    return now is not None, "" if now is None else _STATES[str(now)], kind.value


_STATES = {"IN_PROGRESS": "1", "COMPLETED": "2", "DISCONTINUED": "3"}


def _dicom(status: str) -> str:
    return status.replace("_", " ")


def _outcome(outcome: Move | Refusal) -> str:
    if isinstance(outcome, Move):
        return f"0000, {_dicom(outcome.to)}"
    error = f", Error ID {outcome.error_id:04X}" if outcome.error_id is not None else ""
    return f"{outcome.status:04X}{error}"
