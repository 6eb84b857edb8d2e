"""The command as an operator and a parent process use it: exit codes, one-line errors, JSON, signals."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from edge_relay.cli import app
from edge_relay.client import scu
from edge_relay.mpps.journal_reader import JournalReader
from edge_relay.relay import Relay
from shared.errors import Forbidden
from tests.rigs.patience import PATIENCE
from tests.rigs.relay import (
    CODE,
    SCANNER,
    FakeCloud,
    RelayProcess,
    began,
    eventually,
    item,
    names,
    running_relay,
    scanner,
    shown,
    toml,
)


def mwl_relay(*arguments: object, **environment: str) -> Result:
    return CliRunner(env=environment).invoke(app, [str(each) for each in arguments])


def at(relay: Relay) -> list[object]:
    host, port = relay.address
    return ["--host", host, "--port", port, "--calling", SCANNER]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_help_teaches_every_command() -> None:
    text = mwl_relay("--help").output
    for command in (
        "enroll run status list retry check-config backup echo find mpps conformance journal".split()  # noqa: SIM905
    ):
        assert command in text
        assert mwl_relay(command, "--help").exit_code == 0


def test_enrolling_works_once_and_says_who_we_are(tmp_path: Path, cloud: FakeCloud) -> None:
    settings, state = tmp_path / "relay.toml", tmp_path / "state"
    settings.write_text(toml(cloud))
    options = ("--config", settings, "--state-dir", state)
    wrong = mwl_relay("enroll", "guess", *options)
    assert (wrong.exit_code, "the code is not valid" in wrong.output) == (1, True)
    done = mwl_relay("enroll", CODE, *options)
    assert (done.exit_code, done.output) == (0, "enrolled as relay-1 for site oslo\n")
    again = mwl_relay("enroll", CODE, *options)
    assert (again.exit_code, "--force" in again.output) == (2, True)


def test_a_relay_that_is_not_enrolled_does_not_run(tmp_path: Path, cloud: FakeCloud) -> None:
    settings = tmp_path / "relay.toml"
    settings.write_text(toml(cloud))
    result = mwl_relay("run", "--config", settings, "--state-dir", tmp_path / "state")
    assert result.exit_code == 2
    assert "mwl-relay enroll" in result.output
    assert result.output.count("\n") == 1


def test_check_config_names_file_and_key(tmp_path: Path, cloud: FakeCloud) -> None:
    settings = tmp_path / "relay.toml"
    settings.write_text(toml(cloud))
    assert mwl_relay("check-config", "--config", settings).exit_code == 0
    bad = mwl_relay("check-config", "--config", settings, MWL_RELAY__PORT="many")
    assert bad.exit_code == 2
    assert "relay.port" in bad.output
    assert "cloud_url" in mwl_relay("check-config", "--explain").output


@pytest.mark.parametrize(
    ("scanners", "relay", "code", "said"),
    [
        ([], {}, 2, "every scanner would be refused"),
        ([], {"cloud_scanners": "add"}, 0, "good, 0 scanners"),
        ([], {"allow_any_scanner": True}, 0, "good, 0 scanners"),
        ([{"ae_title": "A"}], {}, 0, "good, 1 scanner\n"),
        ([{"ae_title": "A"}, {"ae_title": "B"}], {}, 0, "good, 2 scanners"),
    ],
)
def test_check_config_of_a_relay_that_nobody_may_call_is_not_good(
    tmp_path: Path,
    cloud: FakeCloud,
    scanners: list[dict[str, Any]],
    relay: dict[str, Any],
    code: int,
    said: str,
) -> None:
    settings = tmp_path / "relay.toml"
    settings.write_text(toml(cloud, scanners=scanners, **relay))
    checked = mwl_relay("check-config", "--config", settings)
    assert (checked.exit_code, said in checked.output) == (code, True)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("[relay]\nae_titel = 'X'\n", "relay.ae_titel: there is no such setting; did you mean ae_title?"),
        ("[realy]\n", "realy: there is no such setting; did you mean relay?"),
        ("[status]\nprot = 1\n", "status.prot: there is no such setting; did you mean port?"),
        (
            "[[scanners]]\nae_title='A'\nmodality=['MR']\n",
            "scanners[1].modality: there is no such setting;",
        ),
        (
            "[[scanners]]\nae_title='A'\nextra_attributes=['PatientWait']\n",
            "extra_attributes[1]: is not the keyword of a DICOM attribute, like PatientWeight; did",
        ),
    ],
)
def test_a_mistyped_setting_is_told_which_one_was_meant(tmp_path: Path, wrong: str, said: str) -> None:
    settings = tmp_path / "relay.toml"
    settings.write_text(wrong)
    checked = mwl_relay("check-config", "--config", settings)
    assert (checked.exit_code, said in checked.output) == (2, True), checked.output


@pytest.mark.parametrize(
    ("date", "found"),
    [("2026-11-22", 1), ("2026-11-20..2026-11-22", 1), ("2026-11-23..", 0), ("20261122", 1)],
)
def test_find_takes_dates_as_people_write_them(relay: Relay, date: str, found: int) -> None:
    eventually(lambda: names(relay))
    shown = mwl_relay("find", *at(relay), "--date", date)
    assert (shown.exit_code, shown.output.count("Doe^Jane")) == (0, found)


def test_a_date_that_is_none_is_wrong_use(relay: Relay) -> None:
    refused = mwl_relay("find", *at(relay), "--date", "tomorrow")
    assert (refused.exit_code, "2026-11-27" in refused.output) == (2, True)


def test_warnings_are_in_words(tmp_path: Path, relay: Relay) -> None:
    report = began(item())
    del report.PerformedStationAETitle
    uid = scu.create_step(scanner(relay), report, None)
    eventually(lambda: mwl_relay("list", "--warned", "--state-dir", tmp_path).output != "nothing\n")
    (line,) = mwl_relay("list", "--warned", "--state-dir", tmp_path).output.splitlines()
    assert re.match(rf"\d{{4}}-\d\d-\d\d \d\d:\d\d {SCANNER}, N-CREATE of step {re.escape(uid)}: \w", line)
    assert "(" not in line.partition(": ")[2][:1]


def test_status_for_programs_names_its_columns(tmp_path: Path, relay: Relay) -> None:
    names(relay)
    eventually(lambda: "last query" in mwl_relay("status", "--state-dir", tmp_path).output)


def test_status_is_for_people_and_programs(tmp_path: Path, relay: Relay) -> None:
    names(relay)
    eventually(lambda: "scanners" in (tmp_path / "health.json").read_text())

    def healthy() -> Any:
        result = mwl_relay("status", "--state-dir", tmp_path, "--json")
        return json.loads(result.output) if result.exit_code == 0 else None

    found = eventually(healthy)
    assert (found["items"], found["outbox"], found["parked"], found["problems"]) == (1, 0, 0, [])
    assert "last good pull" in mwl_relay("status", "--state-dir", tmp_path).output


def test_status_asks_for_attention_by_its_exit_code(tmp_path: Path, relay: Relay, cloud: FakeCloud) -> None:
    cloud.stop()
    scu.create_step(scanner(relay), began(item()), "2.25.5")
    relay.journal.park(relay.journal.open_events()[0].event_id, "because")
    result = mwl_relay("status", "--state-dir", tmp_path)
    assert result.exit_code == 1
    assert "parked" in result.output
    (parked,) = json.loads(mwl_relay("list", "--parked", "--json", "--state-dir", tmp_path).output)
    assert parked["reason"] == "because"
    assert mwl_relay("retry", "nonsense", "--state-dir", tmp_path).exit_code == 2
    assert mwl_relay("retry", parked["event_id"], "--state-dir", tmp_path).exit_code == 0
    cloud.start()
    cloud.wait_for(lambda c: c.recorded)


def test_status_without_a_relay_is_exit_code_3(tmp_path: Path, cloud: FakeCloud) -> None:
    assert mwl_relay("status", "--state-dir", tmp_path).exit_code == 3
    process = RelayProcess(tmp_path, cloud)
    process.start()
    eventually(lambda: mwl_relay("status", "--state-dir", process.state_dir).exit_code == 0)
    assert process.end(kill=True) != 0
    ended = mwl_relay("status", "--state-dir", process.state_dir)
    assert (ended.exit_code, "is not running" in ended.output) == (3, True)
    checked = mwl_relay("status", "--check", "--state-dir", process.state_dir)
    assert checked.exit_code == 3
    assert checked.output.startswith("UNKNOWN - the relay is not running")


def test_status_names_scanners_and_those_who_were_refused(tmp_path: Path, relay: Relay) -> None:
    names(relay)
    with pytest.raises(Forbidden):
        scu.echo(scanner(relay, calling="STRANGER"))
    relay.write_health()
    output = mwl_relay("status", "--state-dir", tmp_path).output
    assert f"scanner {SCANNER}\tnever\t" in output
    assert "refused STRANGER from 127.0.0.1" in output


def test_check_is_one_line_with_figures(tmp_path: Path, relay: Relay) -> None:
    eventually(lambda: mwl_relay("status", "--state-dir", tmp_path).exit_code == 0)
    result = mwl_relay("status", "--check", "--state-dir", tmp_path)
    assert result.exit_code == 0
    figures = r"items=1 cache_age=\d+s;;14400 outbox=0 outbox_age=0s;;86400 parked=0 missing=0"
    assert re.fullmatch(rf"OK - all is well \| {figures}\n", result.output)


def test_list_shows_what_one_scanner_would_see(tmp_path: Path, cloud: FakeCloud) -> None:
    cloud.put(item("mine", scheduled_station_aetitle="MR7"), item("other", scheduled_station_aetitle="MR8"))
    scanners = [{"ae_title": SCANNER, "station_ae_titles": ["MR7"]}]
    settings, state = tmp_path / "relay.toml", tmp_path / "state"
    settings.write_text(toml(cloud, scanners=scanners))
    with running_relay(state, cloud, scanners=scanners) as relay:
        eventually(lambda: relay.cache.feed_seq("other"))
        cloud.stop()
        scu.create_step(scanner(relay), began(item("mine")), "2.25.5")
        options = ("--config", settings, "--state-dir", state, "--json")
        (row,) = json.loads(mwl_relay("list", "--scanner", SCANNER, *options).stdout)
        assert (row["id"], row["performed_procedure_step_status"]) == ("mine", "IN_PROGRESS")
        stranger = mwl_relay("list", "--scanner", "STRANGER", *options)
        assert (stranger.exit_code, "is no scanner of this relay" in stranger.output) == (2, True)
        assert mwl_relay("list", "--scanner", SCANNER, "--outbox", *options).exit_code == 2
        (event,) = json.loads(mwl_relay("list", "--outbox", *options).output)
        assert event["sop_instance_uid"] == "2.25.5"


def test_list_shows_the_worklist(tmp_path: Path, relay: Relay) -> None:
    (row,) = json.loads(mwl_relay("list", "--json", "--state-dir", tmp_path).stdout)
    assert row["patient_name"] == "Doe^Jane"
    assert relay.cache.count() == 1


def test_echo_find_and_mpps_play_a_scan(relay: Relay, cloud: FakeCloud) -> None:
    assert mwl_relay("echo", *at(relay)).exit_code == 0
    (found,) = json.loads(mwl_relay("find", *at(relay), "--modality", "MR", "--json").output)
    assert found["00100020"]["Value"] == ["P-001"]
    assert "Doe^Jane" in mwl_relay("find", *at(relay)).output
    began = mwl_relay("mpps", "create", item().scheduled_procedure_step_id, *at(relay))
    assert began.exit_code == 0
    assert mwl_relay("mpps", "set", began.output.strip(), *at(relay)).exit_code == 0
    cloud.wait_for(lambda c: len(c.recorded) == 2)
    again = mwl_relay("mpps", "set", began.output.strip(), *at(relay))
    assert (again.exit_code, "0110" in again.output) == (1, True)
    assert mwl_relay("mpps", "create", "NO-SUCH-STEP", *at(relay)).exit_code == 1


def test_a_port_where_nobody_listens_is_exit_code_3() -> None:
    assert mwl_relay("echo", "--port", free_port()).exit_code == 3


def test_a_backup_is_a_working_journal(tmp_path: Path, relay: Relay, cloud: FakeCloud) -> None:
    cloud.stop()
    scu.create_step(scanner(relay), began(item()), "2.25.5")
    target = tmp_path / "copy.db"
    assert mwl_relay("backup", target, "--state-dir", tmp_path).exit_code == 0
    reader = JournalReader(target)
    assert [event.sop_instance_uid for event in reader.open_events()] == ["2.25.5"]
    reader.close()
    assert mwl_relay("backup", target, "--state-dir", tmp_path).exit_code == 2
    assert sqlite3.sqlite_version


def test_a_relay_process_announces_itself_logs_no_identifier_and_stops_on_a_signal(
    tmp_path: Path, cloud: FakeCloud, capfd: pytest.CaptureFixture[str]
) -> None:
    process = RelayProcess(tmp_path, cloud)
    peer = process.start()
    scu.echo(peer)
    eventually(lambda: shown(peer, scu.worklist_query()))
    uid = scu.create_step(peer, began(item()), None)
    cloud.wait_for(lambda c: c.recorded)
    os.kill(process.pid, signal.SIGINT)
    assert process.end() == 0
    logged = capfd.readouterr().err
    assert "N-CREATE" in logged
    for secret in ("Doe", "Jane", "P-001", uid, item().accession_number, item().study_instance_uid):
        assert secret not in logged


def test_a_service_manager_is_told_and_the_watchdog_fed(
    tmp_path: Path, cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "300000")
        process = RelayProcess(tmp_path, cloud)
        process.start()
        assert manager.recv(4096).startswith(b"READY=1\nSTATUS=")
        for _ in range(3):
            assert manager.recv(4096).startswith(b"WATCHDOG=1\nSTATUS=")
        assert process.end() == 0
        said = [manager.recv(4096)]
        while not said[-1].startswith(b"STOPPING=1"):
            said.append(manager.recv(4096))
        assert b"EXTEND_TIMEOUT_USEC=" in said[-1]


def test_a_relay_process_has_a_status_page(tmp_path: Path, cloud: FakeCloud) -> None:
    port = free_port()
    process = RelayProcess(tmp_path, cloud, status={"port": port})
    scu.echo(process.start())

    def page(path: str) -> str:
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE, trust_env=False).text

    eventually(lambda: "All is well" in page("/") and "1 item" in page("/"))
    assert "MR brain" in page(f"/scanners/{SCANNER}")
    assert "Doe" not in page(f"/scanners/{SCANNER}")
    assert f'ae_title="{SCANNER}",service="C-ECHO",status="0000"' in page("/metrics")
    eventually(lambda: "mwl_relay_self_query_success_timestamp_seconds 1" in page("/metrics"))
    assert process.end() == 0


def test_a_status_page_that_cannot_be_had_keeps_no_scanner_waiting(tmp_path: Path, cloud: FakeCloud) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = RelayProcess(tmp_path, cloud, status={"port": taken.getsockname()[1]})
        scu.echo(process.start())
        options = ("status", "--state-dir", process.state_dir)
        eventually(lambda: "the status page does not work" in mwl_relay(*options).output)
        assert mwl_relay(*options).exit_code == 1
        assert process.end() == 0


def test_a_port_or_folder_in_use_is_one_clear_line(tmp_path: Path, cloud: FakeCloud) -> None:
    settings = tmp_path / "relay.toml"
    with running_relay(tmp_path / "one", cloud) as relay:
        settings.write_text(toml(cloud, port=relay.address[1]))
        (tmp_path / "two").mkdir()
        for name in ("key.pem", "identity.json"):
            (tmp_path / "two" / name).write_bytes((tmp_path / "one" / name).read_bytes())
        for folder, says in (("two", "cannot listen on"), ("one", "another relay is running")):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("edge_relay.operations.logs.set_up", lambda *_: None)
                result = mwl_relay("run", "--config", settings, "--state-dir", tmp_path / folder)
            assert result.exit_code == 2
            assert says in result.output
            assert result.output.count("\n") == 1


def test_a_journal_is_looked_through_and_what_is_missing_is_told_until_it_is_accepted(tmp_path: Path) -> None:
    with FakeCloud() as cloud, running_relay(tmp_path, cloud) as relay:
        cloud.always = "503"
        scu.create_step(scanner(relay), began(item()), "2.25.77")
    state = ["--state-dir", tmp_path]
    assert mwl_relay("journal", "check", *state).exit_code == 0
    db = sqlite3.connect(tmp_path / "journal.db")
    with db:
        db.execute("DELETE FROM events")
        db.execute("UPDATE sqlite_sequence SET seq = 0")
    db.close()
    found = mwl_relay("journal", "check", *state)
    assert (found.exit_code, "missing\tevent 1" in found.output) == (1, True)
    assert mwl_relay("journal", "accept-loss", *state).output.startswith("1 missing")
    assert mwl_relay("journal", "check", *state).exit_code == 0


def test_version_is_that_of_the_distribution() -> None:
    asked = mwl_relay("--version")
    assert (asked.exit_code, asked.output) == (0, f"mwl-relay {version('mwl-relay')}\n")


@pytest.mark.parametrize("port", ["0", "65536", "99999", "-1"])
def test_a_port_that_cannot_be_is_wrong_use(port: str) -> None:
    refused = CliRunner().invoke(app, ["echo", "--port", port])
    assert (refused.exit_code, "--port" in refused.output) == (2, True)
