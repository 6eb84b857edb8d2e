"""pylantir in an environment of its own, kept for the next time in the user's cache folder.

Its `start` command runs its worklist server and, beside it, its sync with REDCap. The items are written to
its SQLite table directly, as its sync would write them, and the sync's hours of operation are set to end
before they begin, so that it sleeps. Nothing else is changed. It answers a query by Patient's Name and
Patient ID alone; any other key is ignored.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import venv
from pathlib import Path
from typing import Final

from tests.bench import items
from tests.bench.servers.server import AE_TITLE, HOST, Server

VERSION: Final = "0.2.3"
COLUMNS: Final = {
    "study_instance_uid": "study_instance_uid",
    "patient_name": "patient_name",
    "patient_id": "patient_id",
    "patient_birth_date": "patient_birth_date",
    "patient_sex": "patient_sex",
    "patient_weight_lb": "patient_weight_kg",
    "accession_number": "accession_number",
    "referring_physician_name": "referring_physician_name",
    "modality": "modality",
    "study_description": "study_description",
    "scheduled_station_aetitle": "scheduled_station_aetitle",
    "scheduled_start_date": "scheduled_start_date",
    "scheduled_start_time": "scheduled_start_time",
    "performing_physician": "performing_physician",
    "procedure_description": "procedure_description",
    "protocol_name": "protocol_name",
    "station_name": "station_name",
    "hisris_coding_designator": "hisris_coding_designator",
    "performed_procedure_step_status": "performed_procedure_step_status",
}
"""Its columns, and the fields of a worklist item."""


class Pylantir(Server):
    """pylantir's worklist server on its own database."""

    program = "pylantir"

    @classmethod
    def missing(cls) -> str:
        """It is installed if it is not there; that needs the package index."""
        python = _python()
        if python.exists():
            return ""
        venv.create(python.parents[1], with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "install", "--quiet", f"pylantir=={VERSION}"]
        done = subprocess.run(install, check=False, capture_output=True, text=True)
        if done.returncode:
            python.unlink()
            return f"pylantir {VERSION} could not be installed: {done.stderr.strip().splitlines()[-1]}"
        return ""

    @classmethod
    def version(cls) -> str:
        """What is installed, with the libraries that matter."""
        packages = ["pylantir", "pynetdicom", "SQLAlchemy"]
        ask = f"from importlib.metadata import version; print(*map(version, {packages}))"
        said = subprocess.run([str(_python()), "-c", ask], check=True, capture_output=True, text=True).stdout
        own, pynetdicom, sqlalchemy = said.split()
        return f"{own} (pynetdicom {pynetdicom}, SQLAlchemy {sqlalchemy})"

    def start(self) -> None:
        """Make its database with its own models, fill it, and start the server."""
        database, config = self.folder / "worklist.db", self.folder / "config.json"
        never = {"start_time": [0, 1], "end_time": [0, 0]}
        config.write_text(
            json.dumps({"db_path": str(database), "allowed_aet": [], "operation_interval": never})
        )
        environment = {"DB_PATH": str(database)}
        subprocess.run(
            [str(_python()), "-c", "import pylantir.db_setup"],
            check=True,
            capture_output=True,
            env={**os.environ, **environment},
            cwd=self.folder,
        )
        self._fill(database)
        where = ["--AEtitle", AE_TITLE, "--ip", HOST, "--port", str(self.take_free_port())]
        program = str(_python().with_name("pylantir"))
        self.run([program, "start", *where, "--pylantir_config", str(config)], environment)

    def _fill(self, database: Path) -> None:
        names, places = ", ".join(COLUMNS), ", ".join("?" * len(COLUMNS))
        rows = ([str(getattr(item, field)) for field in COLUMNS.values()] for item in items.items(self.count))
        connection = sqlite3.connect(database)
        with connection:
            connection.executemany(f"INSERT INTO worklist_items ({names}) VALUES ({places})", rows)
        connection.close()


def _python() -> Path:
    """Return its environment's Python, of the same version as ours."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return cache / "mwl-relay-bench" / f"pylantir-{VERSION}-python{python}" / "bin" / "python"
