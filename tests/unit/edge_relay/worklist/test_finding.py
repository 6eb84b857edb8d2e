"""find() over SQLite finds what a plain reading of the rules finds, for any items, query and profile."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_relay.worklist.attributes import STEP_SEQUENCE, WORKLIST, Attribute, Sequence, tag_of
from edge_relay.worklist.matching import DateRange, TimeRange, date_range, matcher_for
from edge_relay.worklist.overlay import Overlay
from shared.scanners.scanner_profile import MOST_DAYS, ScannerProfile
from shared.worklist_item import OPEN_STATUSES, Status, WorklistItem
from tests.rigs.relay import item
from tests.rigs.worklist import TODAY, Worklist, asking

STEP = WORKLIST[STEP_SEQUENCE]
assert isinstance(STEP, Sequence)
STATIONS, ROOMS, MODALITIES = ["SCANNER", "ALIAS", "OTHER"], ["", "Room 1", "Room 2"], ["MR", "CT"]
DAYS = [(TODAY + timedelta(days)).strftime("%Y%m%d") for days in range(-2, 3)]
TIMES = ["080000", "093000", "120000"]
NAMES = ["Doe^Jane", "Doe^John", "Müller^Åse", "Yamada^Tarou=山田^太郎"]
IDS = ["P-1", "P-2", "P-10"]

ITEM = st.fixed_dictionaries(
    {
        "patient_id": st.sampled_from(IDS),
        "patient_name": st.sampled_from(NAMES),
        "modality": st.sampled_from(MODALITIES),
        "scheduled_station_aetitle": st.sampled_from(STATIONS),
        "station_name": st.sampled_from(ROOMS),
        "scheduled_start_date": st.sampled_from(DAYS),
        "scheduled_start_time": st.sampled_from(TIMES),
        "accession_number": st.sampled_from(["", "A1", "A2"]),
        "protocol_name": st.sampled_from(["", "BRAIN", "A very long protocol name"]),
        "performed_procedure_step_status": st.sampled_from(list(Status)),
    }
)
ITEMS = st.lists(ITEM, max_size=8).map(
    lambda rows: [item(f"i{number}", **row) for number, row in enumerate(rows)]
)


def one_of(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(["", *values])


TOP_KEYS = st.fixed_dictionaries(
    {},
    optional={
        "PatientID": one_of("P-1", "P-*", ["P-1", "P-2"], "nobody"),
        "PatientName": one_of("doe", "Doe^J*", "Muller", "*a*", "山田*"),
        "AccessionNumber": one_of("A1", "A*", ["A1", "A2"]),
    },
)
STEP_KEYS = st.fixed_dictionaries(
    {},
    optional={
        "Modality": one_of("MR", "?R", ["MR", "CT"], ["CT", "US"]),
        "ScheduledStationAETitle": one_of(*STATIONS, "*A*", ["ALIAS", "OTHER"]),
        "ScheduledStationName": one_of("Room 1", "Room*"),
        "ScheduledProcedureStepStartDate": one_of(
            DAYS[1], f"{DAYS[1]}-{DAYS[3]}", f"{DAYS[2]}-", f"-{DAYS[2]}", [DAYS[0], DAYS[4]]
        ),
        "ScheduledProcedureStepStartTime": one_of("0930", "0900-1200", "0900-", "-0930"),
        "ScheduledProcedureStepStatus": one_of("STARTED", "COMPLETED", "S*"),
    },
)
CODES = st.sampled_from(
    [None, {"CodeValue": "BRAIN"}, {"CodeMeaning": "A*"}, {"CodingSchemeDesignator": "99*"}]
)
PROFILES = st.fixed_dictionaries(
    {"ae_title": st.just("SCANNER")},
    optional={
        "station_ae_titles": st.sampled_from([[], ["ALIAS"]]),
        "station_names": st.sampled_from([[], ["Room 1"]]),
        "restrict_to_station": st.sampled_from([None, True, False]),
        "modalities": st.sampled_from([[], ["MR"], ["MR", "CT"]]),
        "days_back": st.sampled_from([MOST_DAYS, 0, 1]),
        "days_ahead": st.sampled_from([MOST_DAYS, 0, 1]),
        "statuses": st.sampled_from([OPEN_STATUSES, {Status.COMPLETED}, set(Status) - {Status.NO_SHOW}]),
        "ignore_accents": st.booleans(),
        "combine_date_and_time": st.booleans(),
    },
).map(ScannerProfile.model_validate)
OVERLAYS = st.dictionaries(
    st.sampled_from([f"i{number}" for number in range(8)]),
    st.builds(Overlay, st.sampled_from(list(Status)), st.just("e"), st.sampled_from([None, 0, 1, 2])),
    max_size=4,
)


def asked_for(values: Any) -> list[str]:
    return values if isinstance(values, list) else [values]


def own(scanner: ScannerProfile, each: WorklistItem) -> bool:
    return each.scheduled_station_aetitle in scanner.stations or (each.station_name in scanner.station_names)


def shown(scanner: ScannerProfile, each: WorklistItem) -> bool:
    """Tell whether an item is one of the scanner's own, by the words of its profile's settings."""
    first, last = TODAY - timedelta(scanner.days_back), TODAY + timedelta(scanner.days_ahead)
    return (
        (not scanner.restricted or own(scanner, each))
        and (not scanner.modalities or each.modality in scanner.modalities)
        and first.strftime("%Y%m%d") <= each.scheduled_start_date <= last.strftime("%Y%m%d")
        and each.performed_procedure_step_status is not Status.NO_SHOW
    )


def matches(
    top: dict[str, Any],
    inner: dict[str, Any],
    codes: dict[str, str] | None,
    scanner: ScannerProfile,
    each: WorklistItem,
) -> bool:
    """Tell whether an item matches a query, key by key, from the item itself."""
    inner = dict(inner)
    if inner.get("ScheduledProcedureStepStatus", "") == "" and (
        each.performed_procedure_step_status not in scanner.statuses
    ):
        return False
    station = asked_for(inner.get("ScheduledStationAETitle", ""))
    if scanner.stations & set(station):
        if not own(scanner, each) and each.scheduled_station_aetitle not in station:
            return False
        del inner["ScheduledStationAETitle"]
    day, clock = inner.get("ScheduledProcedureStepStartDate"), inner.get("ScheduledProcedureStepStartTime")
    if scanner.combine_date_and_time and isinstance(day, str) and "-" in day and clock and "-" in clock:
        if not in_interval(day, clock, each):
            return False
        del inner["ScheduledProcedureStepStartDate"], inner["ScheduledProcedureStepStartTime"]
    if codes is not None and not each.protocol_name:
        return False
    assert isinstance(STEP, Sequence)
    protocol = STEP.children[tag_of("ScheduledProtocolCodeSequence")]
    assert isinstance(protocol, Sequence)
    return (
        all(key_matches(WORKLIST[tag_of(key)], values, scanner, each) for key, values in top.items())
        and all(
            key_matches(STEP.children[tag_of(key)], values, scanner, each) for key, values in inner.items()
        )
        and all(
            key_matches(protocol.children[tag_of(key)], values, scanner, each)
            for key, values in (codes or {}).items()
        )
    )


def key_matches(entry: object, values: Any, scanner: ScannerProfile, each: WorklistItem) -> bool:
    assert isinstance(entry, Attribute)
    matcher = matcher_for(entry.vr, asked_for(values), ignore_accents=scanner.ignore_accents)
    return matcher is None or matcher(str(entry.value(each) or ""))


def in_interval(day: str, clock: str, each: WorklistItem) -> bool:
    days = date_range(day)
    times = matcher_for("TM", [clock])
    assert isinstance(days, DateRange)
    assert isinstance(times, TimeRange)
    start = (each.scheduled_start_date, each.scheduled_start_time.ljust(12, "0"))
    after = not days.first or start >= (days.first, times.first or "0")
    before = not days.last or start <= (days.last, times.last or "9" * 12)
    return after and before


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(
    items=ITEMS,
    top=TOP_KEYS,
    inner=STEP_KEYS,
    codes=CODES,
    scanner=PROFILES,
    overlay=OVERLAYS,
    implicit=st.booleans(),
)
def test_find_agrees_with_the_plain_reading(
    items: list[WorklistItem],
    top: dict[str, Any],
    inner: dict[str, Any],
    codes: dict[str, str] | None,
    scanner: ScannerProfile,
    overlay: dict[str, Overlay],
    implicit: bool,
) -> None:
    laid = [
        each.model_copy(update={"performed_procedure_step_status": overlay[each.id].status})
        if each.id in overlay and overlay[each.id].covers(1)
        else each
        for each in items
    ]
    laid.sort(key=lambda each: (each.scheduled_start_date, each.scheduled_start_time, each.id))
    expected = [
        each.id for each in laid if shown(scanner, each) and matches(top, inner, codes, scanner, each)
    ]
    seen = [
        each
        for each in laid
        if shown(scanner, each) and each.performed_procedure_step_status in scanner.statuses
    ]
    nested = (
        asking(**inner) if codes is None else asking(**inner, ScheduledProtocolCodeSequence=[asking(**codes)])
    )
    asked = asking(
        SpecificCharacterSet="ISO_IR 192",
        RequestedProcedureID="",
        **top,
        ScheduledProcedureStepSequence=[nested],
    )
    with TemporaryDirectory() as folder:
        worklist = Worklist(Path(folder), *items)
        worklist.overlay = overlay
        found = worklist.find(asked, scanner, implicit=implicit)
        assert [each.item_id for each in found.answers if each] == expected
        assert worklist.visible(scanner) == seen
        worklist.close()
