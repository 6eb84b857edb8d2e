"""The relay's settings: one TOML file, every key overridable from the environment.

``[relay]`` holds one value a key, ``[[scanners]]`` one table a scanner. ``MWL_RELAY__PORT=11113`` overrides
``port`` of ``[relay]``. Each setting is documented by its field's description, which ``mwl-relay check-config
--explain`` prints; that is the only place.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from edge_relay.charset import UTF8, check_terms
from shared.dicom_text import AE
from shared.errors import Rejected


def _terms(value: object) -> object:
    return value.split("\\") if isinstance(value, str) else value


def _cloud_url(value: str) -> str:
    parts = urlsplit(value)
    loopback = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Rejected("must look like https://host/path")
    if parts.scheme == "http" and not loopback:
        raise Rejected("must begin with https://; plain http is allowed for this machine only")
    return value.rstrip("/")


CharacterSetTerms = Annotated[tuple[str, ...], BeforeValidator(_terms), AfterValidator(check_terms)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class Scanner(BaseModel):
    """One ``[[scanners]]`` table: a scanner that may connect."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    ae_title: AE = Field(description="Its calling AE title; anyone else is refused (reject reason 3).")
    charset: CharacterSetTerms | None = Field(
        None,
        description="Character set of the answers it gets, e.g. 'ISO_IR 100'; several ISO 2022 sets are "
        "joined by a backslash. Default: charset of [relay].",
    )
    ignore_accents: bool = Field(False, description="Its queries find 'Muller' when asked for 'Müller'.")
    combine_date_and_time: bool = Field(
        True,
        description="A date range with a time range means one interval, as the standard says; false: the "
        "times of each day.",
    )


class RelaySettings(BaseModel):
    """The ``[relay]`` table."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    ae_title: AE = Field("MWL_RELAY", description="The relay's own AE title; calls to another are refused.")
    host: str = Field(
        "0.0.0.0",  # noqa: S104  scanners connect from other machines; narrowing it is the operator's choice
        description="Address to listen on; 0.0.0.0 is every IPv4 address of this machine.",
    )
    port: int = Field(11112, ge=0, le=65535, description="DICOM port to listen on; 0 takes a free one.")
    cloud_url: Annotated[str, AfterValidator(_cloud_url)] = Field(
        description="Where the cloud's API is, e.g. https://worklist.example.org; relay calls go below it."
    )
    cloud_timeout_seconds: Seconds = Field(
        10, description="How long one call to the cloud may take before it counts as failed."
    )
    pull_interval_seconds: Seconds = Field(5, description="How often to ask the cloud for changes.")
    page_size: int = Field(200, ge=1, le=1000, description="Most items to ask for in one page.")
    push_batch: int = Field(50, ge=1, le=500, description="Most MPPS events to send in one call.")
    retry_max_seconds: Seconds = Field(
        60, description="Longest pause between attempts while the cloud is unavailable; they begin at 1 s."
    )
    forbidden_retry_seconds: Seconds = Field(
        300, description="Pause between attempts after the cloud refused this relay (revoked or unknown)."
    )
    allow_any_scanner: bool = Field(
        False, description="Accept any calling AE title. For tests; it opens the worklist to the network."
    )
    charset: CharacterSetTerms = Field(
        (UTF8,), description="Character set of the answers, for scanners that name none of their own."
    )
    max_associations: int = Field(64, ge=1, le=1024, description="Most associations open at once.")
    network_timeout_seconds: Seconds = Field(
        60, description="An association on which nothing happens for so long is ended."
    )
    pdu_timeout_seconds: Seconds = Field(
        10,
        description="How long one PDU may take to arrive or to be taken by the peer, before it is dropped.",
    )
    stop_timeout_seconds: Seconds = Field(5, description="How long stopping may take, whatever peers do.")
    log_format: Literal["plain", "json"] = Field("plain", description="Form of the log lines on stderr.")


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
    scanners: tuple[Scanner, ...] = Field((), description="The scanners that may connect, one table each.")

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

    def scanner(self, ae_title: str) -> Scanner:
        """Return a scanner's profile; the defaults for one that is not listed."""
        known = {scanner.ae_title: scanner for scanner in self.scanners}
        return known.get(ae_title) or Scanner(ae_title=ae_title)


def load(path: Path) -> Settings:
    """Read the settings; raise `Rejected` naming the file and every key that is wrong."""
    try:
        raw: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise Rejected(f"cannot be read: {error.strerror}", where=str(path)) from None
    except UnicodeDecodeError:
        raise Rejected("is not UTF-8 text", where=str(path)) from None
    except tomllib.TOMLDecodeError as error:
        raise Rejected(f"is not TOML: {error}", where=str(path)) from None
    try:
        settings = Settings(**raw)
    except ValidationError as error:
        problems = "; ".join(
            f"{_key(e['loc'])}: {_reason(e['msg'])}" for e in error.errors(include_input=False)
        )
        raise Rejected(
            problems, where=str(path), hint="mwl-relay check-config --explain lists all keys"
        ) from None
    _check_scanners(settings, path)
    return settings


def explain() -> list[tuple[str, str, str]]:
    """Return every setting as (key, default, description)."""
    rows = []
    tables: tuple[tuple[str, type[BaseModel]], ...] = (("relay", RelaySettings), ("scanners[]", Scanner))
    for table, model in tables:
        for name, field in model.model_fields.items():
            default = "required" if field.is_required() else _shown(field.default)
            rows.append((f"{table}.{name}", default, field.description or ""))
    return rows


def _check_scanners(settings: Settings, path: Path) -> None:
    titles = [scanner.ae_title for scanner in settings.scanners]
    for title in titles:
        if titles.count(title) > 1:
            raise Rejected(f"scanners: AE title {title} is listed twice", where=str(path))


def _shown(default: object) -> str:
    if isinstance(default, tuple):
        return "\\".join(default)
    return str(default).lower() if isinstance(default, bool) else str(default)


def _key(location: tuple[int | str, ...]) -> str:
    text = ""
    for part in location:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".")


def _reason(message: str) -> str:
    return message.removeprefix("Value error, ")
