"""The predecessor: a REDCap project as it wants one, its SQLite files, its own code in its own environment.

The package itself runs only where MWL_PYLANTIR names a virtual environment that has it:

    python3 -m venv DIR && DIR/bin/pip install 'pylantir[api]==0.2.3'
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from infra.redcap_simulator import Project, RedcapSimulator, classic
from infra.redcap_simulator.project.project import Field
from infra.redcap_simulator.project.records import Record, RecordStore

SITE = "792"
CONFIG: dict[str, Any] = {
    "db_path": "/path/to/worklist.db",
    "users_db_path": "/path/to/users.db",
    "db_echo": "False",
    "db_update_interval": 60,
    "operation_interval": {"start_time": [6, 0], "end_time": [20, 30]},
    "allowed_aet": ["PRISMA1", "SKYRA2"],
    "site": SITE,
    "redcap2wl": {
        "study_id": "study_id",
        "instrument": "redcap_repeat_instrument",
        "session_id": "mri_instance",
        "family_id": "family_id",
        "youth_dob_y": "youth_dob_y",
        "t1_date": "t1_date",
        "demo_sex": "demo_sex",
        "scheduled_date": "mri_date",
        "mri_wt_lbs": "patient_weight_lb",
        "referring_physician": "referring_physician_name",
        "performing_physician": "performing_physician",
        "station_name": "station_name",
        "mri_status": "performed_procedure_step_status",
    },
    "protocol": {SITE: "BRAIN_MRI_3T", "793": "OTHER", "mapping": "GEHC"},
    "api": {
        "cors_allowed_origins": ["https://radiology.example.org", "*"],
        "cors_allow_credentials": True,
        "cors_allow_methods": ["GET", "POST", "PUT", "DELETE"],
        "cors_allow_headers": ["Authorization", "X-API-Key"],
    },
}
"""The example of pylantir's guide, with a second protocol, a wildcard and the simulator's field names."""


def config(**changes: Any) -> str:
    """Return `CONFIG` as JSON, with top-level keys changed; None takes one out."""
    data = {**CONFIG, **changes}
    return json.dumps({key: value for key, value in data.items() if value is not None})


def predecessor_project(records: int = 8, seed: int = 1) -> Project:
    """Return project (a) as pylantir wants it: ``record_id`` first, study and family ids with dashes."""
    base = classic(records, seed)
    shape = replace(base.shape, fields=(Field("record_id", "demographics"), *base.shape.fields))

    def build(position: int) -> Record:
        before = base.records.get(f"{position + 1:06}")
        assert before is not None
        person = {
            "record_id": str(position + 1),
            "study_id": f"CPIP-{position + 1:04}",
            "family_id": f"F-792-{position // 2 + 1:03}",
        }
        rows = {
            key: {**row, **person} if not key.instrument else {**row, "record_id": str(position + 1)}
            for key, row in before.rows.items()
        }
        return Record(rows)

    ids = tuple(str(number) for number in range(1, records + 1))
    return Project(shape, base.users, RecordStore(ids, build))


ITEM_COLUMNS = (
    "study_instance_uid",
    "patient_name",
    "patient_id",
    "patient_birth_date",
    "patient_sex",
    "patient_weight_lb",
    "accession_number",
    "referring_physician_name",
    "modality",
    "study_description",
    "scheduled_station_aetitle",
    "scheduled_start_date",
    "scheduled_start_time",
    "performing_physician",
    "procedure_description",
    "protocol_name",
    "station_name",
    "hisris_coding_designator",
    "performed_procedure_step_status",
)


def old_uid(number: int) -> str:
    """Return a UID as pylantir makes them: under the standard's own root."""
    return f"1.2.840.10008.3.1.2.3.4.{2**127 + number}"


def old_row(number: int, patient_id: str, status: str | None = "SCHEDULED", **changes: Any) -> dict[str, Any]:
    """Return a row of ``worklist_items``."""
    return {
        "study_instance_uid": old_uid(number),
        "patient_name": "cpip-id-0001^fa-001",
        "patient_id": patient_id,
        "patient_birth_date": "20120101",
        "patient_sex": "2.0",
        "patient_weight_lb": "100.0",
        "modality": "MR",
        "study_description": "CPIP",
        "scheduled_start_date": "2031-01-20",
        "scheduled_start_time": "14:30",
        "protocol_name": "BRAIN_MRI_3T",
        "hisris_coding_designator": "GEHC",
        "performed_procedure_step_status": status,
        **changes,
    }


def write_worklist(file: Path, rows: Sequence[Mapping[str, Any]], *more_columns: str) -> Path:
    """Write a worklist file as 0.2 does; ``more_columns`` are those of later versions."""
    columns = [*ITEM_COLUMNS, *more_columns]
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(f"CREATE TABLE worklist_items (id INTEGER PRIMARY KEY, {', '.join(columns)})")
        for row in rows:
            values = [row.get(column) for column in columns]
            marks = ", ".join("?" * len(columns))
            database.execute(f"INSERT INTO worklist_items ({', '.join(columns)}) VALUES ({marks})", values)
    return file


def write_users(file: Path, users: Sequence[tuple[str, str, str, bool]]) -> Path:
    """Write a users file: (name, hash, role, active)."""
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(
            "CREATE TABLE users (id INTEGER PRIMARY KEY, username, email, full_name, hashed_password, role, "
            "is_active BOOLEAN)"
        )
        database.executemany(
            "INSERT INTO users (username, hashed_password, role, is_active) VALUES (?, ?, ?, ?)", users
        )
    return file


_POPULATE = """
import json, sys
from pylantir.redcap_to_db import sync_redcap_to_db
config = json.load(open(sys.argv[1]))
sync_redcap_to_db(config["site"], config["protocol"], config["redcap2wl"], 20 * 365 * 86400.0)
"""


def populate(venv: Path, config_file: Path, database: Path, redcap: RedcapSimulator) -> None:
    """Run the package's own sync once, in its environment, on the simulator."""
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "DB_PATH": str(database),
        "REDCAP_API_URL": redcap.url,
        "REDCAP_API_TOKEN": redcap.projects[0].token(),
    }
    command = [str(venv / "bin" / "python"), "-c", _POPULATE, str(config_file)]
    ran = subprocess.run(
        command,
        env=environment,
        cwd=database.parent,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
