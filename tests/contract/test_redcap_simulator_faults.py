"""What goes wrong on purpose, PyCap's traps, the trigger, the control surface and the command."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import requests
from redcap.project import Project as PyCapProject
from redcap.request import RedcapError

from infra.redcap_simulator import Fault, Quirks, RedcapSimulator, classic, longitudinal
from infra.redcap_simulator.faults import FaultKind
from tests.rigs.patience import PATIENCE, SOON

Sent = list[tuple[str, Mapping[str, str]]]


@pytest.fixture
def sent() -> Sent:
    return []


@pytest.fixture
def simulator(sent: Sent) -> Iterator[RedcapSimulator]:
    def send(url: str, form: Mapping[str, str]) -> None:
        sent.append((url, form))

    with RedcapSimulator(
        [classic(), longitudinal()], det_url="http://relay.example/hook", send_trigger=send
    ) as running:
        yield running


def pycap(simulator: RedcapSimulator, number: int = 0) -> Any:
    return PyCapProject(simulator.url, simulator.projects[number].token(), timeout=PATIENCE)


def export(simulator: RedcapSimulator, **form: str) -> requests.Response:
    data = {"token": simulator.projects[0].token(), "content": "record", "format": "json", **form}
    return requests.post(simulator.url, data=data, timeout=PATIENCE)


def control(simulator: RedcapSimulator, method: str, path: str, **body: Any) -> requests.Response:
    return requests.request(method, f"{simulator.base_url}/_control/{path}", json=body, timeout=PATIENCE)


@pytest.mark.parametrize(
    ("kind", "status", "piece"),
    [
        ("empty_500", 500, ""),
        ("empty_200", 200, ""),
        ("out_of_memory", 200, "ran out of server memory"),
        ("html_200", 200, "<h1>We'll be back soon</h1>"),
        ("html_503", 503, "<!DOCTYPE html>"),
        ("unknown_error", 200, "unknown error"),
        ("banned", 200, "has been banned due to suspected abuse"),
        ("revoked", 403, '{"error": "You do not have permissions to use the API"}'),
    ],
)
def test_a_scripted_answer_takes_the_place_of_the_right_one_once(
    simulator: RedcapSimulator, kind: Any, status: int, piece: str
) -> None:
    simulator.add_fault(kind)
    answer = export(simulator)
    assert answer.status_code == status
    assert piece in answer.text
    assert export(simulator).json()


@pytest.mark.parametrize("shape", ["json", "csv"])
def test_a_truncated_export_lacks_rows_with_status_200(simulator: RedcapSimulator, shape: str) -> None:
    whole = export(simulator, format=shape, fields="study_id").text
    simulator.add_fault("truncated", keep=0.3)
    answer = export(simulator, format=shape, fields="study_id")
    assert answer.status_code == 200
    kept = len(answer.json()) if shape == "json" else len(answer.text.splitlines()) - 1
    assert kept == 3
    assert answer.text != whole


def test_json_is_cut_in_the_middle(simulator: RedcapSimulator) -> None:
    simulator.add_fault("cut_json")
    with pytest.raises(requests.exceptions.JSONDecodeError):
        export(simulator).json()


def test_a_dropped_connection_is_an_error_of_the_network(simulator: RedcapSimulator) -> None:
    simulator.add_fault("dropped")
    with pytest.raises(requests.ConnectionError):
        export(simulator)
    assert export(simulator).status_code == 200


def test_latency_delays_the_right_answer(simulator: RedcapSimulator) -> None:
    simulator.add_fault("latency", seconds=0.2)
    begun = time.monotonic()
    assert export(simulator).json()
    assert time.monotonic() - begun >= 0.2


def test_a_slow_request_of_before_the_log_was_cleared_is_none_of_those_after_it(
    simulator: RedcapSimulator,
) -> None:
    simulator.add_fault("latency", seconds=0.3)
    with pytest.raises(requests.ReadTimeout):
        requests.post(
            simulator.url,
            data={"token": simulator.projects[0].token(), "content": "version"},
            timeout=(PATIENCE, 0.05),
        )
    simulator.requests.clear()
    simulator.add_fault("latency", seconds=0.4)  # answered after the one that nobody waits for
    export(simulator)
    assert simulator.requests.count == 1


def test_stopping_does_not_wait_for_a_slow_answer() -> None:
    simulator = RedcapSimulator([classic()], faults=[Fault("latency", seconds=2 * PATIENCE)]).start()
    with pytest.raises(requests.Timeout):
        requests.post(simulator.url, data={"content": "version"}, timeout=0.2)
    begun = time.monotonic()
    simulator.stop()
    assert time.monotonic() - begun < SOON


def test_a_lost_answer_may_hide_a_write_that_was_done(simulator: RedcapSimulator) -> None:
    simulator.add_fault("dropped", carry_out=True)
    with pytest.raises(requests.ConnectionError):
        export(simulator, data='[{"study_id":"000001","family_id":"WRITTEN"}]')
    assert export(simulator, records="000001", fields="family_id").json()[0]["family_id"] == "WRITTEN"


def test_a_fault_holds_for_its_content_and_its_number_of_times(simulator: RedcapSimulator) -> None:
    simulator.add_fault("empty_500", content="record", times=2, skip=1)
    assert export(simulator, content="version").status_code == 200
    assert [export(simulator).status_code for _ in range(4)] == [200, 500, 500, 200]


def test_a_fault_without_times_lasts_until_it_is_cleared(simulator: RedcapSimulator) -> None:
    control(simulator, "POST", "faults", kind="html_503", times=None)
    assert [export(simulator).status_code for _ in range(3)] == [503, 503, 503]
    assert control(simulator, "GET", "faults").json()[0]["kind"] == "html_503"
    control(simulator, "DELETE", "faults")
    assert export(simulator).status_code == 200


def test_an_address_that_asks_too_often_is_banned() -> None:
    with RedcapSimulator([classic()], quirks=Quirks(rate_limit=2)) as strict:
        texts = [export(strict, content="version").text for _ in range(4)]
        assert texts[:2] == ["15.5.0", "15.5.0"]
        assert all("has been banned" in text for text in texts[2:])


def test_trap_2_html_comes_back_as_data(simulator: RedcapSimulator) -> None:
    simulator.add_fault("html_503")
    assert "<!DOCTYPE html>" in pycap(simulator).generate_next_record_name()


def test_trap_1_an_empty_500_is_an_empty_csv(simulator: RedcapSimulator) -> None:
    project = pycap(simulator)
    assert project.field_names
    assert project.forms
    simulator.add_fault("empty_500")
    assert project.export_records(format_type="csv") == ""


@pytest.mark.parametrize("kind", ["empty_500", "revoked"])
def test_trap_3_asking_for_nothing_hides_every_failure(simulator: RedcapSimulator, kind: Any) -> None:
    simulator.add_fault(kind)
    assert pycap(simulator).import_records([{"study_id": "000001"}], return_content="nothing") == [{}]


def test_trap_4_one_failure_makes_a_longitudinal_project_classic_for_good(simulator: RedcapSimulator) -> None:
    project = pycap(simulator, 1)
    simulator.add_fault("dropped")
    assert project.is_longitudinal is False
    assert project.is_longitudinal is False
    assert pycap(simulator, 1).is_longitudinal is True


def test_trap_5_no_records_means_all_of_them(simulator: RedcapSimulator) -> None:
    rows = pycap(simulator).export_records(records=[], fields=["study_id"])
    assert len(rows) == 10


def test_trap_7_pycap_takes_a_truncated_export_for_the_whole(simulator: RedcapSimulator) -> None:
    project = pycap(simulator)
    assert project.field_names
    simulator.add_fault("truncated", content="record")
    assert len(project.export_records(fields=["study_id"])) == 5


def test_trap_8_a_refusal_and_a_network_fault_are_the_same_class(simulator: RedcapSimulator) -> None:
    project = pycap(simulator)
    kinds: tuple[FaultKind, ...] = ("revoked", "dropped")
    for kind in kinds:
        simulator.add_fault(kind)
        with pytest.raises(RedcapError):
            project.export_project_info()


def test_a_redirected_post_ends_at_the_help_page(simulator: RedcapSimulator) -> None:
    answer = requests.post(f"{simulator.base_url}/api", data={"content": "version"}, timeout=PATIENCE)
    assert answer.status_code == 200
    assert "REDCap API help" in answer.text


def test_saving_a_form_fires_the_trigger(simulator: RedcapSimulator, sent: Sent) -> None:
    simulator.save_form(11, "000001", "mri", {"mri_date": "2026-05-05"}, instance=2, complete="1")
    simulator.trigger.wait()
    url, form = sent[0]
    assert url == "http://relay.example/hook"
    assert form == {
        "project_id": "11",
        "username": "relay",
        "instrument": "mri",
        "record": "000001",
        "mri_complete": "1",
        "redcap_repeat_instance": "2",
        "redcap_repeat_instrument": "mri",
        "redcap_url": f"{simulator.base_url}/",
        "project_url": f"{simulator.base_url}/redcap_v15.5.0/index.php?pid=11",
    }


def test_the_trigger_tells_event_and_group_where_they_apply(simulator: RedcapSimulator, sent: Sent) -> None:
    values = {"mri_date": "2026-05-05"}
    simulator.save_form(22, "S-0001", "mri", values, event="mri_arm_1", instance=1)
    simulator.trigger.wait()
    form = sent[0][1]
    assert (form["redcap_event_name"], form["redcap_data_access_group"]) == ("mri_arm_1", "montreal")
    assert "redcap_repeat_instrument" not in form


def test_an_import_fires_no_trigger(simulator: RedcapSimulator, sent: Sent) -> None:
    pycap(simulator).import_records([{"study_id": "000001", "family_id": "F2"}])
    simulator.trigger.wait()
    assert sent == []


def test_a_trigger_nobody_answers_is_lost_for_good(free_port: int) -> None:
    with RedcapSimulator([classic()], det_url=f"http://127.0.0.1:{free_port}/") as alone:
        alone.save_form(11, "000001", "demographics", {"family_id": "F3"})
        alone.trigger.wait()
        assert [fired.delivered for fired in alone.trigger.fired] == [False]


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_control_surface_plays_a_persons_day(simulator: RedcapSimulator, sent: Sent) -> None:
    saved = control(
        simulator,
        "POST",
        "projects/11/save_form",
        record="NEW-1",
        instrument="mri",
        values={"mri_date": "2026-09-09"},
    )
    assert saved.json() == {"ok": True, "instance": 1}
    for path, body in (
        ("projects/11/rename", {"record": "NEW-1", "new_record": "NEW-2"}),
        ("projects/11/erase_form", {"record": "NEW-2", "instrument": "mri", "instance": 1}),
        ("projects/11/delete", {"record": "000002"}),
        ("projects/22/move_dag", {"record": "S-0001", "dag": "osaka"}),
    ):
        assert control(simulator, "POST", path, **body).json() == {"ok": True}
    rows = export(simulator, records="NEW-2,000002").json()
    assert [(row["study_id"], row["redcap_repeat_instance"]) for row in rows] == [("NEW-2", "")]
    assert control(simulator, "GET", "triggers").json()[0]["form"]["record"] == "NEW-1"
    assert len(sent) == 1


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("projects/99/delete", {"record": "x"}, 404),
        ("projects/11/delete", {"record": "x"}, 404),
        ("projects/11/dance", {}, 404),
        ("projects/11/delete", {"recrod": "x"}, 400),
        ("projects/11/save_form", {"record": "000001", "instrument": "mri", "values": {"nope": "1"}}, 404),
        ("faults", {"kind": "nope"}, 400),
    ],
)
def test_the_control_surface_says_what_is_wrong(
    simulator: RedcapSimulator, path: str, body: dict[str, Any], status: int
) -> None:
    answer = control(simulator, "POST", path, **body)
    assert answer.status_code == status
    assert answer.json()["error"]


def test_requests_are_counted_by_content(simulator: RedcapSimulator) -> None:
    export(simulator, content="version")
    export(simulator)
    told = control(simulator, "GET", "requests").json()
    assert (told["count"], told["contents"]) == (2, ["version", "record"])
    assert simulator.projects[0].token() not in json.dumps(told)


def test_the_clock_can_be_moved(simulator: RedcapSimulator) -> None:
    control(simulator, "POST", "clock", set="2030-01-01T00:00:00+00:00", advance=60)
    assert control(simulator, "GET", "clock").json()["now"].startswith("2030-01-01T00:01")


def test_a_revoked_token_is_refused_for_good(simulator: RedcapSimulator) -> None:
    token = simulator.projects[0].token()
    control(simulator, "POST", "projects/11/revoke", user="relay")
    assert export(simulator, token=token).status_code == 403


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "infra.local.redcap", *arguments]


def test_the_command_tells_where_it_listens_and_ends_quietly() -> None:
    process = subprocess.Popen(
        command("--port", "0", "--projects", "single", "--records", "3", "--print-json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        line, told = process.stdout.readline(), json.loads(process.stdout.readline())
        assert line == f"REDCap simulator listening at {told['url']}\n"
        project = PyCapProject(told["url"], told["projects"][0]["tokens"]["relay"])
        assert len(project.export_records()) == 3
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, errors) == (0, "")


def test_a_port_in_use_is_said_in_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = subprocess.run(
            command("--port", port), capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"redcap simulator: cannot listen on 127.0.0.1:{port}: ")
    assert ended.stderr.count("\n") == 1


@pytest.mark.slow
def test_stop_signals_in_quick_succession_end_the_command_as_one_does() -> None:
    for _ in range(3):
        process = subprocess.Popen(command("--port", "0"), stdout=subprocess.PIPE, text=True)
        with process:
            assert process.stdout is not None
            assert "listening" in process.stdout.readline()
            for _ in range(200):
                process.send_signal(signal.SIGTERM)
            try:
                assert process.wait(PATIENCE) == 0
            finally:
                process.kill()
