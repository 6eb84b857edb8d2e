"""``mwl-cloud`` as an administrator types it, against moto and the REDCap simulator."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from infra.cli import app
from infra.local.redcap_sim import RedcapSimulator, classic
from lambdas.passwords import Passwords
from lambdas.store.accounts import RelayStore, UserStore
from tests.cloud_rig import CloudRig, cloud
from tests.redcap_rig import CLASSIC_FILE


@pytest.fixture
def rig() -> Iterator[CloudRig]:
    with cloud() as running:
        yield running


@pytest.fixture(scope="module")
def redcap() -> Iterator[RedcapSimulator]:
    with RedcapSimulator([classic(5)]) as simulator:
        yield simulator


def mwl_cloud(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def definition(folder: Path, redcap: RedcapSimulator, **replaced: str) -> str:
    text = CLASSIC_FILE.read_text("utf-8").replace("https://redcap.example.org/api/", redcap.url)
    for old, new in replaced.items():
        text = text.replace(old, new)
    file = folder / "source.toml"
    file.write_text(text, "utf-8")
    return str(file)


def token(rig: CloudRig, redcap: RedcapSimulator, user: str = "relay") -> None:
    content = json.dumps({"token": redcap.projects[0].token(user)})
    rig.secrets.create_secret(Name="mwl-relay/redcap/classic", SecretString=content)


def test_the_first_admin_gets_a_password_that_is_shown_once_and_works(rig: CloudRig) -> None:
    made = mwl_cloud("users", "create", "Ana", "--role", "admin")
    assert made.exit_code == 0, made.output
    password = made.output.strip().rpartition(" ")[2]
    user = UserStore(rig.tables, now=rig.clock).find("ana")
    assert user is not None
    assert Passwords().verify(password, user.password_hash)[0]
    listed = mwl_cloud("users", "list")
    assert "ana" in listed.output
    assert password not in listed.output


def test_a_new_password_ends_the_old_one(rig: CloudRig) -> None:
    first = mwl_cloud("users", "create", "ana", "--role", "read").output.strip().rpartition(" ")[2]
    second = mwl_cloud("users", "passwd", "ana").output.strip().rpartition(" ")[2]
    user = UserStore(rig.tables, now=rig.clock).find("ana")
    assert user is not None
    assert Passwords().verify(second, user.password_hash)[0]
    assert not Passwords().verify(first, user.password_hash)[0]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("users", "passwd", "nobody"), 1, "no such user"),
        (("users", "create", "a b c/", "--role", "read"), 2, "username"),
        (("relays", "revoke", "nothing"), 1, "relay"),
        (("sources", "sync", "nothing"), 1, "nothing"),
        (("sources", "apply", "/does/not/exist.toml"), 2, "/does/not/exist.toml"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_an_exit_code(
    rig: CloudRig, arguments: tuple[str, ...], code: int, says: str
) -> None:
    failed = mwl_cloud(*arguments)
    assert failed.exit_code == code, failed.output
    assert says in failed.output
    assert len(failed.output.strip().splitlines()) == 1


def test_missing_settings_are_named(rig: CloudRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORKLIST_TABLE")
    failed = mwl_cloud("users", "list")
    assert failed.exit_code == 2
    assert "WORKLIST_TABLE" in failed.output


def test_a_relay_is_enrolled_listed_and_revoked(rig: CloudRig) -> None:
    invited = mwl_cloud("relays", "enroll", "north")
    code = re.search(r"mwl-relay enroll (\S+)", invited.output)
    assert code is not None
    relays = RelayStore(rig.tables, now=rig.clock, new_id=lambda: "r1", new_code=lambda: "unused")
    # The command has the real clock, and the rig's is not far from it.
    rig.clock.seconds = time.time()
    relay = relays.enroll(code.group(1), public_key="PEM", name="basement")
    [listed] = json.loads(mwl_cloud("relays", "list", "--json").output)
    assert (listed["site"], listed["name"]) == ("north", "basement")
    assert "public_key" not in listed
    assert mwl_cloud("relays", "revoke", relay.relay_id).exit_code == 0
    found = relays.find(relay.relay_id)
    assert found is not None
    assert found.revoked_at is not None


def test_a_source_is_checked_against_its_project_and_stored(
    rig: CloudRig, redcap: RedcapSimulator, tmp_path: Path
) -> None:
    token(rig, redcap)
    applied = mwl_cloud("sources", "apply", definition(tmp_path, redcap))
    assert applied.exit_code == 0, applied.output
    assert "classic" in mwl_cloud("sources", "list").output
    assert mwl_cloud("sources", "sync", "classic").exit_code == 0
    assert rig.received(rig.sync_queue_url) == [{"source_id": "classic"}]


def test_a_field_the_project_lacks_is_named_with_the_closest(
    rig: CloudRig, redcap: RedcapSimulator, tmp_path: Path
) -> None:
    token(rig, redcap)
    file = definition(tmp_path, redcap, **{'"mri_ht_in"': '"mri_hight"'})
    refused = mwl_cloud("sources", "apply", file)
    assert refused.exit_code == 2
    assert "mri_hight" in refused.output
    assert "mri_ht_in" in refused.output


def test_a_redcap_that_is_not_there_is_exit_code_3(
    rig: CloudRig, redcap: RedcapSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token(rig, redcap)
    monkeypatch.setattr("infra.cli.time.sleep", lambda _seconds: None)
    file = definition(tmp_path, redcap, **{redcap.url: "http://127.0.0.1:9/api/"})
    refused = mwl_cloud("sources", "apply", file)
    assert refused.exit_code == 3, refused.output
    assert redcap.projects[0].token() not in refused.output
