"""A client that a program makes of the OpenAPI document does the loop: people's part and relays'.

Set MWL_OPENAPI_CLIENT to the environment with openapi-python-client: ``make client-venv``. It is one of its
own, because the generator needs other versions than we do.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lambdas.access.role import Role
from tests.rigs.api import PASSWORD, ApiRig, api
from tests.rigs.lambda_transport import LambdaTransport

VENV = os.environ.get("MWL_OPENAPI_CLIENT", "")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not VENV, reason="MWL_OPENAPI_CLIENT names no environment with openapi-python-client"),
]
NAME = "mwl_relay_client"


@pytest.fixture(scope="module")
def rig() -> Iterator[ApiRig]:
    with api(DEFAULT_SITE="north") as running:
        yield running


@pytest.fixture(scope="module")
def folder(rig: ApiRig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return where the generated package is, which can be imported from there."""
    here = tmp_path_factory.mktemp("client")
    document = here / "openapi.json"
    document.write_text(rig.anybody.get("/openapi.json").text)
    command = [f"{VENV}/bin/openapi-python-client", "generate", "--meta", "none"]
    options = ["--path", str(document), "--output-path", str(here / NAME), "--config", str(_config(here))]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Warning" not in done.stdout + done.stderr, done.stdout + done.stderr
    sys.path.insert(0, str(here))
    yield here
    sys.path.remove(str(here))
    for name in [each for each in sys.modules if each.partition(".")[0] == NAME]:
        del sys.modules[name]


def _config(here: Path) -> Path:
    config = here / "config.json"
    config.write_text(json.dumps({"post_hooks": []}))
    return config


@pytest.fixture
def client(folder: Path, rig: ApiRig) -> Any:
    return _client(rig, "")


def _client(rig: ApiRig, token: str) -> Any:
    """Return a generated client that speaks to the API as API Gateway does."""
    module = importlib.import_module(f"{NAME}.client")
    transport = {"httpx_args": {"transport": LambdaTransport(rig.anybody, rig.clock)}}
    if not token:
        return module.Client(base_url="https://api.example.org", **transport)
    return module.AuthenticatedClient(base_url="https://api.example.org", token=token, **transport)


def call(path: str, client: Any, *values: Any, **named: Any) -> Any:
    """Call a generated operation; return the answer with its status, headers and what it was read as."""
    return importlib.import_module(f"{NAME}.api.{path}").sync_detailed(*values, client=client, **named)


def model(name: str, **fields: Any) -> Any:
    return getattr(importlib.import_module(f"{NAME}.models"), name).from_dict(fields)


def test_a_person_makes_changes_and_removes_an_item(rig: ApiRig, client: Any) -> None:
    rig.user(Role.WRITE, "wanda")
    token = call("login.login", client, body=model("Login", username="wanda", password=PASSWORD)).parsed
    own = _client(rig, token.access_token)
    body = model(
        "NewItem", patient_name="Lee^Ann", patient_id="s1", modality="MR", procedure_description="MRI"
    )
    made = call("worklist.create_item", own, body=body)
    assert (made.status_code, made.parsed.patient_name, made.headers["location"]) == (
        201,
        "Lee^Ann",
        f"/worklist/{made.parsed.id}",
    )
    shown = call("worklist.get_item", own, made.parsed.id)
    changes = model("ItemChanges", allergies="latex")
    etag = shown.headers["etag"]
    changed = call("worklist.patch_item", own, made.parsed.id, body=changes, if_match=etag)
    assert (changed.parsed.allergies, changed.parsed.patient_name) == ("latex", "Lee^Ann")
    stale = call("worklist.patch_item", own, made.parsed.id, body=changes, if_match=etag)
    assert (stale.status_code, stale.parsed.status) == (412, 412)
    listed = call("worklist.list_items", own, patient_id="s1").parsed
    assert [each.id for each in listed] == [made.parsed.id]
    told = call("worklist.item_history", own, made.parsed.id).parsed
    assert [record.action for record in told] == ["created", "changed"]
    assert call("worklist.delete_item", own, made.parsed.id).status_code == 200
    assert call("worklist.get_item", own, made.parsed.id).parsed.status == 404


def test_a_relay_gets_its_feed_and_reports_a_step(rig: ApiRig, client: Any) -> None:
    relay = rig.relay()
    own = _client(rig, relay.token())
    page = call("for_relays.worklist", own).parsed
    assert page.epoch
    event = model(
        "ProcedureStepEvent",
        event_id="e" * 32,
        sop_instance_uid="2.25.9",
        kind="N-CREATE",
        received_at="2026-11-18T11:00:00Z",
        calling_aetitle="MR1",
        dataset={"00400252": {"vr": "CS", "Value": ["IN PROGRESS"]}},
    )
    sent = call("for_relays.mpps", own, body=model("MppsEvents", events=[event.to_dict()])).parsed
    assert [each.outcome for each in sent.results] == ["recorded"]
    recorded = call("for_relays.recorded_step", own, "2.25.9").parsed
    assert recorded.events[0].dataset["00400252"].vr == "CS"
    health = model("RelayHealth", version="1.0", at="2026-11-18T11:00:00Z")
    assert call("for_relays.heartbeat", own, body=health).parsed.identity_shared is False


def test_what_is_refused_is_read_as_a_problem(rig: ApiRig, client: Any) -> None:
    refused = call("login.login", client, body=model("Login", username="nobody", password="x"))
    assert (refused.status_code, refused.parsed.title) == (401, "Unauthorized")
