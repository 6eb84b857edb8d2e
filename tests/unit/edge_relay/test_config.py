"""Settings: read from TOML, overridden by the environment, every mistake named with file and key."""

from __future__ import annotations

from datetime import UTC, date, datetime
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
    (scanner,) = settings.scanners
    assert (scanner.ae_title, scanner.charset) == ("MR1", ("ISO 2022 IR 6", "ISO 2022 IR 87"))
    assert settings.tls is None
    assert (settings.status.host, settings.status.port, settings.status.show_names) == (
        "127.0.0.1",
        8112,
        False,
    )
    assert (settings.relay.zone, settings.relay.cloud_scanners) == (None, "override")


def test_the_environment_wins_over_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MWL_RELAY__PORT", "4242")
    assert config.load(file).relay.port == 4242


def test_the_environment_can_turn_tls_on(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CERTIFICATE", "PRIVATE_KEY"):
        monkeypatch.setenv(f"MWL_TLS__{name}", str(pem(tmp_path, name)))
    monkeypatch.setenv("MWL_TLS__CLIENT_CERTIFICATES", "none")
    tls = config.load(file).tls
    assert tls is not None
    assert (tls.port, tls.plain_port, tls.certificate) == (2762, True, tmp_path / "CERTIFICATE")


def test_a_time_zone_says_when_today_begins(file: Path) -> None:
    file.write_text(GOOD.replace("port = 104", 'time_zone = "Pacific/Auckland"'))
    zone = config.load(file).relay.zone
    assert datetime(2026, 11, 22, 23, 0, tzinfo=UTC).astimezone(zone).date() == date(2026, 11, 23)


TLS = """
[tls]
certificate = "{folder}/certificate"
private_key = "{folder}/private_key"
client_ca = "{folder}/client_ca"
"""


def pem(folder: Path, name: str) -> Path:
    """Return a file that can be read; what is in it is the TLS server's business."""
    path = folder / name
    path.touch()
    return path


@pytest.fixture
def tls(tmp_path: Path) -> str:
    for name in ("certificate", "private_key", "client_ca"):
        pem(tmp_path, name)
    return GOOD + TLS.format(folder=tmp_path)


def test_the_table_turns_tls_on_and_asks_for_client_certificates(file: Path, tls: str) -> None:
    file.write_text(tls)
    settings = config.load(file).tls
    assert settings is not None
    assert settings.client_certificates == "required"


@pytest.mark.parametrize("key", ["certificate", "private_key", "client_ca"])
def test_a_file_that_cannot_be_read_is_named_with_its_key(
    file: Path, tls: str, tmp_path: Path, key: str
) -> None:
    file.write_text(tls)
    (tmp_path / key).unlink()
    with pytest.raises(Rejected, match=rf"relay\.toml: tls\.{key}: .*/{key} cannot be read: No such file"):
        config.load(file)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('certificate = "', '# "', "tls.certificate: Field required"),
        ("private_key =", "# ", "tls.private_key: Field required"),
        ("client_ca =", "# ", "tls: client_ca: must be given if client_certificates is required"),
        ("client_ca =", 'client_certificates = "optional" # ', "is optional"),
        ('client_ca = "', 'client_ca = "etc', "tls.client_ca: must be an absolute path"),
        ("[tls]", "[tls]\nport = 104", "tls.port and relay.port must differ"),
        ("[tls]", "[tls]\nport = 8112", "tls.port and status.port must differ"),
        ("[tls]", '[tls]\nclient_certificates = "perhaps"', "tls.client_certificates: "),
    ],
)
def test_tls_that_cannot_work_is_refused(file: Path, tls: str, old: str, new: str, says: str) -> None:
    head, _, table = tls.partition("[tls]")
    file.write_text(head + ("[tls]" + table).replace(old, new))
    with pytest.raises(Rejected) as caught:
        config.load(file)
    assert says in str(caught.value)


def test_without_the_plain_port_tls_may_have_its_number(file: Path, tls: str) -> None:
    file.write_text(tls.replace("[tls]", "[tls]\nport = 104\nplain_port = false"))
    assert config.load(file).tls is not None


def test_any_number_of_ports_may_be_free_ones(file: Path, tls: str) -> None:
    file.write_text(tls.replace("[tls]", "[status]\nport = 0\n[tls]\nport = 0").replace("104", "0"))
    assert config.load(file).relay.port == 0


def test_two_scanners_may_share_a_station_and_a_network(file: Path) -> None:
    shared = 'station_ae_titles = ["MRSUITE"]\naddresses = ["10.0.0.0/8"]\n'
    file.write_text(GOOD + shared + '[[scanners]]\nae_title = "MR2"\n' + shared)
    assert [scanner.restricted for scanner in config.load(file).scanners] == [True, True]


ARCHIVE = '\n[[archives]]\nae_title = "PACS"\nhost = "pacs.example.org"\nport = 104\n'


def test_a_scanner_without_mpps_names_its_archive(file: Path) -> None:
    file.write_text(GOOD + 'images_from = "PACS"\n' + ARCHIVE)
    settings = config.load(file)
    assert (settings.scanners[0].images_from, settings.archives[0].host) == ("PACS", "pacs.example.org")
    assert settings.archives[0].calling_ae_title is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[relay", "is not TOML"),
        ("[relay]\nport = 104", "relay.cloud_url: Field required"),
        ('[relay]\ncloud_url = "ftp://x"', "relay.cloud_url: must look like https://"),
        ('[relay]\ncloud_url = "http://example.org"', "relay.cloud_url: must begin with https://"),
        (GOOD.replace("104", "104104"), "relay.port: "),
        (GOOD.replace("port", "prot"), "relay.prot: there is no such setting; did you mean port?"),
        (GOOD.replace('"MR1"', '"A TITLE THAT IS TOO LONG"'), "scanners[1].ae_title: an AE title has 24"),
        (GOOD.replace("ISO 2022 IR 87", "KLINGON"), "scanners[1].charset: 'KLINGON' is not"),
        (GOOD + '[[scanners]]\nae_title = "MR1"', "MR1 is listed twice"),
        (GOOD + "\n[extra]\na = 1", "extra: there is no such setting"),
        (GOOD.replace("port = 104", 'time_zone = "Mars/Base"'), "relay.time_zone: is not a time zone"),
        (GOOD.replace("port = 104", 'time_zone = "Europe"'), "relay.time_zone: is not a time zone"),
        (GOOD.replace("port = 104", 'time_zone = "../passwd"'), "relay.time_zone: is not a time zone"),
        (GOOD.replace("port = 104", "max_pdu_bytes = 1024"), "relay.max_pdu_bytes: "),
        (GOOD.replace("port = 104", 'cloud_scanners = "some"'), "relay.cloud_scanners: "),
        (GOOD.replace("104", "8112"), "relay.port and status.port must differ"),
        (GOOD + 'addresses = ["10.0.0.300"]', "scanners[1].addresses[1]"),
        (GOOD + 'extra_attributes = ["Wait"]', "scanners[1].extra_attributes[1]: is not the keyword"),
        (GOOD + 'images_from = "PACS"', "images_from of MR1 is no archive of [[archives]]"),
        (GOOD + ARCHIVE + ARCHIVE, "archives: AE title PACS is listed twice"),
        (GOOD + ARCHIVE.replace("104", "0"), "archives[1].port: "),
        (
            GOOD + ARCHIVE + 'tls_client = "/pacs.pem"',
            "archives: PACS has tls_client, which encrypts only with tls_ca",
        ),
        (GOOD + ARCHIVE + 'tls_ca = "pacs.pem"', "archives[1].tls_ca: must be an absolute path"),
        (GOOD + ARCHIVE + 'tls_ca = "/not/there.pem"', "archives.PACS.tls_ca: /not/there.pem cannot be read"),
        (
            GOOD + 'suppressed_attributes = ["PatientID"]',
            "scanner MR1: suppressed_attributes: PatientID must be in every answer",
        ),
        (
            GOOD + 'extra_attributes = ["Allergies"]\nsuppressed_attributes = ["Allergies"]',
            "scanners[1]: suppressed_attributes: Allergies is in extra_attributes too",
        ),
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


# ------------------------------------------------------------------- the cloud's client certificate


def with_client_certificate(file: Path, *keys: str) -> None:
    lines = "".join(f'{key} = "{pem(file.parent, key)}"\n' for key in keys)
    file.write_text(GOOD.replace("port = 104\n", f"port = 104\n{lines}"))


def test_a_client_certificate_for_the_cloud_is_two_files(file: Path) -> None:
    with_client_certificate(file, "cloud_certificate", "cloud_private_key")
    relay = config.load(file).relay
    assert relay.client_certificate == (relay.cloud_certificate, relay.cloud_private_key)


@pytest.mark.parametrize("key", ["cloud_certificate", "cloud_private_key"])
def test_one_of_the_two_alone_is_refused(file: Path, key: str) -> None:
    with_client_certificate(file, key)
    with pytest.raises(Rejected, match="give both or neither"):
        config.load(file)


def test_without_them_the_relay_has_no_client_certificate(file: Path) -> None:
    assert config.load(file).relay.client_certificate is None


@pytest.mark.parametrize("key", ["cloud_certificate", "cloud_private_key"])
def test_a_client_certificate_that_cannot_be_read_is_named_with_its_key(file: Path, key: str) -> None:
    with_client_certificate(file, "cloud_certificate", "cloud_private_key")
    Path(getattr(config.load(file).relay, key)).unlink()
    with pytest.raises(Rejected, match=rf"relay\.{key}: .*cannot be read"):
        config.load(file)
