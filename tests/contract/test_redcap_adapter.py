"""The adapter around PyCap, against the simulator over HTTP: every trap of PyCap's and REDCap's is closed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.redcap_simulator import RedcapSimulator, SimClock, classic, longitudinal
from infra.redcap_simulator.faults import Fault
from lambdas.redcap.pace import BURST, REQUESTS_A_MINUTE, Throttle
from lambdas.redcap.project import Banned, RedcapProject, redacted
from lambdas.redcap.row import RedcapRow
from shared.errors import Forbidden, MwlError, Rejected, Unavailable

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SCAN = ["mri_date", "mri_time"]


@pytest.fixture(scope="module")
def server() -> Iterator[RedcapSimulator]:
    with RedcapSimulator([], clock=SimClock(lambda: NOON)) as running:
        yield running


@pytest.fixture
def simulator(server: RedcapSimulator) -> RedcapSimulator:
    server.projects[:] = [classic(5)]
    server.faults.clear()
    server.requests.clear()
    server.clock.set(NOON)
    return server


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def project(simulator: RedcapSimulator, pauses: list[float]) -> Iterator[RedcapProject]:
    opened = connected(simulator, pauses=pauses)
    yield opened
    opened.close()


def connected(
    simulator: RedcapSimulator, user: str = "relay", pauses: list[float] | None = None, **changes: Any
) -> RedcapProject:
    sleep = (pauses if pauses is not None else []).append
    token = changes.pop("token", simulator.projects[0].token(user))
    return RedcapProject(
        simulator.url, token, changes.pop("record_id_field", "study_id"), sleep=sleep, **changes
    )


def all_rows(project: RedcapProject, *records: str) -> list[RedcapRow]:
    return [row for batch in project.rows(records, SCAN) for row in batch]


def test_the_version_is_the_one_that_addresses_have(project: RedcapProject) -> None:
    assert project.version() == "15.5.0"


def test_ids_keep_their_leading_zeros(project: RedcapProject) -> None:
    assert project.record_ids() == {"000001", "000002", "000003", "000004", "000005"}


def test_rows_carry_their_key_and_the_fields_asked_for_only(project: RedcapProject) -> None:
    base, scan, *_ = all_rows(project, "000001")
    assert (base.instrument, base.instance) == ("", None)
    assert (scan.instrument, scan.instance) == ("mri", 1)
    assert set(scan.values) == {"study_id", *SCAN}


def test_no_records_asked_for_is_no_request_not_the_whole_project(
    project: RedcapProject, simulator: RedcapSimulator
) -> None:
    assert all_rows(project) == []
    assert project.existing([]) == frozenset()
    project.import_status([])
    assert simulator.requests.count == 0


def test_records_are_asked_for_a_hundred_at_a_time(simulator: RedcapSimulator) -> None:
    simulator.projects[:] = [classic(250)]
    project = connected(simulator)
    ids = project.record_ids()
    simulator.requests.clear()
    batches = list(project.rows(ids, SCAN))
    assert [len({row.record for row in batch}) for batch in batches] == [100, 100, 50]
    assert simulator.requests.count == 3  # and none for the metadata
    project.close()


def test_an_answer_that_lacks_a_record_is_no_answer(
    project: RedcapProject, simulator: RedcapSimulator
) -> None:
    simulator.add_fault("truncated", keep=0, times=None)
    with pytest.raises(Unavailable, match="left out"):
        all_rows(project, "000001", "000002", "000003")


def test_a_batch_answered_by_half_is_asked_for_again_in_smaller_ones(
    simulator: RedcapSimulator,
) -> None:
    simulator.projects[:] = [classic(200)]
    project = connected(simulator)
    simulator.add_fault("truncated", keep=0.5, skip=1)
    batches = list(project.rows(project.record_ids(), SCAN))
    assert [len({row.record for row in batch}) for batch in batches] == [50, 50, 50, 50]
    assert simulator.requests.count == 1 + 1 + 4  # the smaller size is kept
    project.close()


@pytest.mark.parametrize("record", ["000001", "000050", "000137", "000200"])
def test_a_record_that_is_never_returned_costs_the_others_nothing(
    simulator: RedcapSimulator, record: str
) -> None:
    simulator.projects[:] = [classic(200)]
    project = connected(simulator)
    simulator.add_fault("left_out", content="record", record=record, times=None)
    left_out: set[str] = set()
    batches = list(project.rows(project.record_ids(), SCAN, left_out))
    assert left_out == {record}
    assert len({row.record for batch in batches for row in batch}) == 199
    assert simulator.requests.count < 25
    simulator.requests.clear()
    list(project.rows(["000002", "000003"], SCAN))
    assert simulator.requests.count == 1  # the batches are as large as before
    project.close()


def test_a_redcap_that_leaves_out_everything_is_in_trouble(simulator: RedcapSimulator) -> None:
    simulator.projects[:] = [classic(200)]
    project = connected(simulator)
    ids = project.record_ids()
    simulator.add_fault("truncated", keep=0, times=None)
    with pytest.raises(Unavailable, match="left out"):
        list(project.rows(ids, SCAN, set()))
    assert simulator.requests.count < 100
    project.close()


@pytest.mark.parametrize("kind", ["out_of_memory", "empty_500", "empty_200"])
def test_a_server_out_of_memory_is_asked_for_less_down_to_one_record(
    simulator: RedcapSimulator, monkeypatch: pytest.MonkeyPatch, kind: Any
) -> None:
    spoilt = simulator.spoilt_answer

    def starved(params: Any, fault: Any) -> Any:
        many = sum(name.startswith("records[") for name, _ in params.pairs) > 1
        return spoilt(params, Fault(kind) if many else fault)

    monkeypatch.setattr(simulator, "spoilt_answer", starved)
    project = connected(simulator)
    assert len(list(project.rows(["000001", "000002", "000003"], SCAN))) == 3
    project.close()


def test_a_single_record_that_is_too_much_is_a_failure(
    project: RedcapProject, simulator: RedcapSimulator
) -> None:
    simulator.add_fault("out_of_memory", content="record", times=None)
    with pytest.raises(Unavailable, match="memory"):
        all_rows(project, "000001", "000002")
    assert simulator.requests.count == 2


def test_a_failure_at_first_does_not_make_a_longitudinal_project_a_classic_one(
    simulator: RedcapSimulator,
) -> None:
    simulator.projects[:] = [longitudinal(1)]
    project = connected(simulator, record_id_field="record_id")
    simulator.add_fault("html_200", times=1)
    with pytest.raises(Unavailable):
        project.project_info()
    (batch,) = project.rows(["S-0001"], ["mri_date"])
    assert {row.event for row in batch} >= {"enrolment_arm_1", "mri_arm_1"}
    project.close()


def test_groups_come_with_every_row_and_with_the_ids_when_wanted(simulator: RedcapSimulator) -> None:
    simulator.projects[:] = [longitudinal(3)]
    project = connected(simulator, record_id_field="record_id", data_access_groups=True)
    assert project.record_groups() == {"S-0001": "montreal", "S-0002": "quebec", "S-0003": "osaka"}
    (batch,) = project.rows(["S-0002"], ["mri_date"])
    assert {row.values["redcap_data_access_group"] for row in batch} == {"quebec"}
    project.close()


def test_groups_that_redcap_does_not_tell_are_found_out(simulator: RedcapSimulator) -> None:
    simulator.projects[:] = [longitudinal(3)]
    in_a_group = connected(simulator, "montreal", record_id_field="record_id", data_access_groups=True)
    for ask in (in_a_group.record_groups, lambda: list(in_a_group.rows(["S-0001"], ["mri_date"]))):
        with pytest.raises(Forbidden, match="must not be in one"):
            ask()
    in_a_group.close()


def test_never_more_than_three_hundred_requests_in_any_minute() -> None:
    now = [0.0]
    sent: list[float] = []

    def sleep(seconds: float) -> None:
        now[0] += seconds

    throttle = Throttle(lambda: now[0], sleep)
    for number in range(2000):
        throttle.wait()
        sent.append(now[0])
        now[0] += 40.0 if number == 700 else 0.01
    assert max(sum(start <= at < start + 60 for at in sent) for start in sent) <= REQUESTS_A_MINUTE
    assert sent[BURST - 1] < 2  # a small sync does not wait


@pytest.mark.slow
def test_requests_that_follow_too_fast_are_held_back(simulator: RedcapSimulator) -> None:
    pauses: list[float] = []
    project = RedcapProject(
        simulator.url, simulator.projects[0].token(), "study_id", sleep=pauses.append, clock=lambda: 0.0
    )
    for _ in range(BURST + 2):
        project.existing(["000001"])
    each = 60 / (REQUESTS_A_MINUTE - BURST)
    assert pauses == pytest.approx([each, 2 * each])
    project.close()


def test_the_rows_of_a_record_that_does_not_exist_are_none(project: RedcapProject) -> None:
    assert project.rows_of("nobody", SCAN) == []
    assert project.existing(["000001", "nobody"]) == {"000001"}


def test_a_field_redcap_drops_in_silence_is_found_out(simulator: RedcapSimulator) -> None:
    limited = connected(simulator, "limited")
    with pytest.raises(Forbidden, match="first_name"):
        list(limited.rows(["000001"], ["first_name", "demo_sex"]))
    limited.close()


def test_an_unknown_field_is_a_refusal_that_names_it(
    project: RedcapProject, simulator: RedcapSimulator
) -> None:
    with pytest.raises(Rejected, match="mri_dat") as refused:
        list(project.rows(["000001"], ["mri_dat"]))
    assert not refused.value.retryable
    assert simulator.requests.count == 1


@pytest.mark.parametrize("kind", ["html_200", "empty_200", "unknown_error", "out_of_memory", "cut_json"])
def test_nonsense_with_status_200_is_unavailable_for_every_call(
    project: RedcapProject, simulator: RedcapSimulator, kind: Any
) -> None:
    row = RedcapRow("000001", "", "mri", 1, {"mri_status": "COMPLETED"})
    simulator.add_fault(kind, times=None)
    for call in (
        project.record_ids,
        project.project_info,
        project.version,
        project.metadata,
        lambda: project.changed(datetime(2026, 1, 1)),
        lambda: all_rows(project, "000001"),
        lambda: project.import_status([row]),
    ):
        with pytest.raises(Unavailable):
            call()


@pytest.mark.parametrize("kind", ["empty_500", "html_503", "dropped"])
def test_a_passing_fault_is_tried_again_with_growing_pauses(
    project: RedcapProject, simulator: RedcapSimulator, pauses: list[float], kind: Any
) -> None:
    simulator.add_fault(kind, times=3)
    assert len(project.record_ids()) == 5
    assert pauses == [1, 2, 4]


def test_a_fault_that_stays_is_unavailable_after_four_tries(
    project: RedcapProject, simulator: RedcapSimulator
) -> None:
    simulator.add_fault("empty_500", times=None)
    with pytest.raises(Unavailable, match="500"):
        project.record_ids()
    assert simulator.requests.count == 4


def test_a_server_that_is_not_there_is_told_from_a_refusal(pauses: list[float]) -> None:
    with RedcapSimulator([classic(1)]) as gone:
        project = connected(gone, pauses=pauses)
    with pytest.raises(Unavailable, match="ConnectionError"):
        project.record_ids()
    assert len(pauses) == 3
    project.close()


def test_an_answer_that_takes_too_long_is_not_waited_for_twice(simulator: RedcapSimulator) -> None:
    slow = connected(simulator, read_seconds=0.05)
    simulator.add_fault("latency", seconds=0.3)
    with pytest.raises(Unavailable, match="ReadTimeout"):
        slow.record_ids()
    slow.close()


def test_a_revoked_token_is_forbidden_and_not_tried_again(
    project: RedcapProject, simulator: RedcapSimulator, pauses: list[float]
) -> None:
    simulator.add_fault("revoked")
    with pytest.raises(Forbidden, match="permissions"):
        project.record_ids()
    assert (simulator.requests.count, pauses) == (1, [])


def test_a_ban_is_not_tried_again(project: RedcapProject, simulator: RedcapSimulator) -> None:
    simulator.add_fault("banned")
    with pytest.raises(Banned):
        project.record_ids()
    assert simulator.requests.count == 1


def test_a_redirect_is_not_followed(project: RedcapProject, monkeypatch: pytest.MonkeyPatch) -> None:
    import requests  # noqa: PLC0415

    redirect = requests.Response()
    redirect.status_code, redirect._content = 302, b""
    asked: list[Any] = []

    def send(*_args: Any, **kwargs: Any) -> requests.Response:
        asked.append(kwargs["allow_redirects"])
        return redirect

    monkeypatch.setattr(project._post.session, "send", send)
    with pytest.raises(Unavailable, match="302"):
        project.record_ids()
    assert asked == [False]


def test_only_what_changed_since_comes(project: RedcapProject, simulator: RedcapSimulator) -> None:
    simulator.clock.advance(86400)
    simulator.save_form(11, "000002", "mri", {"mri_date": "2026-12-24"}, instance=1)
    since = (NOON + timedelta(hours=23)).replace(tzinfo=None)
    assert project.changed(since) == {"000002"}


def test_a_time_with_a_zone_is_refused_because_pycap_would_drop_it(project: RedcapProject) -> None:
    with pytest.raises(ValueError, match="naive"):
        project.changed(NOON)


def test_the_servers_clock_is_read_from_its_answers(
    project: RedcapProject, simulator: RedcapSimulator
) -> None:
    assert NOON - timedelta(seconds=1) <= project.server_now() <= NOON
    simulator.clock.advance(3600)
    project.record_ids()
    asked = simulator.requests.count
    assert project.server_now() >= NOON + timedelta(seconds=3599)
    assert simulator.requests.count == asked


def test_a_status_written_is_confirmed_and_touches_nothing_else(
    project: RedcapProject, simulator: RedcapSimulator
) -> None:
    (before,) = [row for row in project.rows_of("000001", SCAN) if row.instance == 1]
    project.import_status([RedcapRow("000001", "", "mri", 1, {"mri_status": "COMPLETED"})])
    (after,) = [row for row in project.rows_of("000001", [*SCAN, "mri_status"]) if row.instance == 1]
    assert after.values == {**before.values, "mri_status": "COMPLETED"}


def test_a_write_without_the_right_is_forbidden_though_pycap_would_call_it_done(
    simulator: RedcapSimulator,
) -> None:
    reader = connected(simulator, "reader")
    with pytest.raises(Forbidden, match="import"):
        reader.import_status([RedcapRow("000001", "", "mri", 1, {"mri_status": "COMPLETED"})])
    reader.close()


def test_a_write_redcap_does_not_confirm_is_not_done(
    project: RedcapProject, simulator: RedcapSimulator
) -> None:
    simulator.add_fault("truncated", keep=0)
    with pytest.raises(Unavailable, match="confirm"):
        project.import_status([RedcapRow("000001", "", "mri", 1, {"mri_status": "COMPLETED"})])


def test_a_value_redcap_refuses_is_not_quoted(project: RedcapProject) -> None:
    row = RedcapRow("000001", "", "mri", 1, {"mri_start": "yesterday"})
    with pytest.raises(Rejected, match="mri_start") as refused:
        project.import_status([row])
    assert "yesterday" not in str(refused.value)
    assert "000001" not in str(refused.value)


def test_names_of_fields_are_kept_and_an_imports_problems_shortened() -> None:
    names = "The following values in the parameter \"fields\" are not valid: 'a', 'b', 'c', 'd'"
    assert redacted(names) == names
    lines = '"007","mri_start","Doe","The value \'Doe\' is no date"\n"008","mri_end","x, y","Too late"'
    assert redacted(lines) == "mri_start: The value … is no date; mri_end: Too late"


def test_what_redcap_says_loses_everything_it_quotes() -> None:
    said = "The record name (007) has an invalid value for 'x'. Value provided: Doe"
    assert redacted(said) == "The record name … has an invalid value for …. Value provided…"


def test_a_token_of_the_wrong_length_is_refused_without_being_quoted(simulator: RedcapSimulator) -> None:
    with pytest.raises(Rejected) as refused:
        connected(simulator, token="S3CRET")
    assert "S3CRET" not in str(refused.value)


def test_no_error_carries_the_token(simulator: RedcapSimulator) -> None:
    project, token = connected(simulator), simulator.projects[0].token()
    for kind in ("html_200", "empty_500", "revoked", "banned", "dropped", "cut_json"):
        simulator.faults.clear()
        simulator.add_fault(kind, times=None)
        with pytest.raises(MwlError) as failed:
            project.record_ids()
        assert token not in repr(failed.getrepr(chain=True))
    project.close()
