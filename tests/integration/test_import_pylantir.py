"""``mwl-cloud import-pylantir`` from the predecessor's files to the tables, with a sync in between."""

from __future__ import annotations

import json
from pathlib import Path

import bcrypt
import pytest
from typer.testing import CliRunner, Result

from infra.cli import app
from infra.pylantir.databases.accounts import DEFAULT_PASSWORD
from lambdas.access.passwords import Passwords
from lambdas.access.role import Role
from lambdas.store.accounts.people import UserStore
from shared.worklist_item import Status, WorklistItem
from tests.rigs.builders import an_event
from tests.rigs.pylantir import (
    SITE,
    config,
    old_row,
    old_uid,
    predecessor_project,
    write_users,
    write_worklist,
)
from tests.rigs.redcap import Rig, Stack, classic_data

PASSWORD = "violet kettle moraine"


@pytest.fixture
def rig(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """REDCap as pylantir wants it, its token in the environment and in the secret; no source yet."""
    running = stack.fresh(predecessor_project(8), classic_data(token_secret="redcap", site=SITE))
    running.sources.delete("classic")
    monkeypatch.setenv("REDCAP_API_URL", stack.simulator.url.rstrip("/"))
    monkeypatch.setenv("REDCAP_API_TOKEN", running.project.token())
    for user in UserStore(running.cloud.tables, now=lambda: 0.0).all():
        running.cloud.tables.account("USERS", user.username).delete()
    return running


def import_pylantir(folder: Path, *options: str, text: str = "") -> Result:
    file = folder / "config.json"
    file.write_text(text or config(), "utf-8")
    out = ["--out", str(folder / "out"), "--time-zone", "America/Edmonton"]
    return CliRunner().invoke(app, ["import-pylantir", str(file), *out, *options])


def done(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.output


def synced(rig: Rig, folder: Path) -> dict[str, WorklistItem]:
    """Store the definition, sync, and return the items by participant's id."""
    done(import_pylantir(folder, "--apply"))
    assert rig.sync("redcap").outcome == "ok"
    return by_patient(rig)


def by_patient(rig: Rig) -> dict[str, WorklistItem]:
    return {item.patient_id: item for item in rig.items(SITE).values()}


def test_without_apply_files_are_written_and_nothing_is_stored(rig: Rig, tmp_path: Path) -> None:
    said = done(import_pylantir(tmp_path))
    written = {file.name for file in (tmp_path / "out").iterdir()}
    assert written == {"source-redcap.toml", "relay.toml", "parameters.txt", "report.txt"}
    report = (tmp_path / "out" / "report.txt").read_text("utf-8")
    assert "changed     redcap2wl.mri_status: left out" in report
    assert "does not fit" not in report
    assert rig.sources.all() == []
    assert rig.project.token() not in said + report


def test_the_definition_made_of_the_configuration_syncs_every_scan(rig: Rig, tmp_path: Path) -> None:
    items = synced(rig, tmp_path)
    state = rig.state("redcap")
    assert state.rejected == ()
    assert items
    for patient_id, item in items.items():
        number = int(item.source_record)
        family = number // 2 + number % 2
        assert patient_id == f"sub_{number:04}_ses_{item.source_instance}_fam_{family:03}_site_{SITE}"
        assert item.patient_name == f"cpip-id-{number:04}^fa-{family:03}"
        assert item.patient_sex in {"M", "F", "O"}


def test_exams_under_way_keep_their_uid_and_status_through_every_sync(rig: Rig, tmp_path: Path) -> None:
    items = synced(rig, tmp_path)
    running, finished = sorted(items)[:2]
    rows = [
        old_row(1, running, "IN_PROGRESS"),
        old_row(2, finished, "COMPLETED"),
        old_row(3, "PHANTOM", scheduled_start_date="20991231"),
        old_row(4, "sub_9999_ses_1_fam_001_site_792"),
    ]
    database = write_worklist(tmp_path / "worklist.db", rows)
    said = done(import_pylantir(tmp_path, "--worklist-db", str(database), "--apply"))
    assert "2 of ours took over" in said
    assert "row 4" in said

    record = items[running].source_record
    form_filler = rig.simulator.form_filler
    form_filler.save_form(
        rig.project, record, "mri", {"mri_time": "07:07"}, instance=items[running].source_instance
    )
    rig.sync("redcap")
    after = by_patient(rig)
    assert after[running].scheduled_start_time == "070700"
    assert after[running].study_instance_uid == old_uid(1)
    assert after[running].performed_procedure_step_status is Status.IN_PROGRESS
    assert after[finished].performed_procedure_step_status is Status.COMPLETED
    assert after["PHANTOM"].study_instance_uid == old_uid(3)
    untouched = set(items) - {running, finished}
    assert {after[each].study_instance_uid for each in untouched} == {
        items[each].study_instance_uid for each in untouched
    }

    again = done(import_pylantir(tmp_path, "--worklist-db", str(database), "--apply"))
    assert "0 of ours took over UID or status, 0 were made by hand, 3 were right already" in again
    assert by_patient(rig) == after


def test_the_scanners_next_message_finds_the_exam_by_the_uid_it_knows(rig: Rig, tmp_path: Path) -> None:
    items = synced(rig, tmp_path)
    running = min(items)
    database = write_worklist(tmp_path / "worklist.db", [old_row(1, running, "IN_PROGRESS")])
    done(import_pylantir(tmp_path, "--worklist-db", str(database), "--apply"))
    shown = {"study_instance_uid": old_uid(1), "accession_number": "", "scheduled_procedure_step_id": ""}
    event = an_event(items[running].model_copy(update=shown))
    rig.steps.record_event(event, site=SITE, relay_id="relay")
    stored = rig.worklist.find(items[running].id)
    assert stored is not None
    assert stored.status_owner == "mpps"


def test_before_the_first_sync_no_exam_is_brought_along(rig: Rig, tmp_path: Path) -> None:
    database = write_worklist(tmp_path / "worklist.db", [old_row(1, "PHANTOM", "COMPLETED")])
    result = import_pylantir(tmp_path, "--worklist-db", str(database), "--apply")
    assert result.exit_code == 2
    assert "has not been read in full yet" in result.output
    assert rig.items(SITE) == {}


def test_without_apply_every_row_is_foretold_and_nothing_is_written(rig: Rig, tmp_path: Path) -> None:
    items = synced(rig, tmp_path)
    running, other = sorted(items)[:2]
    rows = [
        old_row(1, running, "IN_PROGRESS", scheduled_start_time="23:59"),
        old_row(2, "PHANTOM", scheduled_start_date="20991231", patient_sex="f", patient_weight_lb="180 lb"),
        old_row(3, "PHANTOM", scheduled_start_date="20991230", patient_weight_lb="100"),
        old_row(4, "sub_9999_ses_1_fam_001_site_792"),
        old_row(5, other, "COMPLETED", study_instance_uid=old_uid(1)),
    ]
    database = write_worklist(tmp_path / "worklist.db", rows)
    said = done(import_pylantir(tmp_path, "--worklist-db", str(database)))
    assert by_patient(rig) == items
    assert "5 exams: 2 of ours took over UID or status, 2 were made by hand" in said
    assert "row 1 of the worklist file: differs from REDCap in" in said
    assert "row 3 of the worklist file: patient_weight_lb: left out: is 100" in said
    assert "row 4 of the worklist file: left out: scheduled, and we have no such exam" in said
    assert "row 5 of the worklist file: study_instance_uid: row 1 has the same" in said
    assert f"{len(items) - 2} of our exams have no row" in said
    report = (tmp_path / "out" / "report.txt").read_text("utf-8")
    assert all(f"row {number}: " in report for number in range(1, 6))
    done(import_pylantir(tmp_path, "--worklist-db", str(database), "--apply"))
    made = [item for item in rig.items(SITE).values() if item.patient_id == "PHANTOM"]
    assert made
    assert by_patient(rig)[running].study_instance_uid == old_uid(1)
    assert by_patient(rig)[other].performed_procedure_step_status is Status.COMPLETED


def test_before_the_first_sync_it_is_said_that_nobody_can_tell(rig: Rig, tmp_path: Path) -> None:
    database = write_worklist(tmp_path / "worklist.db", [old_row(1, "PHANTOM", "COMPLETED")])
    said = done(import_pylantir(tmp_path, "--worklist-db", str(database)))
    assert "can be said when the sources have been synced" in said


def test_users_log_in_with_the_password_they_have(rig: Rig, tmp_path: Path) -> None:
    hashes = [
        bcrypt.hashpw(text.encode(), bcrypt.gensalt(4)).decode() for text in (PASSWORD, DEFAULT_PASSWORD, "")
    ]
    users = write_users(
        tmp_path / "users.db",
        [
            ("Ana", hashes[0], "WRITE", True),
            ("bo", hashes[0], "READ", False),
            ("admin", hashes[1], "ADMIN", True),
            ("eve", hashes[2], "WRITE", True),
        ],
    )
    foretold = done(import_pylantir(tmp_path, "--users-db", str(users)))
    assert "user eve: not brought in: has the empty password" in foretold
    said = done(import_pylantir(tmp_path, "--users-db", str(users), "--apply"))
    assert "ana, bo" in said
    assert "user admin: not brought in" in said
    store = UserStore(rig.cloud.tables, now=lambda: 1_795_340_000.0)
    ana, bo = store.find("ana"), store.find("bo")
    assert ana is not None
    assert bo is not None
    assert (ana.role, ana.disabled, bo.disabled) == (Role.WRITE, False, True)
    assert Passwords().verify(PASSWORD, ana.password_hash)[0]
    assert store.find("admin") is None
    assert store.find("eve") is None
    assert "ana: there already" in done(import_pylantir(tmp_path, "--users-db", str(users), "--apply"))


def test_what_an_operator_has_edited_is_kept_and_is_what_gets_stored(rig: Rig, tmp_path: Path) -> None:
    done(import_pylantir(tmp_path))
    file = tmp_path / "out" / "source-redcap.toml"
    file.write_text(
        file.read_text("utf-8").replace("interval_seconds = 60", "interval_seconds = 77"), "utf-8"
    )
    said = done(import_pylantir(tmp_path, "--apply"))
    assert "kept as it was" in said
    assert rig.sources.get("redcap").interval_seconds == 77


def test_a_token_is_never_sent_to_the_placeholder(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REDCAP_API_URL")
    result = import_pylantir(tmp_path, "--apply")
    assert (result.exit_code, "still says example.org" in result.output) == (2, True)


def test_without_the_environment_the_project_is_not_asked(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REDCAP_API_TOKEN")
    done(import_pylantir(tmp_path))
    assert "could not be asked" in (tmp_path / "out" / "report.txt").read_text("utf-8")


def test_a_file_that_cannot_be_read_is_one_line_and_an_exit_code(rig: Rig, tmp_path: Path) -> None:
    result = import_pylantir(tmp_path, text=json.dumps([1]))
    assert (result.exit_code, result.output) == (2, "mwl-cloud: configuration: must be a JSON object\n")
    missing = import_pylantir(tmp_path, "--worklist-db", str(tmp_path / "nothing.db"))
    assert missing.exit_code == 2
