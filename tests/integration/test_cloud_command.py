"""``mwl-cloud`` as an administrator types it, against moto and the REDCap simulator."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from infra.cli import app
from infra.commands import screen
from infra.commands.deployment import relay_store, self_test_store
from infra.commands.relays import self_test
from infra.redcap_simulator import RedcapSimulator, classic
from lambdas.access.passwords import Passwords
from lambdas.access.role import Role
from lambdas.notices import self_tests
from lambdas.sources.state import SourceState, SyncReport
from lambdas.store.accounts.people import Session, UserStore
from lambdas.store.accounts.relays import RelayStore
from lambdas.store.accounts.triggers import TriggerStore
from lambdas.store.audit.entry import SYSTEM
from lambdas.store.sources import SourceStore
from shared.errors import NotFound
from shared.relay_health import RelayHealth
from shared.scanners.scanner_profile import ScannerOverrides
from shared.steps.procedure_step import EventKind
from shared.steps.self_test import ABILITY, Hop, HopResult, SelfTestReport, step_uid
from tests.rigs.builders import an_event, an_item
from tests.rigs.cloud import CloudRig, cloud
from tests.rigs.lambda_events import Context
from tests.rigs.redcap import CLASSIC_FILE


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
        (("users", "passwd", "nobody"), 2, "no such user"),
        (("users", "create", "a b c/", "--role", "read"), 2, "username"),
        (("relays", "revoke", "nothing"), 2, "relay"),
        (("relays", "scanners", "show", "nothing"), 2, "no such relay"),
        (("relays", "scanners", "apply", "nothing", "/does/not/exist.toml"), 2, "/does/not/exist.toml"),
        (("relays", "scanners", "apply", "nothing", "/dev/null"), 2, "no such relay"),
        (("sources", "sync", "nothing"), 2, "nothing"),
        (("sources", "preview", "nothing"), 2, "nothing: is neither a file nor a source id"),
        (("sources", "preview", "missing.toml"), 2, "missing.toml: cannot be read: No such file"),
        (("sources", "trigger", "nothing"), 2, "nothing"),
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
    assert "export WORKLIST_TABLE=... ACCOUNTS_TABLE=..." in failed.output


@pytest.mark.parametrize(
    "arguments", [("users", "list"), ("relays", "list"), ("sources", "list"), ("write-backs", "list")]
)
def test_every_command_says_how_to_set_what_it_lacks(
    rig: CloudRig, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    for name in ("WORKLIST_TABLE", "ACCOUNTS_TABLE"):
        monkeypatch.delenv(name)
    failed = mwl_cloud(*arguments)
    assert (failed.exit_code, len(failed.output.strip().splitlines())) == (2, 1)
    assert "mwl-cloud local prints those" in failed.output


@pytest.mark.parametrize("width", [80, 250])
def test_a_list_of_relays_has_whole_ids_on_a_terminal_of_any_width(
    rig: CloudRig, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setattr(screen.console(), "_width", width)
    relays = RelayStore(rig.tables, now=rig.clock, new_id=lambda: "r" * 32, new_code=lambda: "a-code")
    code, _ = relays.invite("north")
    relays.enroll(code, public_key="PEM", name="a relay with quite a long name in the basement")
    lines = mwl_cloud("relays", "list").output.splitlines()
    assert any("r" * 32 in line for line in lines)
    assert max(map(len, lines)) <= width


def test_a_preview_of_a_file_needs_no_deployment_but_a_token(
    redcap: RedcapSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WORKLIST_TABLE", "ACCOUNTS_TABLE", "REDCAP_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    file = definition(tmp_path, redcap)
    refused = mwl_cloud("sources", "preview", file)
    assert (refused.exit_code, "export REDCAP_API_TOKEN=" in refused.output) == (2, True)
    monkeypatch.setenv("REDCAP_API_TOKEN", redcap.projects[0].token("relay"))
    shown = mwl_cloud("sources", "preview", file)
    assert shown.exit_code == 0, shown.output
    assert "sub_000001_ses_1" in shown.output
    assert "5 of 5 records" in shown.output
    assert max(map(len, shown.output.splitlines())) <= 80


def test_a_preview_of_a_file_that_is_not_there_says_so_without_a_deployment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("WORKLIST_TABLE", "ACCOUNTS_TABLE", "REDCAP_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    failed = mwl_cloud("sources", "preview", "missing.toml")
    assert (failed.exit_code, failed.output) == (
        2,
        "mwl-cloud: missing.toml: cannot be read: No such file or directory\n",
    )


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


def a_relay(rig: CloudRig, site: str = "north") -> tuple[RelayStore, str]:
    rig.clock.seconds = time.time()
    relays = RelayStore(rig.tables, now=rig.clock, new_id=lambda: "r1", new_code=lambda: "CODE")
    code, _ = relays.invite(site)
    return relays, relays.enroll(code, public_key="PEM", name="basement").relay_id


def test_relays_are_listed_with_when_they_were_last_heard_of_and_what_is_wrong(rig: CloudRig) -> None:
    relays, relay_id = a_relay(rig)
    assert "never" in mwl_cloud("relays", "list").output
    health = {"version": "0.2.0", "at": datetime.now(UTC), "problems": ["[pull] fails"]}
    relays.heard(relay_id, RelayHealth.model_validate(health | {"profile_problems": ["VIDA: mpps: no"]}))
    listed = mwl_cloud("relays", "list").output
    assert f"{datetime.now(UTC):%Y-}" in listed
    assert "[pull] fails" in listed
    assert "VIDA" in listed
    [as_json] = json.loads(mwl_cloud("relays", "list", "--json").output)
    assert as_json["health"]["problems"] == ["[pull] fails"]
    assert datetime.fromisoformat(as_json["last_seen_at"]).timestamp() == pytest.approx(rig.clock())


TOML = """
[[scanners]]
ae_title = "PRISMA1"
modalities = ["MR"]
[scanners.fixed_values]
InstitutionName = "Sør-sykehuset"
"""


def test_scanners_are_overridden_from_a_file_and_shown_as_one(rig: CloudRig, tmp_path: Path) -> None:
    relays, relay_id = a_relay(rig)
    (tmp_path / "scanners.toml").write_text(TOML, "utf-8")
    applied = mwl_cloud("relays", "scanners", "apply", relay_id, str(tmp_path / "scanners.toml"))
    assert applied.exit_code == 0, applied.output
    configuration, version = relays.configuration(relay_id)
    assert (version, configuration.changed_by) == ("1", "mwl-cloud")
    shown = mwl_cloud("relays", "scanners", "show", relay_id)
    assert "Sør-sykehuset" in shown.stdout
    assert "version 1, by mwl-cloud; the relay has version none" in shown.stderr
    with_null = json.loads(shown.stdout)
    with_null["scanners"][0]["days_back"] = None
    (tmp_path / "scanners.json").write_text(json.dumps(with_null))
    assert mwl_cloud("relays", "scanners", "apply", relay_id, str(tmp_path / "scanners.json")).exit_code == 0
    changed, _ = relays.configuration(relay_id)
    assert changed.overrides.scanners[0].given() == {"modalities", "fixed_values", "days_back"}


def test_what_the_relay_made_of_the_overrides_is_shown(rig: CloudRig) -> None:
    relays, relay_id = a_relay(rig)
    said = {"profiles_version": "0", "profile_problems": ["VIDA: is not in this relay's configuration"]}
    health = {"version": "0.2.0", "at": datetime.now(UTC), **said}
    relays.heard(relay_id, RelayHealth.model_validate(health))
    shown = mwl_cloud("relays", "scanners", "show", relay_id)
    assert "the relay has it" in shown.stderr
    assert "not taken: VIDA: is not in this relay's configuration" in shown.stderr
    assert json.loads(shown.stdout) == {"scanners": []}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[scanners", "not valid TOML"),
        ("{", "not valid JSON in line 1"),
        ('[[scanners]]\nae_title = "A"\ndays_back = -1', "scanners[1].days_back: "),
        ('[[scanners]]\nae_title = "A"\naddresses = []', "scanners[1].addresses: "),
        ("[relay]\nport = 1", "relay: there is no such setting"),
    ],
)
def test_an_override_that_cannot_be_names_file_and_key(
    rig: CloudRig, tmp_path: Path, text: str, says: str
) -> None:
    relays, relay_id = a_relay(rig)
    file = tmp_path / "scanners"
    file.write_text(text)
    refused = mwl_cloud("relays", "scanners", "apply", relay_id, str(file))
    assert refused.exit_code == 2
    assert says in refused.output
    assert str(file) in refused.output
    assert relays.configuration(relay_id)[1] == "0"


def test_a_source_is_checked_against_its_project_and_stored(
    rig: CloudRig, redcap: RedcapSimulator, tmp_path: Path
) -> None:
    token(rig, redcap)
    applied = mwl_cloud("sources", "apply", definition(tmp_path, redcap))
    assert applied.exit_code == 0, applied.output
    assert "classic" in mwl_cloud("sources", "list").output
    taken = SourceStore(rig.tables).take("classic", "tests", now=0.0, seconds=-1)
    assert taken is not None
    assert taken.checked is not None  # the first load need not ask the project again
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


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (', unit = "lb"', "", "mri_wt_lbs seems to be in lb"),
        ('3 = "O"', '3 = "F", 9 = "O"', "demo_sex has no code 9"),
        (', 3 = "O"', "", "demo_sex can also be 3 (Other)"),
        ('1 = "M", 2 = "F"', '1 = "F", 2 = "M"', "calls 1 Male"),
        ('status = "mri_status"', 'status = "youth_dob_y"', "cannot hold SCHEDULED"),
        ('"mri_time"', '"mri_date"', "this must be a time"),
    ],
)
def test_what_would_go_wrong_at_the_scanner_is_not_applied(
    rig: CloudRig, redcap: RedcapSimulator, tmp_path: Path, old: str, new: str, says: str
) -> None:
    token(rig, redcap)
    refused = mwl_cloud("sources", "apply", definition(tmp_path, redcap, **{old: new}))
    assert refused.exit_code == 2
    assert says in refused.output
    assert SourceStore(rig.tables).all() == []


def test_who_shares_a_patient_id_is_told_when_the_definition_is_applied(
    rig: CloudRig, tmp_path: Path
) -> None:
    with RedcapSimulator([classic(2)]) as own:
        for record in ("000001", "000002"):
            own.save_form(11, record, "demographics", {"family_id": "F1"})
        token(rig, own)
        by_family = {'"sub_{study_id}_ses_{redcap_repeat_instance}"': '"family_id"'}
        applied = mwl_cloud("sources", "apply", definition(tmp_path, own, **by_family))
    assert applied.exit_code == 0
    assert "will be held: patient_id: record 000002 and record 000001" in applied.output


def test_a_redcap_that_is_not_there_is_exit_code_3(
    rig: CloudRig, redcap: RedcapSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token(rig, redcap)
    monkeypatch.setattr("infra.commands.source_work.time.sleep", lambda _seconds: None)
    file = definition(tmp_path, redcap, **{redcap.url: "http://127.0.0.1:9/api/"})
    refused = mwl_cloud("sources", "apply", file)
    assert refused.exit_code == 3, refused.output
    assert redcap.projects[0].token() not in refused.output


def applied(rig: CloudRig, redcap: RedcapSimulator, folder: Path) -> str:
    token(rig, redcap)
    file = definition(folder, redcap)
    assert mwl_cloud("sources", "apply", file).exit_code == 0
    return file


def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen.console(), "_width", 250)


def test_a_preview_of_a_file_shows_items_and_scanners_and_stores_nothing(
    rig: CloudRig, redcap: RedcapSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide(monkeypatch)
    token(rig, redcap)
    relays, relay_id = a_relay(rig, "main")
    overrides = {"scanners": [{"ae_title": "PRISMA1", "restrict_to_station": True}]}
    relays.configure(relay_id, ScannerOverrides.model_validate(overrides), by=SYSTEM)
    shown = mwl_cloud("sources", "preview", definition(tmp_path, redcap))
    assert shown.exit_code == 0, shown.output
    assert "sub_000001_ses_1" in shown.output
    assert re.search(r"PRISMA1 +│ from the cloud", shown.output)
    assert "5 of 5 records: " in shown.output
    assert "Nothing was written." in shown.output
    assert "classic" not in mwl_cloud("sources", "list").output


def test_a_preview_of_a_source_tells_programs_too(
    rig: CloudRig, redcap: RedcapSimulator, tmp_path: Path
) -> None:
    applied(rig, redcap, tmp_path)
    found = json.loads(mwl_cloud("sources", "preview", "classic", "--json", "--limit", "2").stdout)
    assert (found["records"], found["records_in_project"]) == (2, 5)
    one = json.loads(mwl_cloud("sources", "preview", "classic", "--json", "--record", "000001").stdout)
    assert {each["item"]["source_record"] for each in one["items"]} == {"000001"}


def test_a_preview_with_rejects_shows_them_and_ends_with_1(
    rig: CloudRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide(monkeypatch)
    with RedcapSimulator([classic(2)]) as own:
        own.save_form(11, "000001", "mri", {"mri_date": "soon"}, instance=1)
        token(rig, own)
        shown = mwl_cloud("sources", "preview", definition(tmp_path, own))
    assert shown.exit_code == 1
    assert re.search(r"000001 .*mri_date .*soon .*date", shown.output)
    assert "1 row rejected" in shown.output


def test_a_sync_of_a_record_and_one_that_confirms_are_asked_for(
    rig: CloudRig, redcap: RedcapSimulator, tmp_path: Path
) -> None:
    applied(rig, redcap, tmp_path)
    assert mwl_cloud("sources", "sync", "classic", "--record", "000001").exit_code == 0
    assert mwl_cloud("sources", "sync", "classic", "--confirm-withdrawals").exit_code == 0
    assert rig.received(rig.sync_queue_url) == [
        {"source_id": "classic", "record": "000001"},
        {"source_id": "classic", "confirm_withdrawals": "yes"},
    ]


def test_a_source_is_deleted(rig: CloudRig, redcap: RedcapSimulator, tmp_path: Path) -> None:
    applied(rig, redcap, tmp_path)
    deleted = mwl_cloud("sources", "delete", "classic")
    assert (deleted.exit_code, deleted.output) == (0, "deleted, and 0 of its items withdrawn\n")
    assert mwl_cloud("sources", "delete", "classic").exit_code == 2


def test_a_source_that_failed_is_listed_with_the_reason_and_ends_with_1(
    rig: CloudRig, redcap: RedcapSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide(monkeypatch)
    applied(rig, redcap, tmp_path)
    assert mwl_cloud("sources", "list").exit_code == 0
    sources = SourceStore(rig.tables)
    assert sources.acquire("classic", "tests", now=time.time(), seconds=10)
    report = SyncReport(outcome="failed", finished_at=datetime.now(UTC), error="REDCap answered 403")
    sources.save_state("classic", "tests", SourceState(report=report, paused_until=time.time() + 60))
    listed = mwl_cloud("sources", "list")
    assert listed.exit_code == 1
    assert "failed" in listed.output
    assert "REDCap answered 403; left alone until" in listed.output


@pytest.mark.parametrize(
    ("kept", "days", "code"),
    [("rejected", 0, 1), ("rejected", None, 1), ("held", 1, 1), ("rejected", 9, 0), ("held", -3, 0)],
)
def test_a_scan_of_today_or_soon_that_is_not_on_the_list_ends_the_listing_with_1(
    rig: CloudRig,
    redcap: RedcapSimulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kept: str,
    days: int | None,
    code: int,
) -> None:
    wide(monkeypatch)
    applied(rig, redcap, tmp_path)
    day = "" if days is None else f"{datetime.now(UTC) + timedelta(days=days):%Y%m%d}"
    row = {"record": "000001", "field": "mri_time", "reason": "no time of day", "day": day}
    report = SyncReport(outcome="ok", finished_at=datetime.now(UTC))
    state = SourceState.model_validate({kept: [row], f"{kept}_count": 1, "report": report})
    sources = SourceStore(rig.tables)
    assert sources.acquire("classic", "tests", now=time.time(), seconds=10)
    sources.save_state("classic", "tests", state)
    listed = mwl_cloud("sources", "list")
    assert (listed.exit_code, "1 scan is not on the list" in listed.output) == (code, bool(code))


def test_a_triggers_url_is_shown_once_works_and_is_replaced_when_asked(
    rig: CloudRig, redcap: RedcapSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_URL", "https://api.example.org/")
    applied(rig, redcap, tmp_path)
    triggers = TriggerStore(rig.tables, now=rig.clock)

    def made(*options: str) -> str:
        url = mwl_cloud("sources", "trigger", "classic", *options).stdout.strip()
        found = re.fullmatch(r"https://api\.example\.org/hooks/redcap/classic/([\w-]{43})", url)
        assert found is not None, url
        return found.group(1)

    first = made()
    assert triggers.known("classic", first).project_id == "11"
    refused = mwl_cloud("sources", "trigger", "classic")
    assert refused.exit_code == 2
    assert "--rotate" in refused.output
    second = made("--rotate")
    assert triggers.known("classic", second).project_id == "11"
    with pytest.raises(NotFound):
        triggers.known("classic", first)


def test_version_is_that_of_the_distribution() -> None:
    asked = mwl_cloud("--version")
    assert (asked.exit_code, asked.output) == (0, f"mwl-cloud {version('mwl-relay')}\n")


def test_accounts_are_changed_and_deleted_and_their_sessions_ended(rig: CloudRig) -> None:
    store = UserStore(rig.tables, now=rig.clock)
    assert mwl_cloud("users", "create", "ana", "--role", "write", "--site", "north").exit_code == 0
    changed = mwl_cloud("users", "change", "ana", "--full-name", "Ana B.", "--all-sites", "--role", "read")
    assert changed.exit_code == 0, changed.output
    user = store.find("ana")
    assert user is not None
    assert (user.full_name, user.sites, user.role) == ("Ana B.", (), Role.READ)
    at = datetime.fromtimestamp(rig.clock(), UTC)
    store.begin_session("ana", Session(session_id="s1", began_at=at, expires_at=at + timedelta(hours=1)))
    assert "s1" in mwl_cloud("users", "sessions", "ana").output
    assert mwl_cloud("users", "logout", "ana", "s1").exit_code == 0
    assert mwl_cloud("users", "logout", "ana", "s1").exit_code == 2
    assert mwl_cloud("users", "delete", "ana").exit_code == 0
    assert mwl_cloud("users", "sessions", "ana").exit_code == 2


def a_known_relay(*abilities: str, site: str = "north") -> str:
    store = relay_store()
    code, _ = store.invite(site, by=SYSTEM)
    relay = store.enroll(code, public_key="-", name="cellar")
    health = {"version": "0.9", "at": datetime.now(UTC), "abilities": abilities}
    store.heard(relay.relay_id, RelayHealth.model_validate(health))
    return relay.relay_id


def every_hop(relay_id: str, failure: str = "") -> None:
    """Play a relay whose test participant goes all the way, or as far as its own query."""
    store, relay = self_test_store(), relay_store().find(relay_id)
    assert relay is not None
    test = store.find(relay)
    assert test is not None
    at = datetime.now(UTC)
    for kind in () if failure else EventKind:
        uid = step_uid(test.test_id)
        event = an_event(an_item("1"), uid, kind, "COMPLETED" if kind is EventKind.N_SET else "IN PROGRESS")
        store.record_event(
            event.model_copy(update={"item_id": test.test_id, "item_ids": (test.test_id,)}), relay
        )
    hops = [HopResult(hop=hop, at=at) for hop in (Hop.FETCHED, Hop.FOUND, Hop.BEGUN, Hop.ENDED, Hop.BACK)]
    if failure:
        hops = [hops[0], HopResult(hop=Hop.FOUND, at=at, failure=failure)]
    store.report(relay, test.test_id, SelfTestReport(hops=tuple(hops), over=True))


@pytest.mark.parametrize(
    ("failure", "code", "said"), [("", 0, "Back at the relay"), ("no answer", 1, "No answer.")]
)
def test_a_test_participant_is_waited_for_and_its_way_printed(
    rig: CloudRig, monkeypatch: pytest.MonkeyPatch, failure: str, code: int, said: str
) -> None:
    relay_id = a_known_relay(ABILITY)
    monkeypatch.setattr(self_test, "_POLL_SECONDS", 0.0)
    monkeypatch.setattr(time, "sleep", lambda _: every_hop(relay_id, failure))
    result = mwl_cloud("relays", "test", "north")
    assert (result.exit_code, said in result.output) == (code, True), result.output


def test_a_relay_that_is_too_old_for_the_test_participant_is_named(rig: CloudRig) -> None:
    a_known_relay()
    result = mwl_cloud("relays", "test", "north")
    assert result.exit_code == 1
    assert "too old for the test participant" in " ".join(result.output.split())


def test_a_site_without_a_relay_cannot_be_tested(rig: CloudRig) -> None:
    result = mwl_cloud("relays", "test", "north")
    assert (result.exit_code, "no relay of this site" in result.stderr) == (2, True)


def test_the_schedule_tests_each_relay_that_can_be_tested(rig: CloudRig) -> None:
    known, old, revoked = a_known_relay(ABILITY), a_known_relay(), a_known_relay(ABILITY)
    relay_store().revoke(revoked, by=SYSTEM)
    assert self_tests.handler({}, Context()) == {"self_tests": 1}
    found = self_test_store().of_relays(relay_store().all())
    assert (set(found), found[known].by) == ({known}, "system")
    assert old not in found


def test_a_token_is_stored_for_a_source_and_never_shown(rig: CloudRig, redcap: RedcapSimulator) -> None:
    real = redcap.projects[0].token("relay")
    stored = CliRunner().invoke(app, ["sources", "token", "hospital:classic"], input=real + "\n")
    assert stored.exit_code == 0, stored.output
    assert 'token_secret = "hospital:classic"' in stored.output
    again = CliRunner().invoke(app, ["sources", "token", "hospital:classic"], input=real)
    assert "replaced" in again.output
    assert real not in stored.output + again.output
    held = rig.secrets.get_secret_value(SecretId="mwl-relay/redcap/hospital", VersionStage="AWSCURRENT")
    assert json.loads(held["SecretString"]) == {"classic": real}
    taken = mwl_cloud("sources", "token", "hospital:classic", "--remove")
    assert (taken.exit_code, "taken out" in taken.output) == (0, True)
    assert mwl_cloud("sources", "token", "hospital:classic", "--remove").exit_code == 2


@pytest.mark.parametrize(
    ("name", "typed"), [("a b", "A" * 32), ("hospital:x", "no token"), ("hospital:x", "")]
)
def test_what_is_no_token_or_no_name_of_one_is_one_line(rig: CloudRig, name: str, typed: str) -> None:
    refused = CliRunner().invoke(app, ["sources", "token", name], input=typed)
    assert (refused.exit_code, len(refused.output.strip().splitlines())) == (2, 1)
    assert not typed or typed not in refused.output
