"""pylantir 0.2.3 itself, in an environment of its own, beside our import: one project, one configuration.

Where both must agree (ids, names, which exams there are), and each place where we differ because it is wrong;
docs/from-pylantir.md lists the same. Set MWL_PYLANTIR to the environment, see `tests.rigs.pylantir`.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from typer.testing import CliRunner

from infra.cli import app
from infra.pylantir.databases.accounts import plan_accounts
from infra.pylantir.databases.old_databases import read_users, read_worklist
from infra.pylantir.databases.old_rows import OldItem
from infra.pylantir.deployment_translation import Address
from infra.pylantir.source_translation import Answers
from infra.pylantir.translation import translate
from infra.redcap_simulator import Project
from lambdas.access.passwords import Passwords
from lambdas.access.role import Role
from shared.worklist_item import Status, WorklistItem
from tests.rigs.pylantir import SITE, config, populate, predecessor_project
from tests.rigs.redcap import Rig, Stack, classic_data

VENV = os.environ.get("MWL_PYLANTIR", "")
pytestmark = pytest.mark.skipif(
    not VENV, reason="MWL_PYLANTIR names no environment with pylantir 0.2.3; tests/rigs/pylantir.py says how"
)
LEGAL_DATE = re.compile(r"\d{8}")


@dataclass
class Both:
    """What both make of the same project.

    :param first: pylantir's rows after its first sync.
    :param second: after its second, a scanner having begun the first exam in between.
    :param ours: our items after the import and a sync; ``later`` after the exams came along and another sync.
    """

    first: dict[str, OldItem]
    second: dict[str, OldItem]
    ours: dict[str, WorklistItem]
    later: dict[str, WorklistItem]
    begun: str
    folder: Path


def imported(*options: str) -> None:
    result = CliRunner().invoke(
        app, ["import-pylantir", *options, "--time-zone", "America/Edmonton", "--apply"]
    )
    assert result.exit_code == 0, result.output


def rows_of(database: Path) -> dict[str, OldItem]:
    return {row.patient_id: row for row in read_worklist(database)}


def items_of(rig: Rig) -> dict[str, WorklistItem]:
    return {item.patient_id: item for item in rig.items(SITE).values()}


@contextmanager
def on(stack: Stack, project: Project) -> Iterator[Rig]:
    """A project in REDCap, its token in the environment and in the secret; no source yet."""
    rig = stack.fresh(project, classic_data(token_secret="redcap", site=SITE))
    rig.sources.delete("classic")
    environment = {"REDCAP_API_URL": rig.simulator.url, "REDCAP_API_TOKEN": project.token()}
    with patch.dict(os.environ, environment):
        yield rig


@pytest.fixture(scope="module")
def both(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Both:
    folder = tmp_path_factory.mktemp("pylantir")
    database, file, out = folder / "worklist.db", folder / "config.json", str(folder / "out")
    file.write_text(config(), "utf-8")
    with on(stack, predecessor_project(12)) as rig:
        populate(Path(VENV), file, database, rig.simulator)
        first = rows_of(database)
        begun = next(row.patient_id for row in first.values() if row.scheduled_start_date.startswith("2026"))
        set_status(database, begun, "IN_PROGRESS")
        under_way = folder / "under-way.db"
        under_way.write_bytes(database.read_bytes())
        # Named already now, because it shows how ids in use are written; its exams come after the sync.
        arguments = [str(file), "--out", out, "--worklist-db", str(under_way)]
        refused = CliRunner().invoke(app, ["import-pylantir", *arguments, "--apply"])
        assert "has not been read in full yet" in refused.output
        assert rig.sync("redcap").outcome == "ok"
        ours = items_of(rig)
        imported(*arguments)
        rig.sync("redcap")
        populate(Path(VENV), file, database, rig.simulator)
        return Both(first, rows_of(database), ours, items_of(rig), begun, folder)


def set_status(database: Path, patient_id: str, status: str) -> None:
    """Do what pylantir's N-CREATE handler does."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "UPDATE worklist_items SET performed_procedure_step_status = ? WHERE patient_id = ?",
            (status, patient_id),
        )


def in_its_environment(code: str, **environment: str) -> str:
    ran = subprocess.run(
        [str(Path(VENV) / "bin" / "python"), "-c", code],
        env={"PATH": os.environ.get("PATH", ""), **environment},
        cwd=environment["HOME"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    return ran.stdout


# --- where we agree


def test_every_exam_has_the_same_participants_id_and_name(both: Both) -> None:
    real = {
        row.patient_id: row.patient_name for row in both.first.values() if row.scheduled_start_date[:1] == "2"
    }
    assert len(real) > 10
    assert {item.patient_id: item.patient_name for item in both.ours.values()} == real


def test_physicians_protocol_and_station_are_the_same(both: Both) -> None:
    for patient_id, item in both.ours.items():
        row = both.second[patient_id]
        assert item.referring_physician_name == row.referring_physician_name
        assert item.performing_physician == row.performing_physician
        assert (item.station_name, item.modality) == (row.station_name, row.modality)
        assert item.study_description == row.study_description
        assert item.protocol_name == row.protocol_name
        assert item.hisris_coding_designator == row.hisris_coding_designator


def test_dates_and_times_are_of_the_same_moment(both: Both) -> None:
    for patient_id, item in both.ours.items():
        row = both.first[patient_id]
        assert item.scheduled_start_date == row.scheduled_start_date.replace("-", "")
        assert item.scheduled_start_time == row.scheduled_start_time.replace(":", "") + "00"


# --- where we differ on purpose, because it is wrong


def test_its_dates_are_not_legal_dicom_and_ours_are(both: Both) -> None:
    assert not any(LEGAL_DATE.fullmatch(row.scheduled_start_date) for row in both.first.values())
    assert all(LEGAL_DATE.fullmatch(item.scheduled_start_date) for item in both.ours.values())


def test_it_schedules_exams_for_missing_data_codes_and_we_do_not(both: Both) -> None:
    odd = {row.patient_id for row in both.first.values() if row.scheduled_start_date in {"-99", "UNK"}}
    assert odd
    assert not odd & both.ours.keys()


def test_it_invents_birth_dates_and_we_send_none(both: Both) -> None:
    assert all(row.patient_birth_date.endswith("0101") for row in both.first.values())
    assert {item.patient_birth_date for item in both.ours.values()} == {""}


def test_it_sends_choice_codes_as_sex_and_we_send_m_f_or_o(both: Both) -> None:
    assert {row.patient_sex for row in both.first.values()} <= {"1.0", "2.0", "3.0", "1", "2", "3"}
    assert {item.patient_sex for item in both.ours.values()} <= {"M", "F", "O"}


def test_it_sends_pounds_as_kilograms_and_we_convert(both: Both) -> None:
    item = next(item for item in both.ours.values() if item.patient_weight_kg)
    pounds = both.second[item.patient_id].patient_weight_lb
    code = (
        "from pylantir.models import WorklistItem; from pylantir.mwl_server import row_to_mwl_dataset\n"
        f"print(row_to_mwl_dataset(WorklistItem(patient_weight_lb='{pounds}')).PatientWeight)"
    )
    shown = in_its_environment(code, HOME=str(both.folder), DB_PATH=str(both.folder / "empty.db"))
    sent_as_kg = float(shown.split()[-1])
    assert sent_as_kg == float(pounds)
    assert float(item.patient_weight_kg) == pytest.approx(sent_as_kg * 0.45359237, abs=0.01)


def test_its_uids_lie_in_the_standards_own_root_and_ours_do_not(both: Both) -> None:
    assert all(row.study_instance_uid.startswith("1.2.840.10008.") for row in both.first.values())
    assert all(item.study_instance_uid.startswith("2.25.") for item in both.ours.values())


def test_its_sync_takes_the_status_away_that_a_scanner_gave_and_ours_keeps_it(both: Both) -> None:
    assert both.second[both.begun].performed_procedure_step_status != "IN_PROGRESS"
    assert both.later[both.begun].performed_procedure_step_status is Status.IN_PROGRESS


def test_exams_brought_along_keep_the_uid_that_consoles_know(both: Both) -> None:
    assert both.later.keys() == both.ours.keys()
    for patient_id, item in both.later.items():
        assert item.study_instance_uid == both.first[patient_id].study_instance_uid


def test_one_participant_without_a_family_ends_its_whole_sync_and_one_exam_of_ours(
    stack: Stack, tmp_path: Path
) -> None:
    project, file, database = predecessor_project(4), tmp_path / "config.json", tmp_path / "worklist.db"
    file.write_text(config(), "utf-8")
    with on(stack, project) as rig:
        rig.simulator.form_filler.save_form(project, "2", "demographics", {"family_id": ""}, instance=1)
        with pytest.raises(AssertionError, match="has no attribute 'split'"):
            populate(Path(VENV), file, database, rig.simulator)
        assert read_worklist(database) == []
        imported(str(file), "--out", str(tmp_path / "out"))
        assert rig.sync("redcap").outcome == "ok"
        assert {row.record for row in rig.state("redcap").rejected} == {"2"}
        assert {item.source_record for item in items_of(rig).values()} == {"1", "3", "4"}


def test_two_rows_with_one_computed_id_are_one_exam_of_its_and_two_of_ours(
    stack: Stack, tmp_path: Path
) -> None:
    project, file, database = predecessor_project(3), tmp_path / "config.json", tmp_path / "worklist.db"
    file.write_text(config(), "utf-8")
    person = {"study_id": "CPIP-0077", "family_id": "F-792-077"}
    with on(stack, project) as rig:
        for record, day in (("1", "2026-12-01"), ("2", "2026-12-02")):
            rig.simulator.form_filler.save_form(project, record, "demographics", person)
            scan = {"mri_date": day, "mri_time": "8:00", "mri_instance": "1"}
            rig.simulator.form_filler.save_form(project, record, "mri", scan, instance=1)
        populate(Path(VENV), file, database, rig.simulator)
        shared = [row for row in read_worklist(database) if "_0077_" in row.patient_id]
        assert [row.scheduled_start_time for row in shared] == ["8:00"]
        imported(str(file), "--out", str(tmp_path / "out"))
        assert rig.sync("redcap").outcome == "ok"
        ours = [item for item in rig.items(SITE).values() if "_0077_" in item.patient_id]
        days = {(item.scheduled_start_date, item.scheduled_start_time) for item in ours}
        assert days == {("20261201", "080000"), ("20261202", "080000")}


def test_its_requested_procedure_is_always_111_and_ours_has_an_id_of_its_own(both: Both) -> None:
    code = "import inspect, pylantir.mwl_server as server; print(inspect.getsource(server))"
    source = in_its_environment(code, HOME=str(both.folder))
    assert 'ds.RequestedProcedureID = "111"' in source
    ids = [item.requested_procedure_id for item in both.ours.values()]
    assert len(set(ids)) == len(ids)
    assert "111" not in ids


def test_an_exam_called_off_stays_on_its_list_and_leaves_ours(stack: Stack, tmp_path: Path) -> None:
    project, file, database = predecessor_project(2), tmp_path / "config.json", tmp_path / "worklist.db"
    file.write_text(config(), "utf-8")
    with on(stack, project) as rig:
        imported(str(file), "--out", str(tmp_path / "out"))
        populate(Path(VENV), file, database, rig.simulator)
        rig.sync("redcap")
        before, listed = len(items_of(rig)), len(read_worklist(database))
        rig.simulator.form_filler.save_form(project, "1", "mri", {"mri_date": "", "mri_time": ""}, instance=1)
        populate(Path(VENV), file, database, rig.simulator)
        rig.sync("redcap")
        assert len(items_of(rig)) == before - 1
        assert len(read_worklist(database)) == listed


# --- users


def test_its_users_log_in_with_us(both: Both) -> None:
    users = both.folder / "users.db"
    code = (
        "from pylantir import auth_db_setup as setup; from pylantir.auth_models import User, UserRole\n"
        "from pylantir.auth_utils import get_password_hash\n"
        f"setup.init_auth_database({str(users)!r}); setup.create_initial_admin_user({str(users)!r})\n"
        "db = setup.AuthSessionLocal(); hashed = get_password_hash('violet kettle moraine')\n"
        "db.add(User(username='Ana', hashed_password=hashed, role=UserRole.WRITE)); db.commit()\n"
    )
    in_its_environment(code, HOME=str(both.folder), DB_PATH=str(both.folder / "empty.db"))
    plan = plan_accounts(read_users(users), Passwords())
    assert [name for name, _ in plan.left_out] == ["admin"]
    (ana,) = plan.accounts
    assert (ana.username, ana.role, ana.disabled) == ("ana", Role.WRITE, False)
    right, better = Passwords().verify("violet kettle moraine", ana.password_hash)
    assert right
    assert better is not None
    assert better.startswith("$argon2id$")


def test_the_configuration_it_ships_is_translated_whole() -> None:
    folder = next(Path(VENV).glob("lib/python*/site-packages/pylantir/config"))
    for file in sorted(folder.glob("*.json")):
        data: dict[str, Any] = json.loads(file.read_text("utf-8"))
        done = translate(json.dumps(data), Answers(), Address())
        said = {finding.key.split(".")[0] for finding in done.findings}
        assert data.keys() <= said
