"""What the cloud says a scanner would see is what the relay's search shows it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.scanners.scanner_profile import ScannerProfile
from shared.scanners.scanner_selection import shows
from shared.worklist_item import Status, WorklistItem
from tests.rigs.relay import item
from tests.rigs.worklist import ANYONE, TODAY, Worklist

STATIONS, NAMES = ("SCANNER", "MR1", "MR2"), ("", "Basement", "Roof")
DAYS = (-400, -2, -1, 0, 1, 2, 400)


def all_kinds() -> list[WorklistItem]:
    """Return an item for every combination of what a selection looks at."""
    kinds = product(STATIONS, NAMES, ("MR", "CT"), DAYS, (Status.SCHEDULED, Status.COMPLETED))
    return [
        item(
            f"item-{number}",
            scheduled_station_aetitle=station,
            station_name=name,
            modality=modality,
            scheduled_start_date=f"{TODAY + timedelta(days):%Y%m%d}",
            performed_procedure_step_status=status,
        )
        for number, (station, name, modality, days, status) in enumerate(kinds)
    ]


ITEMS = all_kinds()


@pytest.fixture(scope="module")
def worklist() -> Iterator[Worklist]:
    with TemporaryDirectory() as folder:
        opened = Worklist(Path(folder), *ITEMS)
        yield opened
        opened.close()


some_days = st.sampled_from([0, 1, 2, 3650])
profiles = st.builds(
    ScannerProfile,
    ae_title=st.sampled_from(["SCANNER", "NOBODY"]),
    station_ae_titles=st.lists(st.sampled_from(["MR1", "MR2"]), max_size=2).map(tuple),
    station_names=st.lists(st.sampled_from(["Basement", "Elsewhere"]), max_size=2).map(tuple),
    restrict_to_station=st.sampled_from([None, True, False]),
    modalities=st.lists(st.sampled_from(["MR", "CT", "US"]), max_size=2).map(tuple),
    days_back=some_days,
    days_ahead=some_days,
    statuses=st.frozensets(st.sampled_from([Status.SCHEDULED, Status.COMPLETED, Status.READY]), min_size=1),
)


@pytest.mark.slow
@given(profile=profiles)
@settings(max_examples=150, deadline=None)
def test_an_empty_query_shows_exactly_what_the_selection_says(
    worklist: Worklist, profile: ScannerProfile
) -> None:
    said = {each.id for each in ITEMS if shows(profile, each, TODAY)}
    assert said == {each.id for each in worklist.visible(profile)}


def test_the_kinds_are_enough_to_tell_selections_apart() -> None:
    for narrowing in (
        {"modalities": ("MR",)},
        {"days_back": 1},
        {"days_ahead": 1},
        {"station_names": ("Roof",)},
        {"restrict_to_station": True},
    ):
        profile = ANYONE.model_copy(update=narrowing)
        shown = sum(shows(profile, each, TODAY) for each in ITEMS)
        assert 0 < shown < sum(shows(ANYONE, each, TODAY) for each in ITEMS)
