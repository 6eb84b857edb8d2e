"""A command or a function loads no heavy library that it has no use for.

Looked at by name, not by time: a machine may be busy. `tests/bench/start.py` measures the time.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.rigs.patience import PATIENCE

CLOUD: Final = {"boto3", "botocore", "fastapi", "jinja2", "moto", "pynamodb", "redcap", "uvicorn"}
HTTP: Final = {"anyio", "httpx"}
KEYS: Final = {"cryptography", "jwt"}
DICOM: Final = {"pydicom", "pynetdicom"}
SERVING: Final = {"prometheus_client", "sqlite3"}
SETTINGS: Final = "pydantic_settings"
TABLES_ON_SCREEN: Final = "rich"
ADAPTERS: Final = {"boto3", "jinja2", "redcap", "requests"}
EXCHANGE: Final = {"shared.feed", "shared.relay_health", "edge_relay.worklist.cache"}
HEARTBEAT: Final = "shared.relay_health"
ROUTES: Final = {"lambdas.api.routes.worklist", "lambdas.api.schemas.items", "lambdas.api.reports"}
OUTPUT: Final = {"hmac", "json"}
PASSWORDS: Final = {"argon2", "pwdlib"}  # bcrypt: cryptography loads it

pytestmark = pytest.mark.slow  # a process each

UNUSED_BY_RELAY: Final = {
    "--help": {*CLOUD, *HTTP, *KEYS, *DICOM, *SERVING, SETTINGS, "pydantic", *OUTPUT, TABLES_ON_SCREEN},
    "list": {*CLOUD, *HTTP, *KEYS, *DICOM, "prometheus_client", SETTINGS, TABLES_ON_SCREEN},
    "status": {*CLOUD, *HTTP, *KEYS, *DICOM, "prometheus_client", SETTINGS, TABLES_ON_SCREEN},
    "check-config --explain": {*CLOUD, *HTTP, *KEYS, *DICOM, *SERVING, TABLES_ON_SCREEN},
    "echo --port 9": {*CLOUD, *HTTP, *KEYS, *SERVING, SETTINGS, TABLES_ON_SCREEN},
    "find --port 9": {*CLOUD, *HTTP, *KEYS, *SERVING, SETTINGS, TABLES_ON_SCREEN},
    "enroll CODE -c relay.toml -s new": {
        *CLOUD,
        *DICOM,
        *SERVING,
        *EXCHANGE,
    },  # httpx loads rich where click is
    # There are no settings in the folder: it ends before it serves.
    "run": {
        *CLOUD,
        *DICOM,
        *SERVING,
        TABLES_ON_SCREEN,
    },
}
UNUSED_BY_ADMINISTRATION: Final = {
    "--help": {
        *CLOUD,
        *HTTP,
        *KEYS,
        *DICOM,
        *SERVING,
        SETTINGS,
        "pydantic",
        "json",
        "hmac",
        TABLES_ON_SCREEN,
    },
    # No table is named in the environment: they end before DynamoDB's library is loaded.
    "users list": {*CLOUD, *KEYS, *DICOM, "requests", "argon2", TABLES_ON_SCREEN},
    "relays list": {*CLOUD, *KEYS, *DICOM, "requests", "argon2", TABLES_ON_SCREEN},
    "write-backs list": {*CLOUD, *KEYS, *DICOM, "requests", "argon2", TABLES_ON_SCREEN},
    "sources list": {*CLOUD, *KEYS, *DICOM, "requests", "argon2", TABLES_ON_SCREEN},
    "sources preview ID": {*CLOUD, *KEYS, *DICOM, "requests", "argon2", TABLES_ON_SCREEN},
    "sources delete ID": {*CLOUD, *KEYS, *DICOM, "requests", "argon2", TABLES_ON_SCREEN},
    "sources trigger ID": {*CLOUD, *KEYS, *DICOM, "requests", "argon2", TABLES_ON_SCREEN},
    # There is no such file.
    "sources apply missing.toml": {*CLOUD, *KEYS, *DICOM, "requests", "lambdas.sources", TABLES_ON_SCREEN},
    "import-pylantir missing.json": {*CLOUD, *KEYS, *DICOM, *HTTP, SETTINGS, "argon2", TABLES_ON_SCREEN},
}
UNUSED_BY_FUNCTION: Final = {
    "lambdas.api.main": {*DICOM, *ROUTES, *ADAPTERS, *PASSWORDS, "icalendar", "moto", "zxcvbn"},
    "lambdas.schedule": {*DICOM, *KEYS, HEARTBEAT, *ADAPTERS, "fastapi"},
    "lambdas.sync_redcap": {*DICOM, *KEYS, HEARTBEAT, *ADAPTERS, "fastapi"},
    "lambdas.write_back": {*DICOM, *KEYS, HEARTBEAT, *ADAPTERS, "fastapi"},
    "lambdas.notices.function": {*DICOM, *KEYS, *ADAPTERS, "fastapi", "httpx"},
    "lambdas.notices.self_tests": {*DICOM, *KEYS, *ADAPTERS, "fastapi"},
    "lambdas.history.stream.handlers": {*DICOM, *KEYS, "boto3", "duckdb", "fastapi", "pyarrow", "requests"},
}

SETTINGS_FILE: Final = '[relay]\ncloud_url = "http://127.0.0.1:9"\n[[scanners]]\nae_title = "PRISMA1"\n'
COMMAND: Final = """
import sys
from edge_relay.__main__ import main
sys.argv = ["mwl-relay", "list", "-s", "nowhere"]
try:
    main()
except SystemExit as ended:
    assert ended.code == 2, ended
"""
_RUN: Final = """
import atexit, sys
atexit.register(lambda: print("LOADED", *sys.modules))
if sys.argv[1:]:
    from PACKAGE.__main__ import main
    main()
import PACKAGE
"""


@pytest.mark.parametrize(("command", "unused"), UNUSED_BY_RELAY.items())
def test_a_command_of_the_relay_loads_what_it_needs(command: str, unused: set[str], tmp_path: Path) -> None:
    assert loaded("edge_relay", command, tmp_path) & unused == set()


@pytest.mark.parametrize(("command", "unused"), UNUSED_BY_ADMINISTRATION.items())
def test_a_command_of_the_cloud_loads_what_it_needs(command: str, unused: set[str], tmp_path: Path) -> None:
    assert loaded("infra", command, tmp_path) & unused == set()


@pytest.mark.parametrize(("function", "unused"), UNUSED_BY_FUNCTION.items())
def test_a_function_loads_what_every_call_needs(function: str, unused: set[str], tmp_path: Path) -> None:
    assert loaded(function, "", tmp_path) & unused == set()


def test_the_api_builds_no_model_of_its_document_before_somebody_asks() -> None:
    shown = python(
        "import lambdas.api.main, fastapi.openapi.models as document, pydantic\n"
        "print(document.OpenAPI.__pydantic_complete__, pydantic.BaseModel.model_config)"
    )
    assert shown == "False {}"


def test_the_collector_does_not_look_through_a_function_while_it_is_loaded() -> None:
    shown = python(
        "import gc\n"
        "collected = []\n"
        "gc.callbacks.append(lambda phase, info: collected.append(info['generation']))\n"
        "import lambdas.schedule\n"
        "print(max(collected), len(collected) < 50)"
    )
    assert shown == "0 True"


@pytest.mark.parametrize("program", ["import lambdas.schedule", COMMAND])
def test_nobody_looks_for_plugins_of_pydantic_in_every_package(program: str) -> None:
    assert python(f"{program}\nfrom pydantic.plugin import _loader\nprint(_loader._plugins)") == "None"


def test_what_a_command_loads_is_seen(tmp_path: Path) -> None:
    assert {"edge_relay", "pynetdicom"} <= loaded("edge_relay", "echo --port 9", tmp_path)


def test_who_enrols_gets_as_far_as_the_cloud(tmp_path: Path) -> None:
    assert {"httpx", "cryptography"} <= loaded("edge_relay", "enroll CODE -c relay.toml -s new", tmp_path)


def python(code: str) -> str:
    """Return what a Python of its own prints."""
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def loaded(package: str, command: str, folder: Path) -> set[str]:
    """Return the modules that are loaded once a command has ended, or a module was imported."""
    (folder / "relay.toml").write_text(SETTINGS_FILE, "utf-8")
    program = [sys.executable, "-c", _RUN.replace("PACKAGE", package), *command.split()]
    ended = subprocess.run(program, cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False)
    last = ended.stdout.splitlines()[-1].split()
    assert last[0] == "LOADED", ended.stderr
    assert "Traceback" not in ended.stderr, ended.stderr
    return set(last[1:])
