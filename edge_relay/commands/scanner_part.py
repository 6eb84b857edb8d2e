"""The scanner's part, for the commands that ask a relay as a scanner would."""

from __future__ import annotations

from datetime import datetime

from pydicom.dataset import Dataset

from edge_relay.client import scu
from edge_relay.client.scu import Peer
from shared.errors import NotFound


def begun(peer: Peer, step_id: str) -> Dataset:
    """Return the N-CREATE data set for the only open item with this step id; raise `NotFound` without one."""
    answers = scu.find(peer, scu.worklist_query())
    scheduled = [a for a in answers if str(_step(a).ScheduledProcedureStepID) == step_id]
    if len(scheduled) != 1:
        raise NotFound(f"{len(scheduled)} open worklist items have this step id", where=step_id)
    item = scheduled[0]
    return scu.step_began(
        study_instance_uid=str(item.StudyInstanceUID),
        scheduled_step_id=step_id,
        accession_number=str(item.AccessionNumber or ""),
        patient_id=str(item.PatientID),
        patient_name=str(item.PatientName),
        modality=str(_step(item).Modality),
        station_aetitle=str(_step(item).ScheduledStationAETitle),
        now=datetime.now().astimezone(),
    )


def _step(answer: Dataset) -> Dataset:
    step: Dataset = answer.ScheduledProcedureStepSequence[0]
    return step


def row(answer: Dataset) -> tuple[str, ...]:
    """Return an answer as a row of a table."""
    step = _step(answer)
    return (
        f"{step.ScheduledProcedureStepStartDate} {step.ScheduledProcedureStepStartTime}",
        str(step.ScheduledStationAETitle),
        str(step.Modality),
        str(answer.PatientName),
        str(answer.PatientID),
        str(answer.AccessionNumber or ""),
        str(step.ScheduledProcedureStepID),
        str(step.ScheduledProcedureStepStatus),
        str(answer.StudyInstanceUID),
    )
