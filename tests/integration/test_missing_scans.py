"""A scan is never missing without a word: its source needs attention, and everybody sees why."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambdas import sync_redcap
from lambdas.access.role import Role
from lambdas.sync.status import SourceStatus, reason_of, status_of
from tests.rigs.lambda_events import Context, sqs_event
from tests.rigs.source import SITE, SourceRig, running_source


@pytest.fixture
def rig() -> Iterator[SourceRig]:
    with running_source() as running:
        running.register(time_zone="UTC")
        yield running


def save(rig: SourceRig, **values: str) -> None:
    rig.simulator.save_form(11, "000001", "mri", values, instance=1)


def day(rig: SourceRig, days: int = 0) -> str:
    return f"{datetime.fromtimestamp(rig.api.services.now(), UTC) + timedelta(days=days):%Y-%m-%d}"


def sync(rig: SourceRig) -> None:
    try:
        assert not sync_redcap.handler(sqs_event({"source_id": "classic"}), Context())["batchItemFailures"]
    finally:
        sync_redcap._wired.cache_clear()


def status(rig: SourceRig) -> SourceStatus:
    return status_of(rig.api.services.sources.find("classic"), rig.api.services.now())


def missing(rig: SourceRig, role: Role = Role.READ, query: str = "") -> list[dict[str, Any]]:
    answer = rig.api.user(role).get(f"/missing{query}")
    assert answer.status == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


@pytest.mark.parametrize(
    ("values", "days"),
    [
        ({"mri_time": "9 am"}, 0),
        ({"mri_time": "930"}, 2),
        ({"mri_wt_lbs": "999"}, 0),
        ({"station_name": "A STATION WITH A LONG NAME"}, 1),
    ],
)
def test_a_scan_of_today_or_soon_that_is_missing_makes_its_source_need_attention(
    rig: SourceRig, values: dict[str, str], days: int
) -> None:
    save(rig, mri_date=day(rig, days), **values)
    sync(rig)
    assert status(rig) is SourceStatus.MISSING
    assert status(rig).needs_attention
    assert "1 scan is not on the list" in reason_of(
        rig.api.services.sources.find("classic"), rig.api.services.now()
    )


def test_a_day_that_cannot_be_read_makes_it_need_attention_too(rig: SourceRig) -> None:
    save(rig, mri_date="soon")
    sync(rig)
    assert status(rig) is SourceStatus.MISSING


@pytest.mark.parametrize("days", [-1, 4, 400])
def test_a_scan_of_another_time_can_wait(rig: SourceRig, days: int) -> None:
    save(rig, mri_date=day(rig, days), mri_time="9 am")
    sync(rig)
    assert status(rig) is SourceStatus.OK
    assert [scan["soon"] for scan in missing(rig)] == [False]


def test_when_it_is_put_right_the_source_is_well_again(rig: SourceRig) -> None:
    save(rig, mri_date=day(rig), mri_time="9 am")
    sync(rig)
    save(rig, mri_time="9:30 AM")
    sync(rig)
    assert status(rig) is SourceStatus.OK
    assert missing(rig) == []


@pytest.mark.parametrize("role", [Role.READ, Role.WRITE, Role.ADMIN])
def test_every_role_sees_which_scan_is_missing_where_when_and_why(rig: SourceRig, role: Role) -> None:
    save(rig, mri_date=day(rig), mri_time="9 am")
    sync(rig)
    (scan,) = missing(rig, role)
    assert (scan["source_id"], scan["site"], scan["kind"], scan["record"]) == (
        "classic",
        SITE,
        "rejected",
        "000001",
    )
    assert (scan["day"], scan["soon"], scan["field"]) == (day(rig).replace("-", ""), True, "mri_time")
    assert "an hour alone" in scan["reason"]
    assert "9 am" not in str(scan)


def test_a_site_sees_its_own(rig: SourceRig) -> None:
    save(rig, mri_date=day(rig), mri_time="9 am")
    sync(rig)
    assert [len(missing(rig, query=f"?site={site}")) for site in (SITE, "other")] == [1, 0]


def test_the_log_tells_the_alarm(rig: SourceRig, caplog: pytest.LogCaptureFixture) -> None:
    save(rig, mri_date=f"{datetime.now(UTC):%Y-%m-%d}", mri_time="9 am")  # the function's own clock
    sync(rig)
    told = [vars(entry)["missing_soon"] for entry in caplog.records if entry.message == "synced"]
    assert told == [1]
