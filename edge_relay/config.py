"""The relay's settings: one TOML file, every key overridable from the environment.

``[relay]``, ``[tls]`` and ``[status]`` hold one value a key, ``[[scanners]]`` one table a scanner.
``MWL_RELAY__PORT=11113`` overrides ``port`` of ``[relay]``. Each setting is documented by its field's
description, which ``mwl-relay check-config --explain`` prints; that is the only place.
"""

from __future__ import annotations

import tomllib
from datetime import tzinfo
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from shared.dicom.character_sets import UTF8, CharacterSetTerms
from shared.dicom.dicom_text import AE
from shared.errors import Rejected
from shared.scanners.scanner_profile import ScannerProfile, check_listed_once, reasons
from shared.steps.procedure_step import MOST_EVENTS
from shared.text.time_zones import OptionalZoneName, time_zone


def _cloud_url(value: str) -> str:
    parts = urlsplit(value)
    loopback = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Rejected("must look like https://host/path")
    if parts.scheme == "http" and not loopback:
        raise Rejected("must begin with https://; plain http is allowed for this machine only")
    return value.rstrip("/")


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise Rejected("must be an absolute path, because a service may start in any folder")
    return path


Seconds = Annotated[float, Field(gt=0, le=86_400)]
Port = Annotated[int, Field(ge=0, le=65535)]
PemFile = Annotated[Path, AfterValidator(_absolute)]


class RelaySettings(BaseModel):
    """The ``[relay]`` table."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    ae_title: AE = Field("MWL_RELAY", description="The relay's own AE title; calls to another are refused.")
    host: str = Field(
        "0.0.0.0",  # noqa: S104  scanners connect from other machines; narrowing it is the operator's choice
        description="Address to listen on; 0.0.0.0 is every IPv4 address of this machine, :: every IPv6 and "
        "IPv4 address.",
    )
    port: Port = Field(11112, description="DICOM port to listen on; 0 takes a free one.")
    cloud_url: Annotated[str, AfterValidator(_cloud_url)] = Field(
        description="Address of the cloud's API, e.g. https://worklist.example.org."
    )
    cloud_timeout_seconds: Seconds = Field(
        10, description="How long one call to the cloud may take before it counts as failed."
    )
    cloud_certificate: PemFile | None = Field(
        None, description="The relay's certificate for a cloud that asks for one (mutual TLS), a PEM file."
    )
    cloud_private_key: PemFile | None = Field(
        None, description="That certificate's private key, a PEM file without password."
    )
    pull_interval_seconds: Seconds = Field(5, description="How often to ask the cloud for changes.")
    slowest_pull_seconds: Seconds = Field(
        60,
        description="How often to ask at least, while the cloud says that nothing is expected: at night, and "
        "nothing booked. A scanner that asks ends that. pull_interval_seconds: always as often.",
    )
    page_size: int = Field(200, ge=1, le=1000, description="Maximum number of items in one page.")
    push_batch: int = Field(
        50, ge=1, le=MOST_EVENTS, description="Maximum number of MPPS events in one call."
    )
    retry_max_seconds: Seconds = Field(
        60, description="Longest pause between attempts while the cloud is unavailable; the first is 1 s."
    )
    forbidden_retry_seconds: Seconds = Field(
        300, description="Pause between attempts after the cloud refused this relay (revoked or unknown)."
    )
    allow_any_scanner: bool = Field(
        False, description="Accept any calling AE title. For tests only: everybody can read the worklist."
    )
    charset: CharacterSetTerms = Field(
        (UTF8,), description="Character set of the answers, for scanners whose profile sets none."
    )
    max_associations: int = Field(256, ge=1, le=4096, description="Maximum number of open associations.")
    max_connections_per_address: int = Field(
        128, ge=1, le=4096, description="Maximum number of open connections from one address."
    )
    max_pdu_bytes: int = Field(
        65_536,
        ge=4096,
        le=1_048_576,
        description="Longest PDU accepted, in bytes; the relay tells scanners during negotiation.",
    )
    max_message_bytes: int = Field(
        33_554_432,
        ge=65_536,
        le=67_108_864,
        description="Longest N-CREATE or N-SET accepted, in bytes; no other request may have more than "
        "1048576.",
    )
    artim_seconds: Seconds = Field(
        30, description="How long a new connection may take to request an association (PS3.8 9.1.4)."
    )
    network_timeout_seconds: Seconds = Field(
        60, description="An association that is idle for this long is aborted."
    )
    pdu_timeout_seconds: Seconds = Field(
        10,
        description="How long one PDU may take to arrive, or to be read by the peer.",
    )
    stop_timeout_seconds: Seconds = Field(5, description="Longest time that stopping may take.")
    time_zone: OptionalZoneName = Field(
        "",
        description="Time zone of the scanners, like Europe/Oslo: it decides which day is today. "
        "Empty: this machine's.",
    )
    pin_to_core: bool = Field(False, description="Use one core only: faster with many scanners.")
    retain_delivered_days: int = Field(
        30, ge=1, le=3650, description="How many days the journal keeps delivered MPPS events."
    )
    cloud_scanners: Literal["ignore", "override", "add"] = Field(
        "override",
        description="What the cloud may change. ignore: nothing; override: the profiles listed here, "
        "except addresses and max_associations; add: it may also add scanners, from any address.",
    )
    heartbeat_interval_seconds: Seconds = Field(
        60, description="How often to send the heartbeat to the cloud and fetch its overrides."
    )
    acceptor: Literal["asyncio", "pynetdicom"] = Field(
        "asyncio",
        description="What serves the DICOM ports. asyncio: the relay's own upper layer; pynetdicom: that "
        "library's, slower, to find out whether a fault is the relay's own.",
    )
    max_worklist_age_hours: float = Field(
        0,
        ge=0,
        le=8760,
        description="A worklist that has not been confirmed for so many hours is old; 0: none ever is.",
    )
    old_worklist: Literal["comment", "refuse"] = Field(
        "comment",
        description="What a query of an old worklist is answered with. comment: its exams, and an Error "
        "Comment that says how old they are; refuse: a failure (A700), and no exams.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Log lines below this level are left out."
    )
    log_format: Literal["plain", "json"] = Field("plain", description="Form of the log lines on stderr.")

    @model_validator(mode="after")
    def _has_both_files(self) -> RelaySettings:
        if (self.cloud_certificate is None) != (self.cloud_private_key is None):
            raise Rejected("cloud_certificate and cloud_private_key: give both or neither")
        return self

    @property
    def client_certificate(self) -> tuple[Path, Path] | None:
        """Certificate and private key for a cloud that asks for them; None: there are none."""
        if self.cloud_certificate is None or self.cloud_private_key is None:
            return None
        return self.cloud_certificate, self.cloud_private_key

    @property
    def zone(self) -> tzinfo | None:
        """The scanners' time zone; None is this machine's, as `datetime.now` takes it."""
        return time_zone(self.time_zone) if self.time_zone else None


class TlsSettings(BaseModel):
    """The ``[tls]`` table; that it is there turns TLS on."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    port: Port = Field(2762, description="DICOM port for TLS (PS3.15 B.12); 0 takes a free one.")
    certificate: PemFile = Field(description="The relay's certificate and its chain, a PEM file.")
    private_key: PemFile = Field(description="The certificate's private key, a PEM file without password.")
    client_ca: PemFile | None = Field(
        None, description="Certificates of the authorities that issue scanners' certificates, a PEM file."
    )
    client_certificates: Literal["required", "optional", "none"] = Field(
        "required",
        description="Whether a scanner must present a certificate from client_ca, may, or is not asked.",
    )
    plain_port: bool = Field(
        True,
        description="true: also serve relay.port without TLS; false: no unencrypted DICOM.",
    )

    @model_validator(mode="after")
    def _can_be_checked(self) -> TlsSettings:
        if self.client_certificates != "none" and self.client_ca is None:
            raise Rejected(
                f"client_ca: must be given if client_certificates is {self.client_certificates}: it tells "
                "a scanner's certificate from anybody's"
            )
        return self


class StatusSettings(BaseModel):
    """The ``[status]`` table: a page for people and metrics for Prometheus, reading only."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    host: str = Field(
        "127.0.0.1", description="Address the status page listens on; the default is this machine only."
    )
    port: Port = Field(8112, description="Port of the status page and metrics (HTTP); 0 turns them off.")
    show_names: bool = Field(
        False, description="Show participants' names on the status page, to everybody who can reach it."
    )


class ArchiveSettings(BaseModel):
    """One ``[[archives]]`` table: a PACS that is asked whether images have arrived (Study Root C-FIND)."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    ae_title: AE = Field(description="The archive's AE title; scanners name it in images_from.")
    host: str = Field(min_length=1, description="Its host name or IP address.")
    port: int = Field(ge=1, le=65535, description="Its DICOM port, often 104 or 11112.")
    calling_ae_title: AE | None = Field(
        None, description="The AE title the relay calls it under. Default: ae_title of [relay]."
    )
    timeout_seconds: Seconds = Field(30, description="How long it may take to answer one query.")
    tls_ca: PemFile | None = Field(
        None, description="DICOM over TLS: the archive's certificate, or its authority's, a PEM file."
    )
    tls_client: PemFile | None = Field(
        None, description="With tls_ca, if the archive asks: the relay's certificate and key, one PEM file."
    )


class ImagesSettings(BaseModel):
    """The ``[images]`` table: how archives are asked for images of exams whose scanners report nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    pause_seconds: Seconds = Field(
        2, description="Pause between two exams; archives are asked of one at once."
    )
    first_after_minutes: float = Field(
        15, ge=0, le=1440, description="How long after its planned start an exam is first asked about."
    )
    again_after_minutes: float = Field(
        10, ge=0, le=1440, description="How long after that it is asked about again, while it is open."
    )
    settle_minutes: float = Field(
        30, ge=0, le=1440, description="Images are believed once no more have arrived for so long."
    )
    days: int = Field(7, ge=1, le=60, description="How many days an exam is asked about, while it is open.")


class Settings(BaseSettings):
    """Everything the file says, the environment on top."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix="MWL_",
        env_nested_delimiter="__",
        hide_input_in_errors=True,
    )

    relay: RelaySettings = Field(description="The relay itself.")
    tls: TlsSettings | None = Field(None, description="DICOM over TLS; without this table it is off.")
    status: StatusSettings = Field(StatusSettings(), description="The status page.")
    scanners: tuple[ScannerProfile, ...] = Field(
        (), description="The scanners that may connect, one table each."
    )

    archives: tuple[ArchiveSettings, ...] = Field(
        (), description="Archives (PACS) that tell of the images of scanners without MPPS, one table each."
    )
    images: ImagesSettings = Field(ImagesSettings(), description="How archives are asked.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file, which arrives as keyword arguments."""
        return env_settings, init_settings

    @model_validator(mode="after")
    def _ports_differ(self) -> Settings:
        ports = {"status.port": self.status.port}
        if self.tls is None or self.tls.plain_port:
            ports["relay.port"] = self.relay.port
        if self.tls is not None:
            ports["tls.port"] = self.tls.port
        taken: dict[int, str] = {}
        for key, port in ports.items():
            if port and port in taken:
                raise Rejected(f"{key} and {taken[port]} must differ")
            taken[port] = key
        return self

    @model_validator(mode="after")
    def _scanners_differ(self) -> Settings:
        try:
            check_listed_once(scanner.ae_title for scanner in self.scanners)
        except Rejected as error:
            raise Rejected(f"scanners: {error.what}") from None
        return self

    @model_validator(mode="after")
    def _archives_are_listed(self) -> Settings:
        titles = [each.ae_title for each in self.archives]
        try:
            check_listed_once(titles)
        except Rejected as error:
            raise Rejected(f"archives: {error.what}") from None
        for each in self.scanners:
            if each.images_from and each.images_from not in titles:
                raise Rejected(f"scanners: images_from of {each.ae_title} is no archive of [[archives]]")
        for archive in self.archives:
            if archive.tls_client and not archive.tls_ca:
                raise Rejected(
                    f"archives: {archive.ae_title} has tls_client, which encrypts only with tls_ca"
                )
        return self


def load(path: Path) -> Settings:
    """Read the settings; raise `Rejected` naming the file and every key that is wrong."""
    settings = _parsed(path)
    try:
        _check_files("relay", settings.relay, {"cloud_certificate", "cloud_private_key"})
        _check_files("tls", settings.tls, {"certificate", "private_key", "client_ca"})
        for archive in settings.archives:
            _check_files(f"archives.{archive.ae_title}", archive, {"tls_ca", "tls_client"})
        _check_profiles(settings.scanners)
    except Rejected as error:
        raise Rejected(str(error), where=str(path)) from None
    return settings


def nobody_may_connect(settings: Settings) -> str:
    """Return why every scanner would be refused; empty if one may connect, or the cloud may add some."""
    open_to_some = settings.scanners or settings.relay.allow_any_scanner
    if open_to_some or settings.relay.cloud_scanners == "add":
        return ""
    return "no scanner is listed, so every scanner would be refused"


def _parsed(path: Path) -> Settings:
    try:
        raw: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise Rejected(f"cannot be read: {error.strerror}", where=str(path)) from None
    except UnicodeDecodeError:
        raise Rejected("is not UTF-8 text", where=str(path)) from None
    except tomllib.TOMLDecodeError as error:
        raise Rejected(f"is not TOML: {error}", where=str(path)) from None
    try:
        return Settings(**raw)
    except ValidationError as error:
        raise Rejected(
            reasons(error, Settings), where=str(path), hint="mwl-relay check-config --explain lists all keys"
        ) from None


def _check_files(table: str, settings: BaseModel | None, keys: set[str]) -> None:
    """Refuse files that cannot be read now, rather than when they are first needed."""
    files = {} if settings is None else settings.model_dump(include=keys)
    for key, file in files.items():
        try:
            if file is not None:
                with Path(file).open("rb"):
                    pass
        except OSError as error:
            raise Rejected(f"{table}.{key}: {file} cannot be read: {error.strerror}") from None


def _check_profiles(scanners: tuple[ScannerProfile, ...]) -> None:
    with_attributes = [scanner for scanner in scanners if scanner.names_attributes]
    if not with_attributes:
        return
    from edge_relay.worklist.scanner_attributes import check_profile  # noqa: PLC0415  (the worklist's tables are large)

    for scanner in with_attributes:
        try:
            check_profile(scanner)
        except Rejected as error:
            raise Rejected(f"scanner {scanner.ae_title}: {error}") from None
