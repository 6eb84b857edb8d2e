"""Random worklist queries, and an oracle that does not know the relay: PS3.4 C.2.2.2 over plain attributes.

The oracle is written from the standard and the conformance statement, with the standard library alone. It
reads items, never the cache, and shares no code with the relay's own matching.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterable
from random import Random
from time import perf_counter
from typing import Any, Final

from pydicom.dataset import Dataset

from edge_relay.upper_layer.pdu import PduType
from shared.worklist_item import WorklistItem
from tests.fuzz import corpus
from tests.fuzz.decoders import Outcome
from tests.rigs.relay import item
from tests.rigs.upper_layer import Peer
from tests.rigs.worklist import asking, decoded, encoded

PATIENCE: Final = 30.0
_FAMILIES: Final = ("Doe", "Dolan", "Berg", "Bergen", "Yamada", "Okafor", "Nowak", "Rossi")
_GIVEN: Final = ("Jane", "John", "Janet", "Ana", "Anna", "Bo")
_STATIONS: Final = ("MR1", "MR2", "CT1", "US_1")
_CLOCKS: Final = ("000000", "073000", "080000", "093015", "120000", "120001", "235959")
_MATCHED: Final = {  # the item's attribute, by keyword; those of the step lie in its sequence
    "PatientID": "patient_id",
    "PatientSex": "patient_sex",
    "AccessionNumber": "accession_number",
    "RequestedProcedureID": "requested_procedure_id",
    "Modality": "modality",
    "ScheduledStationAETitle": "scheduled_station_aetitle",
    "ScheduledProcedureStepID": "scheduled_procedure_step_id",
    "ScheduledStationName": "station_name",
}
_OF_STEP: Final = {
    "Modality",
    "ScheduledStationAETitle",
    "ScheduledProcedureStepID",
    "ScheduledStationName",
    "ScheduledProcedureStepStartDate",
    "ScheduledProcedureStepStartTime",
}

Query = dict[str, str]
Ask = Callable[[Query], set[str]]


def items(seed: int, count: int) -> list[WorklistItem]:
    """Return random exams; an exam's id is its patient's too."""
    chance = Random(f"{seed} items")
    return [_item(chance, number) for number in range(count)]


def _item(chance: Random, number: int) -> WorklistItem:
    name = f"p{number:03d}"
    return item(
        name,
        patient_id=name,
        patient_name=f"{chance.choice(_FAMILIES)}^{chance.choice(_GIVEN)}",
        patient_sex=chance.choice(("M", "F", "O", "")),
        patient_birth_date=chance.choice(
            ("", f"19{chance.randrange(60, 99)}{chance.randrange(1, 13):02d}15")
        ),
        accession_number=chance.choice(("", f"ACC-{number % 20:02d}")),
        requested_procedure_id=f"REQ{number % 30}",
        scheduled_procedure_step_id=f"STEP{number}",
        study_instance_uid=f"1.2.826.0.1.3680043.10.{number + 1}",
        modality=chance.choice(("MR", "CT", "US")),
        scheduled_station_aetitle=chance.choice(_STATIONS),
        station_name=chance.choice(("", "ROOM-1", "ROOM-2")),
        scheduled_start_date=f"202611{chance.randrange(18, 28)}",
        scheduled_start_time=chance.choice(_CLOCKS),
    )


# ------------------------------------------------------------------------------------------- what is asked


def query(chance: Random, known: list[WorklistItem]) -> Query:
    """Return a query of up to five keys; about half of its values are those of an exam there is."""
    found: Query = {}
    like = chance.choice(known)
    for keyword in chance.sample([*_MATCHED, *_SPECIAL], chance.randrange(1, 6)):
        source = like if chance.random() < 0.7 else chance.choice(known)
        if keyword in _MATCHED:
            found[keyword] = _wild(chance, str(getattr(source, _MATCHED[keyword])))
        else:
            found[keyword] = _SPECIAL[keyword](chance, source)
    return found


def _wild(chance: Random, value: str) -> str:
    if not value or chance.random() < 0.4:
        return value
    at = chance.randrange(len(value))
    return chance.choice(("", "*", value[:at] + "*", "*" + value[at:], value[:at] + "?" + value[at + 1 :]))


def _name(chance: Random, source: WorklistItem) -> str:
    family, given = source.patient_name.split("^")
    text = chance.choice(
        (
            f"{family}^{given}",
            family,
            f"{family[:2]}*",
            f"{family}^{given[:1]}*",
            f"*^{given}",
            f"{family}^",
            "",
        )
    )
    return chance.choice((text, text.upper(), text.lower()))


def _uids(chance: Random, source: WorklistItem) -> str:
    others = [f"1.2.826.0.1.3680043.10.{chance.randrange(1, 120)}" for _ in range(chance.randrange(3))]
    return "\\".join([source.study_instance_uid, *others])


def _dates(chance: Random, value: str) -> str:
    later = f"{int(value) + chance.randrange(4)}"
    return chance.choice((value, f"{value}-{later}", f"{value}-", f"-{value}", ""))


def _times(chance: Random, source: WorklistItem) -> str:
    first, last = source.scheduled_start_time, chance.choice(_CLOCKS)  # a night, if the later one is first
    return chance.choice((source.scheduled_start_time, f"{first}-{last}", f"{first}-", f"-{last}", ""))


_SPECIAL: Final[dict[str, Callable[[Random, WorklistItem], str]]] = {
    "PatientName": _name,
    "StudyInstanceUID": _uids,
    "PatientBirthDate": lambda chance, source: _dates(chance, source.patient_birth_date or "19700115"),
    "ScheduledProcedureStepStartDate": lambda chance, source: _dates(chance, source.scheduled_start_date),
    "ScheduledProcedureStepStartTime": _times,
}


def identifier(asked: Query) -> Dataset:
    """Return a query as a scanner sends it, asking for the patient's id too."""
    top: dict[str, Any] = {"PatientID": ""} | {
        keyword: value.split("\\") if "\\" in value else value
        for keyword, value in asked.items()
        if keyword not in _OF_STEP
    }
    of_step = {keyword: value for keyword, value in asked.items() if keyword in _OF_STEP}
    return asking(**top, ScheduledProcedureStepSequence=[asking(**of_step)] if of_step else [])


# ------------------------------------------------------------------------------------------- what is right


def right(asked: Query, known: Iterable[WorklistItem]) -> set[str]:
    """Return the ids of the exams that a query is to find."""
    return {each.id for each in known if _fits(asked, each)}


def _fits(asked: Query, exam: WorklistItem) -> bool:
    when = asked.get("ScheduledProcedureStepStartDate", ""), asked.get("ScheduledProcedureStepStartTime", "")
    return (
        all(
            _is_like(value, str(getattr(exam, _MATCHED[key])))
            for key, value in asked.items()
            if key in _MATCHED
        )
        and _is_name(asked.get("PatientName", ""), exam.patient_name)
        and asked.get("StudyInstanceUID", exam.study_instance_uid).split("\\").count(exam.study_instance_uid)
        > 0
        and _is_within(asked.get("PatientBirthDate", ""), exam.patient_birth_date)
        and _is_then(*when, exam)
    )


def _is_like(pattern: str, value: str) -> bool:
    """Tell whether a value matches; an empty key matches everything, ``*`` alone also what is empty."""
    if pattern in {"", "*"}:
        return True
    expression = "".join({"*": ".*", "?": "."}.get(each, re.escape(each)) for each in pattern)
    return re.fullmatch(expression, value) is not None


def _is_name(pattern: str, name: str) -> bool:
    """Tell whether a name matches, component by component; letter case is no matter."""
    parts = name.lower().split("^")
    wanted = pattern.lower().split("^")
    return all(_is_like(one, parts[n] if n < len(parts) else "") for n, one in enumerate(wanted))


def _is_within(asked: str, value: str) -> bool:
    if not asked:
        return True
    first, dash, last = asked.partition("-")
    if not dash:
        return value == asked
    return bool(value) and (not first or first <= value) and (not last or value <= last)


def _is_then(day: str, clock: str, exam: WorklistItem) -> bool:
    """Two ranges are one interval, from the first day's first time to the last day's last (C.2.2.2.5)."""
    date, time = exam.scheduled_start_date, exam.scheduled_start_time
    if "-" in day and "-" in clock:
        (first, _, last), (start, _, end) = day.partition("-"), clock.partition("-")
        since = first + (start or "000000") if first else ""
        until = last + (end or "235959") if last else ""
        return (not since or since <= date + time) and (not until or date + time <= until)
    first, dash, last = clock.partition("-")
    if dash and first and last and first > last:  # the night
        return _is_within(day, date) and bool(time) and (time >= first or time <= last)
    return _is_within(day, date) and _is_within(clock, time)


# ------------------------------------------------------------------------------------------- compared


def run(name: str, seed: int, count: int, known: list[WorklistItem], ask: Ask) -> Outcome:
    """Ask so many queries; a finding is one that was answered otherwise than the oracle says."""
    outcome = Outcome(name)
    began = perf_counter()
    for number in range(count):
        asked = query(Random(f"{seed} query {number}"), known)
        expected, found = right(asked, known), ask(asked)
        outcome.inputs += 1
        outcome.understood += bool(expected)
        if found != expected:
            more, less = sorted(found - expected), sorted(expected - found)
            outcome.findings.append(f"query {number} {asked}: found besides {more}, not found {less}")
    outcome.seconds = perf_counter() - began
    return outcome


class Scanner:
    """Asks over one association, as long as it is needed."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._peer = Peer(socket.create_connection(address, PATIENCE))
        self._peer.send(corpus.associate())
        accepted = self._peer.pdu()
        if accepted is None or accepted.type is not PduType.A_ASSOCIATE_AC:
            raise ConnectionError("no association")

    def ask(self, asked: Query) -> set[str]:
        """Return the patient ids that a query is answered with."""
        data = encoded(identifier(asked))
        command = corpus.command(corpus.C_FIND, corpus.WORKLIST)
        self._peer.send(b"".join(corpus.message(corpus.WORKLIST, command, data)))
        *answers, last = self._peer.answers()
        if last.status != 0:
            raise ConnectionError(f"answered with {last.status:04X}")
        return {str(decoded(each.data).PatientID) for each in answers}

    def close(self) -> None:
        """Leave."""
        self._peer.close()
