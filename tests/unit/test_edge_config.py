"""Settings: read from TOML, overridden by the environment, every mistake named with file and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_relay import config
from shared.errors import Rejected

GOOD = """
[relay]
cloud_url = "https://worklist.example.org/"
port = 104

[[scanners]]
ae_title = "MR1"
charset = "ISO 2022 IR 6\\\\ISO 2022 IR 87"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "relay.toml"
    path.write_text(GOOD)
    return path


def test_a_good_file_is_read_and_the_rest_is_default(file: Path) -> None:
    settings = config.load(file)
    assert settings.relay.cloud_url == "https://worklist.example.org"
    assert (settings.relay.port, settings.relay.ae_title) == (104, "MWL_RELAY")
    assert settings.scanner("MR1").charset == ("ISO 2022 IR 6", "ISO 2022 IR 87")
    assert settings.scanner("UNLISTED").charset is None


def test_the_environment_wins_over_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MWL_RELAY__PORT", "4242")
    assert config.load(file).relay.port == 4242


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[relay", "is not TOML"),
        ("[relay]\nport = 104", "relay.cloud_url: Field required"),
        ('[relay]\ncloud_url = "ftp://x"', "relay.cloud_url: must look like https://"),
        ('[relay]\ncloud_url = "http://example.org"', "relay.cloud_url: must begin with https://"),
        (GOOD.replace("104", "104104"), "relay.port: "),
        (GOOD.replace("port", "prot"), "relay.prot: Extra inputs"),
        (GOOD.replace('"MR1"', '"A TITLE THAT IS TOO LONG"'), "scanners[1].ae_title: an AE title has 24"),
        (GOOD.replace("ISO 2022 IR 87", "KLINGON"), "scanners[1].charset: 'KLINGON' is not"),
        (GOOD + '[[scanners]]\nae_title = "MR1"', "MR1 is listed twice"),
        (GOOD + "\n[extra]\na = 1", "extra: Extra inputs"),
    ],
)
def test_a_mistake_is_named_with_file_and_key(file: Path, text: str, says: str) -> None:
    file.write_text(text)
    with pytest.raises(Rejected) as caught:
        config.load(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert says in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match=r"none\.toml: cannot be read"):
        config.load(tmp_path / "none.toml")


def test_every_setting_is_documented() -> None:
    for key, default, description in config.explain():
        assert len(description) > 20, key
        assert default, key
