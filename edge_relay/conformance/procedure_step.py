"""Section 5.2.2: the Modality Performed Procedure Step (PS3.4 Annex F)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydicom.datadict import dictionary_description

from edge_relay.conformance.markdown import table, tag_text, text
from edge_relay.dicom.json_model import LONGEST_BUT_LISTS
from edge_relay.dicom.step_requirements import ATTRIBUTES, Requirement
from edge_relay.mpps.intake import MOST_WAITING
from shared.steps.image_references import MOST_LISTED
from shared.steps.procedure_step import TRANSITIONS, EventKind, Move, Refusal


def section() -> str:
    """Return the section."""
    return text(
        "#### 5.2.2 Modality Performed Procedure Step service, SCP",
        "##### 5.2.2.1 Attributes",
        """
        Requirement types are those of PS3.4 Table F.7.2-1, SCU/SCP; `-`: may not be set. Final state:
        required when the step has ended. Every other attribute is of type 3/3. The relay keeps all
        attributes that it can read, also private ones.
        """,
        table(("Attribute", "Tag", "N-CREATE", "N-SET", "Final state"), _rows(ATTRIBUTES)),
        "##### 5.2.2.2 Strict and lenient",
        """
        A profile's `mpps` decides how the messages of a scanner are checked.

        - **strict**: types 1 and 2 of the table are required, `-` is refused, and every value must be one of
          its VR: form and calendar of DA, form of TM (`240000` is accepted as the end of the day), length of
          SH, LO, CS, AE and person names, characters of CS, form of UI. Type 1C is required if the condition
          is in the message: Code Value and Coding Scheme Designator (PS3.3 Table 8.8-1), and Specific
          Character Set. A message with a mistake is refused; the first kind of mistake found decides the
          status (7.3).
        - **lenient**, the default: such messages are accepted. The mistakes are stored with the message, and
          logged without values.
        - In both cases: the status must be a defined term, the SOP Instance UID must be a UID, and the state
          table applies. Note 5 of the table (an attribute in an N-SET must have been created) is not
          checked. No mistake leads to a warning status: a message is
          accepted with 0000, or refused.

        When a step ends, the relay refuses COMPLETED from a strict scanner if all messages of the step
        together lack an attribute of the last column. It does not refuse DISCONTINUED, because a scanner may
        stop before its first series. PS3.7 has no status 0120 for N-SET, so a missing attribute is answered
        with 0121.
        """,
        "##### 5.2.2.3 States",
        table(("State", "Message", "Status in it", "Outcome"), _moves()),
        """
        A message without a status does not change the state. An N-CREATE without one means IN PROGRESS
        (lenient only). A step that is COMPLETED or DISCONTINUED stays so. N-SET IN PROGRESS may be repeated.
        """,
        "##### 5.2.2.4 N-CREATE and N-SET",
        f"""
        - The SOP Instance UID is the command's Affected SOP Instance UID. If there is none, the relay creates
          one under 2.25 and returns it. The response contains no attributes.
        - N-SET replaces the attributes that it contains, and sequences as a whole. Specific Character Set
          stays that of the N-CREATE.
        - Success means that the message is on the relay's disk. If the relay cannot write it, or
          {MOST_WAITING} messages are waiting already, it answers 0213 and stores nothing; the scanner must
          send the message again. If a scanner repeats an N-CREATE that was stored, the answer is 0111: the
          relay knows the step, and the scanner may continue with N-SET.
        - The relay links a step to worklist items by its Scheduled Step Attributes Sequence: by Study
          Instance UID with Scheduled Procedure Step ID, else by Accession Number. A step may have several
          items, and an item several steps. A right Study Instance UID with a step ID that nobody has is
          linked if the study has one open item; the message is stored with a warning. A step that matches no
          item is accepted as unscheduled. The relay never links by patient alone.
        - The status of an item depends on all of its steps: started while one is IN PROGRESS, else completed
          if one was completed, else discontinued. DISCONTINUED with reason 110514, DCM, "Incorrect worklist
          entry selected", makes the item scheduled again. A step that was never ended does not count any more
          once the same Performed Station AE Title has ended a step of the item that it began later, or once
          nothing was heard of it for some hours: the cloud decides that (`step_patience_hours`), and the
          worklist then shows the item as its other steps say. People are asked whether it was done. If it is
          heard of again, it counts again.
        - A message may refer to as many images as fit its length: 200,000 with the defaults. If it has more
          than {MOST_LISTED} references, its Referenced Image Sequences and Referenced Non-Image Composite SOP
          Instance Sequences are kept complete by the relay, and N-GET returns them; the cloud gets their
          number. The rest of a message may have {LONGEST_BUT_LISTS} bytes. What the cloud could not take is
          refused with 0110, so that Success means that the cloud will take it.
        - A message for a step that the relay does not know is answered after it has asked the cloud, for at
          most 3 s: another relay of the site may have created the step. If the cloud does not know it either,
          or cannot be asked, the answer is 0112. So a scanner may continue a step at another relay of its
          site, once the first relay's messages have reached the cloud.
        - The relay sends messages to the cloud over HTTPS as DICOM JSON. It does not forward them by DICOM,
          and does not notify changes (N-EVENT-REPORT).
        """,
        "##### 5.2.2.5 N-GET of the Modality Performed Procedure Step Retrieve SOP Class",
        """
        N-GET returns the attributes in the Attribute Identifier List (all if there is none) with their
        current values, and Specific Character Set if the step has it. Text that the step's character set
        cannot express is returned in ISO_IR 192. The answer is 0001 if the relay lacks a requested
        attribute, and 0112 if it lacks the step. Steps of other scanners are returned too. The relay deletes
        steps that have ended some time after the cloud has them (`retain_delivered_days`). An attribute that
        was sent empty is returned empty; one that was never sent is not returned.
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
