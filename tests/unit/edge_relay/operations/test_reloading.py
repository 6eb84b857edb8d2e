"""Settings are taken up while the relay runs: what needs no restart, all of it or nothing."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_relay import config
from edge_relay.health.report import Health
from edge_relay.operations import settings_list
from edge_relay.operations.reloading import TAKEN_UP, Reloading, merged, needs_restart
from shared.errors import Rejected

START = '[relay]\ncloud_url = "https://x.test"\n[[scanners]]\nae_title = "MR1"\n'


class Relay:
    """What the reloading sees of a relay."""

    def __init__(self) -> None:
        self.health = Health(lambda: datetime.now(UTC), known=lambda _: True)
        self.taken: list[config.Settings] = []
        self.refuses = ""

    def take_up(self, settings: config.Settings) -> None:
        if self.refuses:
            raise Rejected(self.refuses)
        self.taken.append(settings)

    @property
    def problem(self) -> str:
        nothing = {"ae_title": "", "site": "", "version": ""}
        return self.health.report("", **nothing, titles=[], withheld={}, pull_seconds=1).settings.failure


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "relay.toml"
    path.write_text(START)
    return path


@pytest.fixture
def relay() -> Relay:
    return Relay()


@pytest.fixture
def reloading(file: Path, relay: Relay) -> Reloading:
    return Reloading(file, config.load(file), relay)


def titles(settings: config.Settings) -> list[str]:
    return [each.ae_title for each in settings.scanners]


def test_a_file_that_has_not_changed_is_left_alone(reloading: Reloading, relay: Relay) -> None:
    reloading.reload_if_changed()
    assert relay.taken == []


def test_a_changed_file_is_taken_up_once(reloading: Reloading, relay: Relay, file: Path) -> None:
    file.write_text(START + '[[scanners]]\nae_title = "CT1"\n')
    reloading.reload_if_changed()
    reloading.reload_if_changed()
    assert [titles(each) for each in relay.taken] == [["MR1", "CT1"]]


def test_a_file_put_in_its_place_with_the_same_time_and_size_is_noticed(
    reloading: Reloading, relay: Relay, file: Path, tmp_path: Path
) -> None:
    before, other = file.stat(), tmp_path / "other"
    other.write_text(START.replace("MR1", "MR2"))
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(file)
    reloading.reload_if_changed()
    assert [titles(each) for each in relay.taken] == [["MR2"]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[relay", "is not TOML"),
        (START.replace("ae_title", "ae_titel"), "ae_titel"),
        (START + '[[scanners]]\nae_title = "MR1"\n', "listed twice"),
        ("", "relay"),
    ],
)
def test_a_bad_file_changes_nothing_and_says_so_until_it_is_right(
    reloading: Reloading, relay: Relay, file: Path, text: str, said: str
) -> None:
    file.write_text(text)
    reloading.reload()
    assert relay.taken == []
    assert "the old settings stay" in relay.problem
    assert said in relay.problem
    file.write_text(START)
    reloading.reload_if_changed()
    assert relay.problem == ""


def test_a_file_that_is_gone_changes_nothing(reloading: Reloading, relay: Relay, file: Path) -> None:
    file.unlink()
    reloading.reload_if_changed()
    assert (relay.taken, "cannot be read" in relay.problem) == ([], True)


def test_tls_files_that_cannot_be_used_change_nothing(reloading: Reloading, relay: Relay, file: Path) -> None:
    relay.refuses = "certificate and key cannot be used"
    file.write_text(START.replace("MR1", "MR2"))
    reloading.reload()
    assert "certificate and key cannot be used" in relay.problem


@pytest.mark.parametrize(
    ("change", "waiting"),
    [
        (("x.test", "y.test"), ("relay.cloud_url",)),
        (("cloud_url", 'port = 11119\nhost = "::"\ncloud_url'), ("relay.host", "relay.port")),
        (("[[scanners]]", "[status]\nport = 0\n[[scanners]]"), ("status.port",)),
        (("cloud_url", 'log_level = "debug"\ncharset = "ISO_IR 100"\ncloud_url'), ()),
    ],
)
def test_what_needs_a_restart_keeps_its_value_and_is_named(
    reloading: Reloading, relay: Relay, file: Path, change: tuple[str, str], waiting: tuple[str, ...]
) -> None:
    before = config.load(file)
    file.write_text(START.replace("MR1", "MR2").replace(*change))
    reloading.reload()
    (taken,) = relay.taken
    assert titles(taken) == ["MR2"]
    assert (taken.relay.cloud_url, taken.relay.port, taken.status) == (
        before.relay.cloud_url,
        before.relay.port,
        before.status,
    )
    assert relay.problem == (f"restart the relay to take up {', '.join(waiting)}" if waiting else "")


def test_putting_back_what_waits_for_a_restart_needs_none(
    reloading: Reloading, relay: Relay, file: Path
) -> None:
    file.write_text(START.replace("x.test", "y.test"))
    reloading.reload()
    file.write_text(START)
    reloading.reload()
    assert relay.problem == ""


def test_every_setting_that_is_taken_up_exists() -> None:
    known = {key for key, _, _ in settings_list.explain()} | {"scanners"}
    assert known >= TAKEN_UP


def test_tls_itself_cannot_be_turned_on_without_a_restart(file: Path, tmp_path: Path) -> None:
    before = config.load(file)
    tls = config.TlsSettings(certificate=tmp_path, private_key=tmp_path, client_certificates="none")
    after = before.model_copy(update={"tls": tls})
    assert needs_restart(before, after) == ("tls",)
    assert merged(before, after).tls is None
    other = after.model_copy(update={"tls": tls.model_copy(update={"certificate": tmp_path / "x"})})
    assert needs_restart(after, other) == ()
    assert merged(after, other).tls == other.tls
